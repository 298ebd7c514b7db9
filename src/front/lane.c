/* SPDX-License-Identifier: ISC */
/*
 * What is awaited lies in order of when it is due. Nearly everything is waited for
 * equally long, so that the place of a new one is found at the end at once.
 */
#include "lane.h"

#include <utlist.h>

bool lane_open(struct lane *lane, struct service *service, struct counters *counters,
               struct census *census, poller_event_fn *event)
{
    if (!poller_open(&lane->poller, event))
        return false;
    lane->service = service;
    lane->counters = counters;
    lane->census = census;
    lock_init(&lane->lock, LOCK_LANE);
    return true;
}

void lane_close(struct lane *lane)
{
    fcgi_reader_free(&lane->spare);
    poller_close(&lane->poller);
    lock_destroy(&lane->lock);
}

void lane_bring(struct lane *lane, struct member *member)
{
    lock_take(&lane->lock);
    bool first = lane->arrivals == NULL;
    DL_APPEND(lane->arrivals, member);
    lock_drop(&lane->lock);
    if (first)
        poller_ring(&lane->poller);
}

struct member *lane_let_in(struct lane *lane)
{
    lock_take(&lane->lock);
    struct member *arrivals = lane->arrivals;
    lane->arrivals = NULL;
    lock_drop(&lane->lock);
    struct member *first = arrivals;
    DL_CONCAT(lane->members, arrivals);
    return first;
}

bool lane_is_empty(struct lane *lane)
{
    lock_take(&lane->lock);
    bool none = lane->arrivals == NULL;
    lock_drop(&lane->lock);
    return none && lane->members == NULL;
}

/* The lock is held. */
static void forget(struct lane *lane, struct member *member)
{
    if (member->due != 0)
        DL_DELETE2(lane->awaited, member, due_prev, due_next);
    member->due = 0;
}

void lane_leave(struct lane *lane, struct member *member, int fd)
{
    lane_await_nothing(lane, member);
    poller_remove(&lane->poller, fd);
    DL_DELETE(lane->members, member);
}

/* The lock is held. utlist's head knows its last. */
static void put_in_order(struct lane *lane, struct member *member)
{
    struct member *before = lane->awaited != NULL ? lane->awaited->due_prev : NULL;
    while (before != NULL && before->due > member->due)
        before = before == lane->awaited ? NULL : before->due_prev;
    DL_APPEND_ELEM2(lane->awaited, before, member, due_prev, due_next);
}

void lane_await(struct lane *lane, struct member *member, nanos span)
{
    lock_take(&lane->lock);
    forget(lane, member);
    member->due = instant_after(clock_now(), span).at;
    put_in_order(lane, member);
    /* Its own thread looks again before it sleeps. */
    bool early =
        member->due < lane->wakes_at.at && !pthread_equal(lane->self, pthread_self());
    if (early)
        lane->wakes_at.at = 0;
    lock_drop(&lane->lock);
    if (early)
        poller_ring(&lane->poller);
}

void lane_await_nothing(struct lane *lane, struct member *member)
{
    if (member->due == 0)
        return;
    lock_take(&lane->lock);
    forget(lane, member);
    lock_drop(&lane->lock);
}

struct member *lane_overdue(struct lane *lane)
{
    lock_take(&lane->lock);
    struct member *first = lane->awaited;
    if (first != NULL && first->due > clock_now().at)
        first = NULL;
    if (first != NULL)
        forget(lane, first);
    lock_drop(&lane->lock);
    return first;
}

bool lane_wait(struct lane *lane)
{
    lock_take(&lane->lock);
    struct instant until = INSTANT_NEVER;
    if (lane->awaited != NULL)
        until.at = lane->awaited->due;
    lane->wakes_at = until;
    lock_drop(&lane->lock);
    return poller_wait(&lane->poller, until);
}

struct fcgi_reader *lane_reader(struct lane *lane)
{
    struct fcgi_reader *reader = lane->spare != NULL ? lane->spare : fcgi_reader_new();
    lane->spare = NULL;
    return reader;
}

void lane_return(struct lane *lane, struct fcgi_reader **pointer)
{
    struct fcgi_reader *reader = *pointer;
    *pointer = NULL;
    if (reader == NULL)
        return;
    fcgi_reader_reset(reader);
    if (lane->spare == NULL && fcgi_reader_rests(reader))
        lane->spare = reader;
    else
        fcgi_reader_free(&reader);
}
