/* SPDX-License-Identifier: ISC */
/*
 * again: a heap of edits by the time when they are due, and a thread that sleeps until
 * the first is. Nothing is lost where there is no room or no memory for one: then
 * everything behind origins counts as changed once that second is over, for all that were
 * due in it. Edits are committed with no lock held.
 */
#include "again.h"

#include <errno.h>
#include <string.h>

#include "fcgiwait/duration.h"
#include "fcgiwait/log.h"
#include "service_private.h"

/* How long a stop waits for the store. */
#define PATIENCE (5 * NANOS_PER_SECOND)

bool again_parse(struct text t, nanos times[AGAIN_TIMES], size_t *count)
{
    struct text one;
    bool sound = true;
    *count = 0;
    while (t.len > 0 && text_cut(&t, ',', &one)) {
        nanos time;
        if (*count < AGAIN_TIMES && duration_parse(text_trim(one), &time) &&
            time <= AGAIN_LATEST)
            times[(*count)++] = time;
        else
            sound = false;
    }
    return sound;
}

int again_open(struct again *again, struct service *service)
{
    again->service = service;
    int result = cond_init_monotonic(&again->wake);
    if (result != 0)
        return result;
    result = cond_init_monotonic(&again->through);
    if (result == 0)
        lock_init(&again->lock, LOCK_AGAIN);
    else
        pthread_cond_destroy(&again->wake);
    return result;
}

void again_dispose(struct again *again)
{
    pthread_cond_destroy(&again->wake);
    pthread_cond_destroy(&again->through);
    lock_destroy(&again->lock);
}

/* --- the heap; its lock is held --- */

static void heap_put(struct again *again, size_t at, struct again_entry entry)
{
    struct again_entry *heap = again->heap;
    for (; at > 0 && heap[(at - 1) / 2].at.at > entry.at.at; at = (at - 1) / 2)
        heap[at] = heap[(at - 1) / 2];
    heap[at] = entry;
}

static struct pending *heap_take(struct again *again)
{
    struct again_entry *heap = again->heap, last = heap[--again->count];
    struct pending *first = heap[0].pending;
    size_t at = 0, child;
    while ((child = 2 * at + 1) < again->count) {
        if (child + 1 < again->count && heap[child + 1].at.at < heap[child].at.at)
            child++;
        if (heap[child].at.at >= last.at.at)
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = last;
    return first;
}

static struct instant next_time(const struct again *again)
{
    struct instant next = again->count > 0 ? again->heap[0].at : INSTANT_NEVER;
    nanos everything = (nanos)again->first_everything * NANOS_PER_SECOND;
    if (everything != 0 && everything < next.at)
        next.at = everything;
    return next;
}

/* --- the seconds of everything; the lock is held --- */

static void put_everything(struct again *again, struct instant at)
{
    uint64_t second = (uint64_t)(at.at / NANOS_PER_SECOND) + 1;
    if (again->first_everything == 0 || second < again->first_everything)
        again->first_everything = second;
    again->everything[second % AGAIN_SECONDS] = true;
}

/* At a stop one is for all of them. */
static void take_everything(struct again *again)
{
    uint64_t second = again->first_everything, last = second + AGAIN_SECONDS;
    do
        again->everything[second++ % AGAIN_SECONDS] = false;
    while (second < last &&
           (again->is_closed || !again->everything[second % AGAIN_SECONDS]));
    again->first_everything = second < last ? second : 0;
}

/* --- what is due --- */

void again_done(struct pending *pending)
{
    struct service *service = pending->service;
    for (size_t i = 0; i < pending->count; i++)
        if (pending->edits[i].result != EDIT_CHANGED &&
            pending->edits[i].result != EDIT_KEPT)
            atomic_store(&service->missed, true);
    counter_add(&service->counters->repeated, 1);
    pending_free(&pending);
    lock_take(&service->again.lock);
    if (--service->again.under_way == 0)
        pthread_cond_signal(&service->again.through);
    lock_drop(&service->again.lock);
}

/* Under the lock: it is given up meanwhile, since a store may answer at once. */
static void commit(struct again *again, struct pending *pending)
{
    if (pending == NULL)
        pending = pending_everything(again->service, again_done);
    if (pending == NULL) {
        atomic_store(&again->service->missed, true);
        return;
    }
    again->under_way++;
    lock_drop(&again->lock);
    pending_commit(pending);
    lock_take(&again->lock);
}

/* Commits one that is due by `until`. False: none is. The lock is held, and given up
 * meanwhile. */
static bool commit_next(struct again *again, struct instant until)
{
    struct pending *pending = NULL;
    if (next_time(again).at > until.at || next_time(again).at == INSTANT_NEVER.at)
        return false;
    if (again->count > 0 && again->heap[0].at.at == next_time(again).at)
        pending = heap_take(again);
    else
        take_everything(again);
    commit(again, pending);
    return true;
}

static void *run(void *context)
{
    struct again *again = context;
    lock_take(&again->lock);
    while (!again->is_closed)
        if (!commit_next(again, clock_now()))
            lock_wait_until(&again->lock, &again->wake, next_time(again));
    lock_drop(&again->lock);
    return NULL;
}

/* --- adding --- */

/* The lock is held. */
static bool is_running(struct again *again)
{
    if (!again->is_running)
        again->is_running = pthread_create(&again->thread, NULL, run, again) == 0;
    return again->is_running;
}

/* The lock is held. */
static void keep(struct again *again, struct pending *pending, struct instant at)
{
    if (pending != NULL && again->count < AGAIN_MOST) {
        heap_put(again, again->count++, (struct again_entry){at, pending});
        return;
    }
    if (pending != NULL)
        pending_free(&pending);
    put_everything(again, at);
}

void again_add(struct again *again, struct pending *pending, struct instant at)
{
    lock_take(&again->lock);
    bool later = !again->is_closed && is_running(again);
    if (later)
        keep(again, pending, at);
    else
        commit(again, pending);
    lock_drop(&again->lock);
    if (later)
        pthread_cond_signal(&again->wake);
}

void again_close(struct again *again)
{
    lock_take(&again->lock);
    bool running = again->is_running;
    again->is_running = false;
    again->is_closed = true;
    lock_drop(&again->lock);
    if (running) {
        pthread_cond_signal(&again->wake);
        pthread_join(again->thread, NULL);
    }
    lock_take(&again->lock);
    while (commit_next(again, INSTANT_NEVER))
        ;
    struct instant late = instant_after(clock_now(), PATIENCE);
    while (again->under_way > 0 && lock_wait_until(&again->lock, &again->through, late))
        ;
    lock_drop(&again->lock);
}
