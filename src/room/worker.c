/* SPDX-License-Identifier: ISC */
/*
 * The loop of one thread of the waiting room: gather under the lock, answer without it.
 * How fast it answers, and who goes first, is pace.h's.
 */
#include "worker.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "fcgiwait/pace.h"

/* How many waiters are gathered at a time: few enough that nobody parks late behind them.
 */
#define DUE_MOST PACE_AHEAD

/* Expiries this close together are one wake-up. */
#define EXPIRY_SLACK (2 * NANOS_PER_MS)

/* worker->wakes_at while it does not sleep. */
#define AWAKE ((struct instant){0})

/* Heap place of a waiter that has left the heap. */
#define NO_PLACE UINT32_MAX

struct due {
    struct waiter *waiters[DUE_MOST];
    size_t count;
    struct waitlist *waitlist; /* whose news they get; NULL: no change */
    bool waitlist_finished;
};

static void forget_deadline(struct worker *worker, struct waiter *waiter)
{
    if (waiter->heap_at == NO_PLACE)
        return;
    deadline_remove(&worker->heap, waiter);
    waiter->heap_at = NO_PLACE;
}

/* One watch lies in the waiter itself. */
static struct watch *watches_of(struct waiter *waiter)
{
    return waiter->count > 1 ? waiter->several : &waiter->one;
}

static bool watches_make(struct waiter *waiter, size_t count)
{
    if (count > 1) {
        waiter->several = malloc(count * sizeof *waiter->several);
        if (waiter->several == NULL)
            return false;
    }
    waiter->count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        watches_of(waiter)[i] = (struct watch){.waiter = waiter};
    return true;
}

/* Whoever waits for many things keeps their memory no longer than that. */
static void drop_watches(struct waiter *waiter)
{
    if (waiter->count > 1)
        free(waiter->several);
    waiter->count = 0;
}

static void take(struct worker *worker, struct due *due, struct waiter *waiter)
{
    waiter->state = WAITER_TAKEN;
    worker->parked--;
    drop_watches(waiter);
    due->waiters[due->count++] = waiter;
}

/* Its verdict stands from here on. True: nothing of it is on the way here any more. */
static bool call(struct worker *worker, struct waiter *waiter, enum verdict verdict)
{
    waiter->state = WAITER_CALLED;
    waiter->verdict = verdict;
    forget_deadline(worker, waiter);
    if (waiter->linked > 0)
        waiter->linked = (uint32_t)tree_unwatch(worker->options->tree, worker->number,
                                                watches_of(waiter), waiter->count);
    return waiter->linked == 0;
}

static void put_last(struct worker *worker, struct waitlist *waitlist)
{
    waitlist->shares[worker->number].next = NULL;
    if (worker->inbox == NULL)
        worker->inbox = waitlist;
    else
        worker->inbox_last->shares[worker->number].next = waitlist;
    worker->inbox_last = waitlist;
}

/* One of the waiter's watches has come with its waitlist. */
static void take_watch(struct worker *worker, struct due *due, struct watch *watch)
{
    struct waiter *waiter = watch->waiter;
    watch->waitlist = NULL;
    waiter->linked--;
    if (waiter->state == WAITER_WAITING)
        call(worker, waiter, VERDICT_CHANGED);
    if (waiter->linked == 0)
        take(worker, due, waiter);
}

static void take_changed(struct worker *worker, struct due *due)
{
    struct waitlist *waitlist = worker->inbox;
    struct waitlist_share *share = &waitlist->shares[worker->number];
    /* Those who are taken later, with their last watch, are work all the same. */
    for (int i = 0; i < DUE_MOST && share->first != NULL; i++) {
        struct watch *watch = share->first;
        DL_DELETE(share->first, watch);
        take_watch(worker, due, watch);
    }
    due->waitlist = waitlist;
    due->waitlist_finished = share->first == NULL;
    worker->inbox = share->next;
    if (!due->waitlist_finished)
        put_last(worker, waitlist); /* small waitlists need not wait for all of it */
}

static void take_expired(struct worker *worker, struct due *due, struct instant now)
{
    enum verdict verdict = worker->stopping ? VERDICT_STOPPING : VERDICT_EXPIRED;
    struct waiter *waiter;
    while (due->count < DUE_MOST && (waiter = deadline_first(&worker->heap)) != NULL &&
           waiter->deadline.at <= now.at + EXPIRY_SLACK) {
        /* One whose waitlist is on its way here has a change coming: it is taken then. */
        if (call(worker, waiter, verdict))
            take(worker, due, waiter);
        else
            waiter->verdict = VERDICT_CHANGED;
    }
}

static void gather(struct worker *worker, struct due *due)
{
    *due = (struct due){.count = 0};
    take_expired(worker, due, clock_now()); /* first: a waitlist may take its time */
    if (due->count == 0 && worker->inbox != NULL)
        take_changed(worker, due);
}

static void answer(const struct due *due)
{
    for (size_t i = 0; i < due->count; i++) {
        struct waiter *waiter = due->waiters[i];
        waiter->answer(waiter, waiter->verdict,
                       waiter->verdict == VERDICT_CHANGED ? &due->waitlist->news : NULL);
    }
    if (due->waitlist_finished)
        waitlist_done(due->waitlist);
}

