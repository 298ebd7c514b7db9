/* SPDX-License-Identifier: ISC */
/*
 * waiter: one request that is held. Embedded in the request, so that parking needs no
 * memory, unless it waits for more than one thing.
 *
 * Everything here belongs to the waiting room (room.h) from room_park() until the waiter
 * is let go; guarded by its worker's lock. Four can want it: a change, its expiry, a
 * hang-up, the shutdown. `state` says who has it.
 */
#ifndef FCGIWAIT_WAITER_H
#define FCGIWAIT_WAITER_H

#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/tree.h"

enum verdict {
    VERDICT_CHANGED,
    VERDICT_EXPIRED,
    VERDICT_HUNG_UP, /* the client went away while a change was on its way to it */
    VERDICT_STOPPING
};

enum waiter_state {
    WAITER_FREE,    /* not in the room: never was, or has been let go */
    WAITER_WAITING, /* in its worker's heap, and watching */
    WAITER_CALLED,  /* its verdict stands; it is let go with the last of its watches that
                       was on the way to its worker */
    WAITER_TAKEN    /* its worker is about to answer it */
};

struct waiter;

/* The waiter has been let go, with this verdict. `news` is what the change made of one of
 * the targets, for VERDICT_CHANGED only; it is the room's. Called by a worker with no
 * locks held; must not block. */
typedef void waiter_answer_fn(struct waiter *waiter, enum verdict verdict,
                              const struct present *news);

struct waiter {
    waiter_answer_fn *answer; /* set by the owner before room_park() */
    struct instant deadline;
    union {
        struct watch one;
        struct watch *several; /* malloc'd, where `count` is more than one */
    };
    uint32_t heap_at;
    uint32_t count;          /* watches */
    uint32_t linked;         /* of those, in a waitlist */
    _Atomic uint16_t worker; /* counted from 1; 0: it was never admitted */
    uint8_t state : 4;       /* enum waiter_state */
    uint8_t verdict : 4;     /* enum verdict; of WAITER_CALLED and WAITER_TAKEN */
    uint8_t left;            /* the client went away while it was not in the room */
};

#endif
