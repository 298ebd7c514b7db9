#include "worker.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include <utlist.h>

#include "fcgiwait/thread.h"

/* How many waiters are gathered at a time: few enough that nobody parks late behind them,
 * and that the web server finds them in its caches when it comes to them. */
#define BATCH 32

/* How long, and how many times, to wait where it is behind. */
#define PACE (NANOS_PER_MS / 5)
#define PACE_TIMES 10

/* Who answers more than so many at once lets the publisher have its own answer first. */
#define LARGE_CROWD 128
#define PUBLISHERS_TURN (NANOS_PER_MS / 5)

/* Expiries this close together are one wake-up. */
#define EXPIRY_SLACK (2 * NANOS_PER_MS)

/* worker->wakes_at while it does not sleep. */
#define AWAKE ((struct instant){0})

/* Heap place of a waiter that has left the heap. */
#define NO_PLACE SIZE_MAX

struct batch {
    struct waiter *waiters[BATCH];
    size_t count;
    struct crowd *crowd; /* whose news they get; NULL: no change */
    bool crowd_finished;
};

static void forget_deadline(struct worker *worker, struct waiter *waiter)
{
    if (waiter->heap_at == NO_PLACE)
        return;
    deadline_remove(&worker->heap, waiter);
    waiter->heap_at = NO_PLACE;
}

static void take(struct worker *worker, struct batch *batch, struct waiter *waiter,
                 enum verdict verdict)
{
    forget_deadline(worker, waiter);
    waiter->state = WAITER_TAKEN;
    waiter->verdict = verdict;
    worker->parked--;
    batch->waiters[batch->count++] = waiter;
}

static void put_last(struct worker *worker, struct crowd *crowd)
{
    crowd->shares[worker->number].next = NULL;
    if (worker->inbox == NULL)
        worker->inbox = crowd;
    else
        worker->inbox_last->shares[worker->number].next = crowd;
    worker->inbox_last = crowd;
}

static void take_changed(struct worker *worker, struct batch *batch)
{
    struct crowd *crowd = worker->inbox;
    struct crowd_share *share = &crowd->shares[worker->number];
    while (batch->count < BATCH && share->first != NULL) {
        struct waiter *waiter = (struct waiter *)share->first;
        DL_DELETE(share->first, &waiter->watch);
        waiter->watch.crowd = NULL;
        take(worker, batch, waiter,
             waiter->state == WAITER_GONE ? VERDICT_GONE : VERDICT_CHANGED);
    }
    batch->crowd = crowd;
    batch->crowd_finished = share->first == NULL;
    worker->inbox = share->next;
    if (!batch->crowd_finished)
        put_last(worker, crowd); /* small crowds need not wait for all of it */
}

static void take_expired(struct worker *worker, struct batch *batch, struct instant now)
{
    enum verdict verdict = worker->stopping ? VERDICT_STOPPING : VERDICT_EXPIRED;
    struct waiter *waiter;
    while (batch->count < BATCH && (waiter = deadline_first(&worker->heap)) != NULL &&
           waiter->deadline.at <= now.at + EXPIRY_SLACK) {
        /* One whose crowd is on its way here has a change coming: it is taken then. */
        if (tree_unwatch(worker->options->tree, &waiter->watch))
            take(worker, batch, waiter, verdict);
        else
            forget_deadline(worker, waiter);
    }
}

static void gather(struct worker *worker, struct batch *batch)
{
    *batch = (struct batch){.count = 0};
    take_expired(worker, batch, clock_now()); /* first: a crowd may take its time */
    if (batch->count == 0 && worker->inbox != NULL)
        take_changed(worker, batch);
}

static void answer(struct worker *worker, const struct batch *batch)
{
    const struct room_options *options = worker->options;
    for (size_t i = 0; i < batch->count; i++) {
        struct waiter *waiter = batch->waiters[i];
        options->answer(options->context, waiter, waiter->verdict,
                        waiter->verdict == VERDICT_CHANGED ? &batch->crowd->news : NULL);
    }
    if (batch->crowd_finished)
        crowd_done(batch->crowd);
}

/* A web server that is handed thousands of answers at once takes them from the far end of
 * its memory, and everybody else's requests wait behind them. */
static void keep_pace(const struct worker *worker, const struct batch *batch)
{
    room_behind_fn *behind = worker->options->behind;
    if (batch->count < BATCH || behind == NULL)
        return;
    for (int i = 0; i < PACE_TIMES && behind(); i++)
        thread_pause(PACE);
}

static void rest(struct worker *worker)
{
    struct waiter *first = deadline_first(&worker->heap);
    worker->wakes_at = first != NULL ? first->deadline : INSTANT_NEVER;
    lock_wait_until(&worker->lock, &worker->wake, worker->wakes_at);
    worker->wakes_at = AWAKE;
}

/* A large crowd keeps every core busy for a while, with the web server's part in it. The
 * answer to the publisher is on its way now: it goes first, or it would come last. */
static void let_publisher_go_first(struct worker *worker)
{
    if (worker->inbox == NULL || worker->inbox->members <= LARGE_CROWD)
        return;
    lock_drop(&worker->lock);
    thread_pause(PUBLISHERS_TURN);
    lock_take(&worker->lock);
}

static void *worker_run(void *context)
{
    struct worker *worker = context;
    struct batch batch;
    thread_wait_its_turn();
    lock_take(&worker->lock);
    for (;;) {
        gather(worker, &batch);
        if (batch.count > 0 || batch.crowd != NULL) {
            lock_drop(&worker->lock);
            answer(worker, &batch);
            keep_pace(worker, &batch);
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

void worker_ring(struct worker *worker, struct crowd *crowd)
{
    lock_take(&worker->lock);
    put_last(worker, crowd);
    drop_and_wake(worker, rouse(worker));
}

static enum room_parked park_locked(struct worker *worker, struct waiter *waiter,
                                    struct text path, enum scope scope, uint64_t index)
{
    if (worker->stopping)
        return ROOM_STOPPING;
    if (!deadline_push(&worker->heap, waiter))
        return ROOM_NO_MEMORY;
    enum tree_watched watched =
        tree_watch(worker->options->tree, path, scope, index, &waiter->watch);
    if (watched != TREE_WATCHED) {
        deadline_remove(&worker->heap, waiter);
        return watched == TREE_MOVED ? ROOM_MOVED : ROOM_NO_MEMORY;
    }
    waiter->state = WAITER_WAITING;
    worker->parked++;
    return ROOM_PARKED;
}

enum room_parked worker_park(struct worker *worker, struct waiter *waiter,
                             struct text path, enum scope scope, uint64_t index)
{
    waiter->worker = worker;
    waiter->watch.worker = worker->number;
    lock_take(&worker->lock);
    nanos deadline = waiter->deadline.at;
    enum room_parked parked = park_locked(worker, waiter, path, scope, index);
    bool first = parked == ROOM_PARKED && deadline < worker->wakes_at.at;
    drop_and_wake(worker, first && rouse(worker));
    return parked;
}

bool worker_leave(struct worker *worker, struct waiter *waiter)
{
    bool left = false, last = false;
    lock_take(&worker->lock);
    if (waiter->state == WAITER_WAITING) {
        forget_deadline(worker, waiter);
        left = tree_unwatch(worker->options->tree, &waiter->watch);
        waiter->state = left ? WAITER_FREE : WAITER_GONE;
        worker->parked -= left;
        last = worker->stopping && worker->parked == 0; /* it can end at once */
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