static void rest(struct worker *worker)
{
    struct waiter *first = deadline_first(&worker->heap);
    worker->wakes_at = first != NULL ? first->deadline : INSTANT_NEVER;
    lock_wait_until(&worker->lock, &worker->wake, worker->wakes_at);
    worker->wakes_at = AWAKE;
}

static void let_publisher_go_first(struct worker *worker)
{
    if (worker->inbox == NULL || !pace_is_crowded(worker->inbox->members))
        return;
    lock_drop(&worker->lock);
    pace_let_publisher_go_first();
    lock_take(&worker->lock);
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    struct due due;
    pace_wait_its_turn();
    lock_take(&worker->lock);
    for (;;) {
        gather(worker, &due);
        if (due.count > 0 || due.waitlist != NULL) {
            lock_drop(&worker->lock);
            answer(&due);
            if (due.count == DUE_MOST)
                pace_keep();
            lock_take(&worker->lock);
        } else if (worker->stopping && worker->parked == 0) {
            break;
        } else {
            rest(worker);
            let_publisher_go_first(worker);
        }
    }
    lock_drop(&worker->lock);
    return NULL;
}

bool worker_start(struct worker *worker, const struct room_options *options,
                  unsigned number)
{
    *worker = (struct worker){.number = number, .options = options};
    int result = cond_init_monotonic(&worker->wake);
    if (result == 0) {
        lock_init(&worker->lock, LOCK_WORKER);
        result = pthread_create(&worker->thread, NULL, worker_run, worker);
        if (result != 0)
            worker_dispose(worker);
    }
    errno = result;
    return result == 0;
}

/* Whether the worker is asleep and has to be signalled, once the lock is dropped: woken
 * before, it would fall asleep on the lock again. Only the first who asks is told so. The
 * lock is held. */
static bool rouse(struct worker *worker)
{
    bool asleep = worker->wakes_at.at > 0;
    worker->wakes_at = AWAKE;
    return asleep;
}

static void drop_and_wake(struct worker *worker, bool asleep)
{
    lock_drop(&worker->lock);
    if (asleep)
        pthread_cond_signal(&worker->wake);
}

void worker_ring(struct worker *worker, struct waitlist *waitlist)
{
    lock_take(&worker->lock);
    put_last(worker, waitlist);
    drop_and_wake(worker, rouse(worker));
}

static enum room_parked park_locked(struct worker *worker, struct waiter *waiter,
                                    const struct target *targets)
{
    if (waiter->left)
        return ROOM_LEFT;
    if (worker->stopping)
        return ROOM_STOPPING;
    if (!deadline_push(&worker->heap, waiter))
        return ROOM_NO_MEMORY;
    enum tree_watched watched = tree_watch(worker->options->tree, targets, waiter->count,
                                           worker->number, watches_of(waiter));
    if (watched != TREE_WATCHED) {
        deadline_remove(&worker->heap, waiter);
        return watched == TREE_MOVED ? ROOM_MOVED : ROOM_NO_MEMORY;
    }
    waiter->linked = waiter->count;
    waiter->state = WAITER_WAITING;
    worker->parked++;
    return ROOM_PARKED;
}

enum room_parked worker_park(struct worker *worker, struct waiter *waiter,
                             const struct target *targets, size_t count)
{
    if (!watches_make(waiter, count))
        return ROOM_NO_MEMORY;
    lock_take(&worker->lock);
    nanos deadline = waiter->deadline.at;
    enum room_parked parked = park_locked(worker, waiter, targets);
    bool first = parked == ROOM_PARKED && deadline < worker->wakes_at.at;
    drop_and_wake(worker, first && rouse(worker));
    if (parked != ROOM_PARKED)
        drop_watches(waiter);
    return parked;
}

/* Called back, by a change or the end of its time, it is told so with the last of its
 * watches. */
bool worker_leave(struct worker *worker, struct waiter *waiter)
{
    bool left = false, last = false;
    lock_take(&worker->lock);
    if (waiter->state == WAITER_WAITING) {
        left = call(worker, waiter, VERDICT_HUNG_UP);
        if (left) {
            waiter->state = WAITER_FREE;
            worker->parked--;
            drop_watches(waiter);
        }
        last = worker->stopping && worker->parked == 0; /* it can end at once */
    } else if (waiter->state == WAITER_CALLED) {
        waiter->verdict = VERDICT_HUNG_UP;
    } else {
        waiter->left = true;
    }
    drop_and_wake(worker, last && rouse(worker));
    return left;
}

void worker_drain(struct worker *worker, nanos span)
{
    lock_take(&worker->lock);
    worker->stopping = true;
    deadline_spread(&worker->heap, clock_now(), span);
    drop_and_wake(worker, rouse(worker));
}

void worker_join(struct worker *worker)
{
    pthread_join(worker->thread, NULL);
}

void worker_dispose(struct worker *worker)
{
    deadline_dispose(&worker->heap);
    pthread_cond_destroy(&worker->wake);
    lock_destroy(&worker->lock);
}
