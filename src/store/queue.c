/* SPDX-License-Identifier: ISC */
/*
 * A list with a lock, and one thread that takes from it. Adding never waits for the
 * store.
 */
#include "queue.h"

#include "fcgiwait/clock.h"

int queue_open(struct queue *queue)
{
    *queue = (struct queue){.closed = false};
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

bool queue_take(struct queue *queue, struct edit **edits, size_t most, size_t *count)
{
    size_t bytes = 0;
    *count = 0;
    lock_take(&queue->lock);
    while (queue->first == NULL && !queue->closed && !queue->nudged)
        lock_wait_until(&queue->lock, &queue->wake, INSTANT_NEVER);
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

void queue_nudge(struct queue *queue)
{
    lock_take(&queue->lock);
    queue->nudged = true;
    pthread_cond_signal(&queue->wake);
    lock_drop(&queue->lock);
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
