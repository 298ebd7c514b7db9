/* SPDX-License-Identifier: ISC */
/*
 * deadline: the waits of one worker, earliest first: a binary heap over waiters, which
 * know their place in it. Private to the room; guarded by the worker's lock.
 */
#ifndef FCGIWAIT_ROOM_DEADLINE_H
#define FCGIWAIT_ROOM_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/waiter.h"

struct deadline_heap {
    struct waiter **at;
    size_t count, capacity;
};

/* False: out of memory, and the heap is as before. */
bool deadline_push(struct deadline_heap *heap, struct waiter *waiter)
    __attribute__((warn_unused_result));
void deadline_remove(struct deadline_heap *heap, struct waiter *waiter);
struct waiter *deadline_first(const struct deadline_heap *heap); /* NULL: empty */

/* Brings every deadline forward to at most `start` + its share of `span`, in even steps.
 */
void deadline_spread(struct deadline_heap *heap, struct instant start, nanos span);

void deadline_dispose(struct deadline_heap *heap);

#endif
