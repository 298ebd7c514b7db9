/* SPDX-License-Identifier: ISC */
/*
 * waiter: one request that is held. Embedded in the request, so that parking needs no
 * memory.
 *
 * Everything here belongs to the waiting room (room.h) from room_park() until the waiter
 * is let go; guarded by its worker's lock. Four can want it: a change, its expiry, a
 * hang-up, the shutdown. `state` says who has it.
 */
#ifndef FCGIWAIT_WAITER_H
#define FCGIWAIT_WAITER_H

#include <stddef.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/tree.h"

enum verdict {
    VERDICT_CHANGED,
    VERDICT_EXPIRED,
    VERDICT_HUNG_UP, /* the client went away */
    VERDICT_STOPPING
};

enum waiter_state {
    WAITER_FREE,    /* not in the room: never was, or has been let go */
    WAITER_WAITING, /* in its worker's heap, and watching */
    WAITER_TAKEN,   /* its worker is about to answer it */
    WAITER_HUNG_UP  /* hung up while its waitlist was on the way to its worker */
};

struct waiter {
    struct watch watch; /* first: a worker finds its waiters through their watches */
    struct worker *worker;
    struct instant deadline;
    size_t heap_at;
    enum waiter_state state;
    enum verdict verdict; /* of WAITER_TAKEN */
};

#endif
