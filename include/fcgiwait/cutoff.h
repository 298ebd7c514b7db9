/* SPDX-License-Identifier: ISC */
/*
 * cutoff: notices that waiting requests are ended from outside, again and again after the
 * same time: somebody's timeout is shorter than the wait.
 *
 * Keeps the last few hang-ups. Plain values; time is an argument; not safe for several
 * threads at once. All zero is a new one.
 */
#ifndef FCGIWAIT_CUTOFF_H
#define FCGIWAIT_CUTOFF_H

#include <stddef.h>

#include "fcgiwait/clock.h"

#define CUTOFF_KEPT 32

struct cutoff_hangup {
    nanos waited;      /* when it was hung up; 0: none yet */
    struct instant at; /* when that was */
};

struct cutoff {
    struct cutoff_hangup kept[CUTOFF_KEPT];
    size_t next;         /* of `kept`: the oldest */
    struct instant said; /* when it was last told; 0: never */
};

/* A request was hung up after `waited`, short of its wait. Returns after how long
 * requests are cut off, rounded to a tenth of a second, once this is to be told: at most
 * once a minute. Else 0. Less than a second is nobody's timeout. */
nanos cutoff_note(struct cutoff *cutoff, nanos waited, struct instant now);

#endif
