/* SPDX-License-Identifier: ISC */
/*
 * lock: a mutex with a rank.
 *
 * A thread takes locks only upwards in rank, so no two threads can wait for each other.
 * Builds with --enable-sanitizer die at the first violation. pthread calls that can only
 * fail by our own bug end the program.
 */
#ifndef FCGIWAIT_LOCK_H
#define FCGIWAIT_LOCK_H

#include <pthread.h>
#include <stdbool.h>

#include "fcgiwait/clock.h"

/* The order in which locks are taken. Each header says what its lock guards. */
enum lock_rank {
    LOCK_CONNECTION = 1, /* front/connection.h */
    LOCK_STORE,          /* store/memory.c, store/sqlite.h */
    LOCK_QUEUE,          /* store/queue.h */
    LOCK_LINK,           /* store/redis_link.h */
    LOCK_WORKER,         /* room/worker.h */
    LOCK_TREE,           /* tree/node.h */
    LOCK_LANE,           /* front/lane.h */
    LOCK_CENSUS,         /* front/census.h */
    LOCK_EVENTS,         /* service/built.h: of streams */
    LOCK_RULES,          /* service/service_private.h */
    LOCK_CUTOFF,         /* service/service_private.h */
    LOCK_AGAIN,          /* service/again.h */
    LOCK_PLACES,         /* service/places.h */
    LOCK_PAGES,          /* service/built.h: of answers */
    LOCK_BUILDER,        /* service/builder.h */
    LOCK_LIVE,           /* service/live.h */
    LOCK_ENGINE,         /* fcgiwait/engine.h */
    LOCK_LOG             /* base/log.c */
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;
};

void lock_init(struct lock *lock, enum lock_rank rank);
void lock_destroy(struct lock *lock);
void lock_take(struct lock *lock);
void lock_drop(struct lock *lock);

/* Dies, in checking builds, where the calling thread does not hold the lock. */
void lock_must_hold(const struct lock *lock);

/* Dies, in checking builds, where the calling thread holds any: what follows may block.
 */
void lock_must_hold_none(void);

/* Sleeps on `cond` (of cond_init_monotonic()) with the lock given up meanwhile. False
 * once `until` has passed. Wakes without a reason at times. */
bool lock_wait_until(struct lock *lock, pthread_cond_t *cond, struct instant until);

#endif
