/* SPDX-License-Identifier: ISC */
/*
 * worker: one thread of the waiting room, and the waiters that belong to it. Private to
 * the room.
 *
 * The thread gathers a few waiters under its lock and answers them without it, so that
 * parking goes on while a large waitlist is being answered.
 */
#ifndef FCGIWAIT_ROOM_WORKER_H
#define FCGIWAIT_ROOM_WORKER_H

#include <pthread.h>

#include "deadline.h"
#include "fcgiwait/lock.h"
#include "fcgiwait/room.h"

struct worker {
    unsigned number;
    const struct room_options *options;
    pthread_t thread;

    struct lock lock; /* guards what follows, and the waiters */
    pthread_cond_t wake;
    struct instant wakes_at; /* while asleep: when it means to wake; awake: the past */
    struct deadline_heap heap;
    size_t parked;                       /* waiters that have not been let go */
    struct waitlist *inbox, *inbox_last; /* waitlists whose share is to be answered */
    bool stopping; /* lets nobody in, and ends when nobody is left */
};

/* Starts the thread. False: it could not be had (errno); nothing to clean up. */
bool worker_start(struct worker *worker, const struct room_options *options,
                  unsigned number);
void worker_ring(struct worker *worker, struct waitlist *waitlist);
enum room_parked worker_park(struct worker *worker, struct waiter *waiter,
                             const struct target *targets, size_t count);
bool worker_leave(struct worker *worker, struct waiter *waiter);
void worker_drain(struct worker *worker, nanos span);
void worker_join(struct worker *worker); /* after worker_drain() */
void worker_dispose(struct worker *worker);

#endif
