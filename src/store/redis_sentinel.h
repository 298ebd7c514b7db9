/* SPDX-License-Identifier: ISC */
/*
 * redis_sentinel: which engine Redis Sentinel has made the master. Private to the Redis
 * store.
 *
 * Sentinels that were cut off name the master of before. A failover raises the number of
 * the configuration, so all are asked, and the highest number counts.
 */
#ifndef FCGIWAIT_STORE_REDIS_SENTINEL_H
#define FCGIWAIT_STORE_REDIS_SENTINEL_H

#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>

#include "fcgiwait/clock.h"
#include "redis_place.h"

#define REDIS_ADDRESS 264

struct redis_address {
    char host[REDIS_ADDRESS];
    int port; /* 0: a socket's path */
};

static inline bool redis_address_is(const struct redis_address *one,
                                    const struct redis_address *other)
{
    return one->port == other->port && strcmp(one->host, other->host) == 0;
}

/* As hiredis wants it. */
static inline struct timeval redis_timeval(nanos span)
{
    return (struct timeval){span / NANOS_PER_SECOND, span % NANOS_PER_SECOND / 1000};
}

/* What they say together. */
struct redis_verdict {
    struct redis_address master;
    size_t agreed; /* sentinels that named this one; 0: none of them knows any */
};

/* Blocks, for `patience` at most for each sentinel, until `cut`. False with `error`: none
 * of them knows it. */
bool redis_sentinel_ask(const struct redis_place *place, nanos patience,
                        const _Atomic bool *cut, struct redis_verdict *verdict,
                        char *error, size_t capacity);

#endif
