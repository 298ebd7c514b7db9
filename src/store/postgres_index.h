/* SPDX-License-Identifier: ISC */
/*
 * postgres_index: the index of a place in the server's log. Private to the PostgreSQL
 * store; pure.
 *
 * A record of the log begins at a multiple of 8 bytes. A promotion may take the place
 * back, and takes the next timeline, which counts as so much of the log that this does
 * not matter: 512 GB. So the index is the same for everybody who follows the server, and
 * goes up for as long as it is the same one. Where it is not (another server, a backup
 * from long ago), a base is added (postgres_slot.c).
 */
#ifndef FCGIWAIT_STORE_POSTGRES_INDEX_H
#define FCGIWAIT_STORE_POSTGRES_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/change.h"

#define POSTGRES_UNIT 8
#define POSTGRES_TIMELINE_BITS 36

/* The upper half of all numbers is for other things (service/bookmark.h). Below it there
 * is room for 32 PB of log. */
#define POSTGRES_INDEX_LIMIT (INDEX_LIMIT / 2)

/* False: an index that can't be given. */
static inline bool postgres_index_of(uint64_t base, uint32_t timeline, uint64_t place,
                                     uint64_t *index)
{
    if (base >= POSTGRES_INDEX_LIMIT)
        return false;
    *index =
        base + ((uint64_t)timeline << POSTGRES_TIMELINE_BITS) + place / POSTGRES_UNIT;
    return timeline < POSTGRES_INDEX_LIMIT >> POSTGRES_TIMELINE_BITS &&
           *index < POSTGRES_INDEX_LIMIT;
}

#endif
