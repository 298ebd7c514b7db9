/* SPDX-License-Identifier: ISC */
/*
 * Neither flock(2) nor SQLite waits with a bound, so we look again and again: often while
 * another process is just about to be done, and seldom once it is not.
 */
#include "patience.h"

#include <stddef.h>

#include "fcgiwait/thread.h"

/* A stop waits for other programs, and for an engine, as long as they mostly take. */
#define LAST_PATIENCE (1 * NANOS_PER_SECOND)

struct instant patience_cut(_Atomic nanos *stop, struct lock *lock, pthread_cond_t *cond)
{
    struct instant end = instant_after(clock_now(), LAST_PATIENCE);
    atomic_store(stop, end.at);
    if (cond != NULL) {
        lock_take(lock);
        pthread_cond_broadcast(cond);
        lock_drop(lock);
    }
    return end;
}

/* When it is over, as far as is known. */
static struct instant end_of(const struct patience *patience)
{
    nanos stop = patience->stop != NULL ? atomic_load(patience->stop) : INT64_MAX;
    return (struct instant){stop < patience->until.at ? stop : patience->until.at};
}

static nanos step(int tries)
{
    if (tries < 50)
        return NANOS_PER_MS / 10;
    return tries < 100 ? NANOS_PER_MS : 10 * NANOS_PER_MS;
}

bool patience_is_over(const struct patience *patience)
{
    return clock_now().at >= end_of(patience).at;
}

bool patience_pause(const struct patience *patience, int tries)
{
    if (patience_is_over(patience))
        return false;
    thread_pause(step(tries));
    return true;
}

bool patience_wait(const struct patience *patience, struct lock *lock,
                   pthread_cond_t *cond)
{
    if (patience_is_over(patience))
        return false;
    lock_wait_until(lock, cond, end_of(patience));
    return true;
}
