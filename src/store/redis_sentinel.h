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

#include "fcgiwait/clock.h"
#include "redis_place.h"

#define REDIS_ADDRESS 264

struct redis_address {
    char host[REDIS_ADDRESS];
    int port; /* 0: a socket's path */
};

/* Blocks, for `patience` at most for each sentinel, until `cut`. False with `error`: none
 * of them knows it. */
bool redis_sentinel_ask(const struct redis_place *place, nanos patience,
                        const _Atomic bool *cut, struct redis_address *master,
                        char *error, size_t capacity);

#endif
