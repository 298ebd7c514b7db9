/* SPDX-License-Identifier: ISC */
/*
 * Two lists with a lock, and one thread that takes from them. Adding never waits for the
 * store.
 */
#include "queue.h"

#include "fcgiwait/clock.h"
#include "fcgiwait/thread.h"
#include "patience.h"

int queue_open(struct queue *queue)
{
    *queue = (struct queue){.closed = false};
    atomic_init(&queue->readers_end, INT64_MAX);
    int result = cond_init_monotonic(&queue->wake);
    if (result == 0)
        lock_init(&queue->lock, LOCK_QUEUE);
    return result;
}

/* The lock is held. */
static void put_last(struct queue *queue, struct edit *edit)
{
    edit->next = NULL;
    if (queue->first == NULL)
        queue->first = edit;
    else
        queue->last->next = edit;
    queue->last = edit;
}

void queue_add(struct queue *queue, struct edit *edits, size_t count)
{
    struct instant until = instant_after(clock_now(), STORE_PATIENCE);
    lock_take(&queue->lock);
    bool was_empty = queue->first == NULL;
    for (size_t i = 0; i < count; i++) {
        edits[i].until = until;
        put_last(queue, &edits[i]);
    }
    if (was_empty)
        pthread_cond_signal(&queue->wake);
    lock_drop(&queue->lock);
}

static size_t weight(const struct edit *edit)
{
    return edit->patch.len + (edit->document != NULL ? edit->document->body.len : 0);
}

bool queue_take(struct queue *queue, struct instant until, struct edit **edits,
                size_t most, size_t *count)
{
    size_t bytes = 0;
    *count = 0;
    lock_take(&queue->lock);
    while (queue->first == NULL && !queue->closed && !queue->nudged &&
           lock_wait_until(&queue->lock, &queue->wake, until))
        ;
    while (queue->first != NULL && *count < most && bytes < QUEUE_BYTES) {
        bytes += weight(queue->first);
        edits[(*count)++] = queue->first;
        queue->first = queue->first->next;
    }
    bool going = *count > 0 || !queue->closed;
    queue->nudged = false;
    lock_drop(&queue->lock);
    return going;
}

struct instant queue_earliest(struct edit *const *edits, size_t count)
{
    struct instant until = instant_after(clock_now(), STORE_PATIENCE);
    for (size_t i = 0; i < count; i++)
        if (edits[i]->until.at < until.at)
            until = edits[i]->until;
    return until;
}

static struct instant end_of(const struct queue *queue, const struct fence *fence)
{
    nanos all = atomic_load(&queue->readers_end);
    return fence->until.at < all ? fence->until : (struct instant){all};
}

/* Moves those whose time is over to `over`; returns when the next one's is, or `until`.
 */
static struct instant sift(const struct queue *queue, struct fence **fences,
                           struct instant now, struct instant until, struct fence **over)
{
    while (*fences != NULL) {
        struct fence *fence = *fences;
        struct instant end = end_of(queue, fence);
        if (end.at > now.at) {
            if (end.at < until.at)
                until = end;
            fences = &fence->next;
        } else {
            *fences = fence->next;
            fence->next = *over;
            *over = fence;
        }
    }
    return until;
}

/* How often to look whether more have come. */
#define SOON (100 * NANOS_PER_MS)

struct instant queue_expire(struct queue *queue, struct fence **taken,
                            struct instant until)
{
    struct instant now = clock_now(), soon = instant_after(now, SOON);
    struct fence *over = NULL;
    lock_take(&queue->lock);
    until = sift(queue, &queue->fences, now, soon.at < until.at ? soon : until, &over);
    lock_drop(&queue->lock);
    until = sift(queue, taken, now, until, &over);
    queue_give_up(over);
    return until;
}

struct instant queue_latest(const struct fence *fences, struct instant most)
{
    struct instant until = {.at = 0};
    for (; fences != NULL; fences = fences->next)
        if (fences->until.at > until.at)
            until = fences->until;
    return until.at < most.at ? until : most;
}

/* The lock is held. */
static void nudge(struct queue *queue)
{
    queue->nudged = true;
    pthread_cond_signal(&queue->wake);
}

void queue_nudge(struct queue *queue)
{
    lock_take(&queue->lock);
    nudge(queue);
    lock_drop(&queue->lock);
}

void queue_add_fence(struct queue *queue, struct fence *fence)
{
    lock_take(&queue->lock);
    bool ended = queue->ended;
    if (!ended) {
        fence->next = queue->fences;
        queue->fences = fence;
        nudge(queue);
    }
    lock_drop(&queue->lock);
    if (ended)
        fence->done(fence, false);
}

/* `last`: no more may come. */
static struct fence *take_fences(struct queue *queue, bool last)
{
    lock_take(&queue->lock);
    struct fence *fences = queue->fences;
    queue->fences = NULL;
    queue->ended = last;
    lock_drop(&queue->lock);
    return fences;
}

struct fence *queue_take_fences(struct queue *queue)
{
    return take_fences(queue, false);
}

void queue_settle_fence(struct queue *queue, struct fence *fence, bool reached,
                        const _Atomic nanos *stop)
{
    struct patience patience = {end_of(queue, fence), stop};
    if (reached || patience_is_over(&patience))
        fence->done(fence, reached);
    else
        queue_add_fence(queue, fence);
}

void queue_end(struct queue *queue)
{
    queue_give_up(take_fences(queue, true));
}

bool queue_await_end(struct queue *queue, struct instant until)
{
    for (;;) {
        lock_take(&queue->lock);
        bool ended = queue->ended;
        lock_drop(&queue->lock);
        if (ended || clock_now().at >= until.at)
            return ended;
        thread_pause(NANOS_PER_MS);
    }
}

void queue_give_up(struct fence *fences)
{
    while (fences != NULL) {
        struct fence *fence = fences;
        fences = fence->next;
        fence->done(fence, false);
    }
}

void queue_hurry(struct queue *queue)
{
    atomic_store(&queue->readers_end, instant_after(clock_now(), STORE_LOOK).at);
    queue_nudge(queue);
}

void queue_close(struct queue *queue)
{
    lock_take(&queue->lock);
    queue->closed = true;
    pthread_cond_signal(&queue->wake);
    lock_drop(&queue->lock);
}

void queue_dispose(struct queue *queue)
{
    pthread_cond_destroy(&queue->wake);
    lock_destroy(&queue->lock);
}
