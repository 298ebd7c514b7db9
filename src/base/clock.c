/* SPDX-License-Identifier: ISC */
/*
 * Time as numbers: monotonic for every deadline, the wall clock for what people read
 * alone. Sums end at INSTANT_NEVER instead of running over.
 */
#include "fcgiwait/clock.h"

#include <limits.h>
#include <time.h>

static nanos read_clock(clockid_t clock)
{
    struct timespec at;
    clock_gettime(clock, &at); /* fails only for a clock that does not exist */
    return (nanos)at.tv_sec * NANOS_PER_SECOND + at.tv_nsec;
}

struct instant clock_now(void)
{
    return (struct instant){read_clock(CLOCK_MONOTONIC)};
}

nanos clock_wall(void)
{
    return read_clock(CLOCK_REALTIME);
}

struct instant instant_after(struct instant start, nanos span)
{
    if (span > 0 && start.at > INT64_MAX - span)
        return INSTANT_NEVER;
    return (struct instant){start.at + span};
}

int instant_left_ms(struct instant then, struct instant now)
{
    if (then.at == INSTANT_NEVER.at)
        return -1;
    if (then.at <= now.at)
        return 0;
    nanos left = then.at - now.at;
    nanos ms = left / NANOS_PER_MS + (left % NANOS_PER_MS != 0);
    return ms < INT_MAX ? (int)ms : INT_MAX;
}

int cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attributes;
    int result = pthread_condattr_init(&attributes);
    if (result != 0)
        return result;
    result = pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (result == 0)
        result = pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
    return result;
}
