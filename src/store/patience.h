/* SPDX-License-Identifier: ISC */
/*
 * patience: how long to wait for whoever holds a lock of the store's files, or for an
 * engine. Private to the store.
 *
 * A process that is frozen, or a backup that takes its time, may hold one for ever: each
 * wait has an end, and a stop of the process cuts all of them short.
 */
#ifndef FCGIWAIT_STORE_PATIENCE_H
#define FCGIWAIT_STORE_PATIENCE_H

#include <stdatomic.h>
#include <stdbool.h>

#include "fcgiwait/lock.h"

struct patience {
    struct instant until;      /* one thread's */
    const _Atomic nanos *stop; /* an instant that may come nearer meanwhile; NULL: none */
};

/* The process stops: what edits under way have left. Returns until when. Who waits on
 * `cond` (patience_wait) under `lock` is told; both may be NULL. */
struct instant patience_cut(_Atomic nanos *stop, struct lock *lock, pthread_cond_t *cond);

bool patience_is_over(const struct patience *patience);

/* Sleeps a little, the longer the more tries there were (from 0). False once the time is
 * over. */
bool patience_pause(const struct patience *patience, int tries);

/* The same on `cond`, until somebody signals it, as lock_wait_until(). */
bool patience_wait(const struct patience *patience, struct lock *lock,
                   pthread_cond_t *cond);

#endif
