/* SPDX-License-Identifier: ISC */
/*
 * queue: edits on their way to the one thread that makes them durable. Private to the
 * store.
 *
 * Any thread adds, and waits for nothing. The thread takes all that have come meanwhile:
 * they become one transaction.
 */
#ifndef FCGIWAIT_STORE_QUEUE_H
#define FCGIWAIT_STORE_QUEUE_H

#include <pthread.h>

#include "fcgiwait/lock.h"
#include "fcgiwait/store.h"

struct queue {
    struct lock lock; /* guards what follows */
    pthread_cond_t wake;
    struct edit *first, *last;
    bool closed, nudged;
};

/* 0, or an errno value. */
int queue_open(struct queue *queue);

/* The edits are to be done with STORE_PATIENCE from now. They stay together. */
#define STORE_PATIENCE (5 * NANOS_PER_SECOND)
void queue_add(struct queue *queue, struct edit *edits, size_t count);

/* Waits for edits, and takes `most` of them at most, first come, first served, and no
 * more after QUEUE_BYTES of documents. `count`: how many, in `edits`; 0: the queue was
 * nudged. False: it was closed, and is empty. */
#define QUEUE_BYTES (8 << 20)
bool queue_take(struct queue *queue, struct edit **edits, size_t most, size_t *count);

/* Lets the thread look after what it owns, edits or not. */
void queue_nudge(struct queue *queue);

/* Lets queue_take() come to an end. Nobody may add any more. */
void queue_close(struct queue *queue);
void queue_dispose(struct queue *queue);

#endif
