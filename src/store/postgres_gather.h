/* SPDX-License-Identifier: ISC */
/*
 * postgres_gather: what one transaction changes, each path once. Private to the
 * PostgreSQL store; one thread's.
 *
 * However much a transaction changes, this stays small: beyond POSTGRES_PATHS_MOST paths
 * the rest of a table counts as everything below the fixed parts of its templates, and
 * where that is too much as well, or there is no memory, as everything.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_GATHER_H
#define FCGIWAIT_STORE_POSTGRES_GATHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/change.h"
#include "postgres_table.h"

#define POSTGRES_PATHS_MOST 1000
#define POSTGRES_WHOLE_MOST 64 /* tables that are too much */

struct gathered;

struct postgres_gather {
    struct gathered *touched, *below; /* by path */
    size_t count, count_below;
    bool everything;
    uint32_t whole[POSTGRES_WHOLE_MOST]; /* relations whose rows are not looked at */
    size_t whole_count;
    bool full; /* touch() has refused a path */
    struct change changes[POSTGRES_PATHS_MOST + POSTGRES_WHOLE_MOST];
};

/* A change of rows. */
void postgres_gather_row(struct postgres_gather *gather, struct postgres_tables *tables,
                         const struct postgres_message *message);

/* A path; `below`: everything at and below it. */
void postgres_gather_path(struct postgres_gather *gather, struct text path, bool below);

/* Nobody knows what: everything. */
void postgres_gather_everything(struct postgres_gather *gather);

static inline bool postgres_gather_is_empty(const struct postgres_gather *gather)
{
    return gather->count == 0 && gather->count_below == 0 && !gather->everything;
}

/* All of it under one index, in gather->changes; their paths last until the gather is
 * emptied. `marks`: how many paths have a CHANGE_EVERYTHING already. Returns how many. */
size_t postgres_gather_changes(struct postgres_gather *gather, uint64_t index, nanos at,
                               size_t marks);

/* For the next transaction. */
void postgres_gather_empty(struct postgres_gather *gather);

#endif
