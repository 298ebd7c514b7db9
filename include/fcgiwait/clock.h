/* SPDX-License-Identifier: ISC */
/*
 * clock: what time it is, and how waits are measured.
 *
 * Waits run on CLOCK_MONOTONIC, which no clock step can move; the wall clock is for
 * people and for Last-Modified. Pure functions take the time as an argument, so tests
 * need not sleep.
 */
#ifndef FCGIWAIT_CLOCK_H
#define FCGIWAIT_CLOCK_H

#include <pthread.h>
#include <stdint.h>

typedef int64_t nanos; /* a span of time, in nanoseconds */

#define NANOS_PER_SECOND INT64_C(1000000000)
#define NANOS_PER_MS INT64_C(1000000)

/* A point on the monotonic clock. INSTANT_NEVER is later than every other. */
struct instant {
    nanos at;
};
#define INSTANT_NEVER ((struct instant){INT64_MAX})

struct instant clock_now(void);
nanos clock_wall(void); /* since 1970-01-01 00:00 UTC */

/* `start` plus `span`; INSTANT_NEVER where that does not fit. */
struct instant instant_after(struct instant start, nanos span);

/* Milliseconds from `now` to `then` for poll-like calls, rounded up so that nobody wakes
 * too early and spins; 0 when `then` has passed, -1 (wait without end) for INSTANT_NEVER.
 */
int instant_left_ms(struct instant then, struct instant now);

/* A condition variable whose timed waits run on the monotonic clock. 0, or an errno
 * value. */
int cond_init_monotonic(pthread_cond_t *cond);

#endif
