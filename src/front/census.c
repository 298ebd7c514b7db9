/* SPDX-License-Identifier: ISC */
/*
 * Counts the connections of all threads of the front, and wakes whoever waits for the
 * last to go. One lock for all: it is taken twice in a connection's life, and never for
 * a request.
 */
#include "census.h"

int census_open(struct census *census)
{
    int result = cond_init_monotonic(&census->none);
    census->count = 0;
    if (result == 0)
        lock_init(&census->lock, LOCK_CENSUS);
    return result;
}

void census_close(struct census *census)
{
    pthread_cond_destroy(&census->none);
    lock_destroy(&census->lock);
}

void census_enter(struct census *census)
{
    lock_take(&census->lock);
    census->count++;
    lock_drop(&census->lock);
}

void census_leave(struct census *census)
{
    lock_take(&census->lock);
    if (--census->count == 0)
        pthread_cond_broadcast(&census->none);
    lock_drop(&census->lock);
}

bool census_wait(struct census *census, struct instant until)
{
    lock_take(&census->lock);
    bool late = false;
    while (census->count > 0 && !late)
        late = !lock_wait_until(&census->lock, &census->none, until);
    bool none = census->count == 0;
    lock_drop(&census->lock);
    return none;
}
