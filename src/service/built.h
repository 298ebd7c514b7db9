/* SPDX-License-Identifier: ISC */
/*
 * built: the latest of what was built to tell changes, so that many who are to be told
 * the same are told by one chunk that was built once: a change that wakes them all, a
 * restart after which all begin again. Private to the service.
 *
 * Owns a reference of each chunk and a copy of what it is about, and keeps few of them:
 * who is to be told the same is so at nearly the same time. Any thread. Threads that
 * build the same at the same moment do not wait for each other.
 */
#ifndef FCGIWAIT_SERVICE_BUILT_H
#define FCGIWAIT_SERVICE_BUILT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/chunk.h"
#include "fcgiwait/lock.h"

/* Two that have the same key are the same, byte by byte. */
struct built_key {
    struct text what; /* the path; of a feed, all that it is about */
    uint64_t index;   /* the change; of a feed, the newest */
    /* of a feed: all since then, under what it knows of the tree (feed.h) */
    uint64_t from, goes_on, horizon, undeleted;
    const void *rules;
    unsigned flags; /* what else makes it another one; the first: it is of a feed */
};

static inline unsigned built_flags(const bool *flags, size_t count)
{
    unsigned bits = 0;
    for (size_t i = 0; i < count; i++)
        bits |= (unsigned)flags[i] << i;
    return bits;
}

#define BUILT_MOST 16
#define BUILT_UNBOUNDED SIZE_MAX

struct built {
    struct lock lock; /* guards what follows; no memory is taken or given back under it */
    struct built_one {
        struct built_key key; /* its text is malloc'd */
        struct chunk *chunk;
        uint64_t reached;
        size_t bytes;
        uint64_t used; /* the last time, in lookups */
    } at[BUILT_MOST];
    size_t count, bytes, bytes_most;
    uint64_t lookups;
};

/* `bytes_most`: of them all. */
void built_open(struct built *built, enum lock_rank rank, size_t bytes_most);
void built_dispose(struct built *built);

/* A reference, and the index up to which it tells; NULL: it is not kept. */
struct chunk *built_find(struct built *built, const struct built_key *key,
                         uint64_t *reached);

/* Keeps a reference, unless it is too large; what nobody has asked for the longest makes
 * room for it. Where memory lacks it is not kept. */
void built_add(struct built *built, const struct built_key *key, struct chunk *chunk,
               uint64_t reached);

#endif
