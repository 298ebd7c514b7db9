/* SPDX-License-Identifier: ISC */
/*
 * postgres_catalogue: what the server's catalogue says about the configured tables.
 * Private to the PostgreSQL store.
 *
 * On an ordinary connection, one thread's at a time; waits for the server. No right on
 * any table is needed: catalogues are everybody's to read.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_CATALOGUE_H
#define FCGIWAIT_STORE_POSTGRES_CATALOGUE_H

#include <stdbool.h>
#include <stddef.h>

#include "postgres_table.h"

struct postgres_link;

/* Whether the server can tell what the configuration asks for: wal_level, the
 * publication, and in it every table with the columns that its templates need and a
 * replica identity that has them. Calls `say` with a sentence for each thing that is
 * wrong, and what to do. STORE_UNREACHABLE: the link's error says why. */
enum store_checked
postgres_catalogue_check(struct postgres_link *link, const char *publication,
                         struct postgres_tables *tables, struct instant until,
                         void (*say)(void *context, const char *what), void *context);

/* For a relation that is POSTGRES_UNKNOWN: asks what it is a part of, and has that
 * learned. False: the server did not answer, see the link's error. */
bool postgres_catalogue_adopt(struct postgres_link *link, struct postgres_tables *tables,
                              const struct postgres_message *relation,
                              struct instant until, enum postgres_learned *learned,
                              const char **why);

/* Of struct store_backend: the first of these, on a connection of its own. */
enum store_checked postgres_check(const struct store_options *options,
                                  void (*say)(void *context, const char *what),
                                  void *context);

#endif
