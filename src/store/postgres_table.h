/* SPDX-License-Identifier: ISC */
/*
 * postgres_table: which paths a change of a row is a change of, as the configuration maps
 * tables to them. Private to the PostgreSQL store; pure but for memory; one thread's.
 *
 * A template is a URL's path in which {column} stands for the value of that column, as
 * text, percent-encoded: /posts/{id}. The path is what the web server makes of that URL
 * (uri.h). Its fixed part is what lies before the first segment with a column: /posts.
 *
 * Whatever the log does not tell is taken as changed: a value that can't be known makes
 * it everything below the part before it. A value that no URL can have (empty, `..`, a
 * control character, NULL) touches the part before it alone, the list that the row is in;
 * but a template of `also` has nothing for a row that has NULL there.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_TABLE_H
#define FCGIWAIT_STORE_POSTGRES_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/store.h"
#include "fcgiwait/text.h"
#include "postgres_output.h"

struct postgres_tables;

/* Keeps copies. NULL with `error`: out of memory, or what store_table_wrong() says. */
struct postgres_tables *postgres_tables_new(const struct store_table *tables,
                                            size_t count, char *error, size_t capacity);
void postgres_tables_free(struct postgres_tables **tables);

/* --- the relations of one connection, as the log describes them --- */

/* A new connection: the log describes them anew. */
void postgres_tables_forget(struct postgres_tables *tables);

enum postgres_learned {
    POSTGRES_MAPPED,
    /* Not mapped by its name. It may still be a part of a table that is: until
     * postgres_tables_adopt() says so its rows are passed over. */
    POSTGRES_UNKNOWN,
    /* Mapped, but the log does not give what the templates need: `why`. Its rows touch
     * everything below the fixed parts, or below what can be known. */
    POSTGRES_LACKING,
    POSTGRES_NO_MEMORY
};

/* On each POSTGRES_RELATION. `why`: a sentence with what to do, until the next call. */
enum postgres_learned postgres_tables_learn(struct postgres_tables *tables,
                                            const struct postgres_message *message,
                                            const char **why);

/* The relation that was learned last is a part (a partition, a child) of the table of
 * this name: the same answer for it as above, POSTGRES_UNKNOWN where that is not mapped
 * either. */
enum postgres_learned postgres_tables_adopt(struct postgres_tables *tables,
                                            const struct postgres_message *message,
                                            struct text schema, struct text name,
                                            const char **why);

/* It is gone, and nobody knows what it was a part of: a change of it is one of
 * everything below all fixed parts. */
enum postgres_learned postgres_tables_doubt(struct postgres_tables *tables,
                                            const struct postgres_message *message);

/* --- changes --- */

struct postgres_toucher {
    void *context;
    /* `below`: everything at and below the path. The path lasts for the call. The same
     * one may come several times. False: no more, please. */
    bool (*touch)(void *context, struct text path, bool below);
};

/* Of an insert, update, delete or truncate: touches what it changes. A relation without a
 * mapping touches nothing. False: out of memory, or `touch` said so. */
bool postgres_tables_touch(struct postgres_tables *tables,
                           const struct postgres_message *message,
                           const struct postgres_toucher *toucher);

/* The same without looking at the row: everything below the fixed parts. Where nothing
 * but the first of many messages of a relation matters, this is cheap. */
bool postgres_tables_touch_all(struct postgres_tables *tables,
                               const struct postgres_message *message,
                               const struct postgres_toucher *toucher);

#endif
