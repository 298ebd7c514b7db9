/* SPDX-License-Identifier: ISC */
/*
 * Neither flock(2) nor SQLite waits with a bound, so we look again and again: often while
 * another process is just about to be done, and seldom once it is not.
 */
#include "patience.h"

#include <stddef.h>

#include "fcgiwait/thread.h"

static nanos step(int tries)
{
    if (tries < 50)
        return NANOS_PER_MS / 10;
    return tries < 100 ? NANOS_PER_MS : 10 * NANOS_PER_MS;
}

bool patience_is_over(const struct patience *patience)
{
    nanos now = clock_now().at;
    return now >= patience->until.at ||
           (patience->stop != NULL && now >= atomic_load(patience->stop));
}

bool patience_pause(const struct patience *patience, int tries)
{
    if (patience_is_over(patience))
        return false;
    thread_pause(step(tries));
    return true;
}
