/* SPDX-License-Identifier: ISC */
/*
 * room: the waiting room. A pool of threads, each asleep on its own condition variable
 * until a change concerns one of its waiters or its earliest wait expires.
 *
 * Owns the threads. A waiter is let go exactly once: either its worker calls its answer
 * function, or room_leave() gives it back. Park and leave: any thread. Open, drain,
 * close: main.
 */
#ifndef FCGIWAIT_ROOM_H
#define FCGIWAIT_ROOM_H

#include <stdbool.h>

#include "fcgiwait/waiter.h"

struct room_options {
    unsigned workers; /* threads; as many as the tree was made for */
    struct tree *tree;
};

struct room;

/* Starts the threads and sets the tree's bell. NULL: not enough memory or threads
 * (errno). */
struct room *room_open(const struct room_options *options);

enum room_parked {
    ROOM_PARKED,   /* the waiter is the room's now, and may have been answered already */
    ROOM_MOVED,    /* the index is not the present one any more: look again */
    ROOM_STOPPING, /* nobody is let in any more */
    ROOM_LEFT,     /* room_leave() was called since it was admitted */
    ROOM_NO_MEMORY
};

/* For a waiter that parks again and again, or later: chooses its worker. From here on a
 * client that goes away while the waiter is not parked is not missed. Whoever parks only
 * once, and at once, does not need it.
 */
void room_admit(struct room *room, struct waiter *waiter);

/* Holds the waiter until one of the targets changes from its index, or until `deadline`.
 * Then its answer function is called. */
enum room_parked room_park(struct room *room, struct waiter *waiter,
                           const struct target *targets, size_t count,
                           struct instant deadline) __attribute__((warn_unused_result));

/* The client went away. True: the waiter is the caller's again, nobody will answer it.
 * False: it is being answered, or will be with VERDICT_HUNG_UP. */
bool room_leave(struct room *room, struct waiter *waiter)
    __attribute__((warn_unused_result));

/* Lets nobody in any more, and ends every wait with VERDICT_STOPPING, spread over `span`.
 * Returns when everybody has been let go and the threads have ended; room_park() may
 * still be called. */
void room_drain(struct room *room, nanos span);

/* After room_drain(), when nobody calls any more. */
void room_close(struct room **room);

#endif
