/* SPDX-License-Identifier: ISC */
/*
 * At least half of the array is free or a hole, so closing the holes is paid for by the
 * changes that made them.
 */
#include "order.h"

#include <stdlib.h>
#include <string.h>

#define CAPACITY_LEAST 64

static void close_holes(struct order *order)
{
    size_t kept = 0;
    for (size_t i = 0; i < order->end; i++)
        if (order->at[i].node != NULL)
            order->at[kept++] = order->at[i];
    order->end = kept;
}

static bool resize(struct order *order, size_t capacity)
{
    close_holes(order);
    struct order_entry *at = realloc(order->at, capacity * sizeof *at);
    if (at == NULL)
        return false;
    order->at = at;
    order->capacity = capacity;
    return true;
}

bool order_reserve(struct order *order)
{
    if (2 * (order->count + 1) <= order->capacity)
        return true;
    return resize(order, order->capacity > 0 ? 2 * order->capacity : CAPACITY_LEAST);
}

size_t order_after(const struct order *order, uint64_t index)
{
    size_t low = 0, high = order->end;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order->at[middle].index > index)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

void order_add(struct order *order, struct node *node, uint64_t index, bool tombstone)
{
    if (order->end == order->capacity)
        close_holes(order);
    size_t at = order_after(order, index);
    if (at < order->end)
        memmove(order->at + at + 1, order->at + at,
                (order->end - at) * sizeof *order->at);
    order->at[at] =
        (struct order_entry){.index = index, .tombstone = tombstone, .node = node};
    order->end++;
    order->count++;
    order->tombstones += tombstone;
}

/* What came too late to be seen in time shares its index with others. */
void order_remove(struct order *order, const struct node *node, uint64_t index)
{
    size_t at = order_after(order, index);
    do
        at--;
    while (order->at[at].node != node);
    order->at[at].node = NULL;
    order->count--;
    order->tombstones -= order->at[at].tombstone;
}

/* Without memory it stays as it is. */
void order_shrink(struct order *order)
{
    size_t capacity = order->capacity;
    while (capacity > CAPACITY_LEAST && order->count < capacity / 8)
        capacity /= 2;
    if (capacity < order->capacity)
        (void)resize(order, capacity);
}

void order_dispose(struct order *order)
{
    free(order->at);
    *order = (struct order){0};
}
