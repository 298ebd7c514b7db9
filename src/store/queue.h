/* SPDX-License-Identifier: ISC */
/*
 * queue: edits on their way to the one thread that makes them durable, and fences that
 * it is to look at. Private to the store.
 *
 * Any thread adds, and waits for nothing. The thread takes all that have come meanwhile:
 * the edits become one transaction.
 */
#ifndef FCGIWAIT_STORE_QUEUE_H
#define FCGIWAIT_STORE_QUEUE_H

#include <pthread.h>
#include <stdatomic.h>

#include "fcgiwait/lock.h"
#include "fcgiwait/store.h"

struct queue {
    struct lock lock; /* guards what follows */
    pthread_cond_t wake;
    struct edit *first, *last;
    struct fence *fences;
    bool closed, nudged, ended;
    _Atomic nanos readers_end; /* no fence waits for longer (queue_hurry()) */
};

/* 0, or an errno value. */
int queue_open(struct queue *queue);

/* The edits are to be done with STORE_PATIENCE from now. They stay together. */
#define STORE_PATIENCE (5 * NANOS_PER_SECOND)
void queue_add(struct queue *queue, struct edit *edits, size_t count);

/* Waits for edits, and takes `most` of them at most, first come, first served, and no
 * more after QUEUE_BYTES of documents. `count`: how many, in `edits`; 0: the queue was
 * nudged, or it is past `until`. False: it was closed, and is empty. */
#define QUEUE_BYTES (8 << 20)
bool queue_take(struct queue *queue, struct instant until, struct edit **edits,
                size_t most, size_t *count);

/* When the first of these has failed; STORE_PATIENCE from now at most. No reader's time
 * makes it shorter: one who has none would let other people's changes fail. */
struct instant queue_earliest(struct edit *const *edits, size_t count);

/* While the thread waits for something: gives up the fences whose time is over, of those
 * that it has taken and of those that have come since. Returns when to do it again, or
 * `until` where that is before. */
struct instant queue_expire(struct queue *queue, struct fence **taken,
                            struct instant until);

/* When the last of these has failed, or `most` where that is before. */
struct instant queue_latest(const struct fence *fences, struct instant most);

/* Lets the thread look after what it owns, edits or not. */
void queue_nudge(struct queue *queue);

/* The same with a fence to look at, which may be one that waits on. Given up at once
 * where the thread has ended. */
void queue_add_fence(struct queue *queue, struct fence *fence);

/* All that have come. */
struct fence *queue_take_fences(struct queue *queue);

/* It is reached, or not: then whose time is not over (nor comes to `stop`) waits on. */
void queue_settle_fence(struct queue *queue, struct fence *fence, bool reached,
                        const _Atomic nanos *stop);

/* What a look at the engine may take where a reader has less time, or none. */
#define STORE_LOOK (1 * NANOS_PER_SECOND)

/* The process stops: whatever their readers have, fences wait for one look more. */
void queue_hurry(struct queue *queue);

/* Lets queue_take() come to an end. Nobody may add edits any more. */
void queue_close(struct queue *queue);

/* The thread's last: fences that are there, or come, are given up. And for whoever has
 * closed the queue: waits until then; false: not in time. */
void queue_end(struct queue *queue);
bool queue_await_end(struct queue *queue, struct instant until);

/* Nobody looks at them any more. */
void queue_give_up(struct fence *fences);

void queue_dispose(struct queue *queue);

#endif
