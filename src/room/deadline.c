/* SPDX-License-Identifier: ISC */
/*
 * A binary heap with room kept ahead: deadline_push() is the only call that can fail, and
 * it does so before anything has changed.
 */
#include "deadline.h"

#include <stdlib.h>

static bool earlier(const struct waiter *a, const struct waiter *b)
{
    return a->deadline.at < b->deadline.at;
}

static void put(struct deadline_heap *heap, size_t at, struct waiter *waiter)
{
    heap->at[at] = waiter;
    waiter->heap_at = (uint32_t)at;
}

static void sift_up(struct deadline_heap *heap, size_t at, struct waiter *waiter)
{
    for (; at > 0 && earlier(waiter, heap->at[(at - 1) / 2]); at = (at - 1) / 2)
        put(heap, at, heap->at[(at - 1) / 2]);
    put(heap, at, waiter);
}

static void sift_down(struct deadline_heap *heap, size_t at, struct waiter *waiter)
{
    for (size_t child; (child = 2 * at + 1) < heap->count; at = child) {
        if (child + 1 < heap->count && earlier(heap->at[child + 1], heap->at[child]))
            child++;
        if (!earlier(heap->at[child], waiter))
            break;
        put(heap, at, heap->at[child]);
    }
    put(heap, at, waiter);
}

bool deadline_push(struct deadline_heap *heap, struct waiter *waiter)
{
    if (heap->count == heap->capacity) {
        size_t capacity = heap->capacity == 0 ? 64 : 2 * heap->capacity;
        struct waiter **at = realloc(heap->at, capacity * sizeof *at);
        if (at == NULL)
            return false;
        heap->at = at;
        heap->capacity = capacity;
    }
    sift_up(heap, heap->count++, waiter);
    return true;
}

void deadline_remove(struct deadline_heap *heap, struct waiter *waiter)
{
    size_t at = waiter->heap_at;
    struct waiter *last = heap->at[--heap->count];
    if (last == waiter)
        return;
    if (earlier(last, waiter))
        sift_up(heap, at, last);
    else
        sift_down(heap, at, last);
}

struct waiter *deadline_first(const struct deadline_heap *heap)
{
    return heap->count > 0 ? heap->at[0] : NULL;
}

/* It stays a heap: whoever lies below another has the later share, and had the later
 * deadline. */
void deadline_spread(struct deadline_heap *heap, struct instant start, nanos span)
{
    for (size_t i = 0; i < heap->count; i++) {
        nanos share = (nanos)((double)span * (double)i / (double)heap->count);
        struct instant latest = instant_after(start, share);
        if (latest.at < heap->at[i]->deadline.at)
            heap->at[i]->deadline = latest;
    }
}

void deadline_dispose(struct deadline_heap *heap)
{
    free(heap->at);
    *heap = (struct deadline_heap){0};
}
