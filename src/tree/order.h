/* SPDX-License-Identifier: ISC */
/*
 * order: all nodes that have an index, in index order: the history that "what changed
 * since" needs. Private to the tree; guarded by its lock.
 *
 * An array with holes. A change leaves a hole behind, and comes last; where there are as
 * many holes as nodes, they are closed. So the place of any index is found by halving,
 * wherever a reader stood, and nothing that was told once is walked through again.
 */
#ifndef FCGIWAIT_TREE_ORDER_H
#define FCGIWAIT_TREE_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node;

struct order_entry {
    uint64_t index : 63;
    uint64_t tombstone : 1; /* without a document */
    struct node *node;      /* NULL: a hole */
};

struct order {
    struct order_entry *at;
    size_t end, capacity; /* with holes */
    size_t count, tombstones;
};

/* Makes sure that one more can be added. False: out of memory. */
bool order_reserve(struct order *order) __attribute__((warn_unused_result));

/* Mostly its index is the newest, and so it comes last. There is room for it. */
void order_add(struct order *order, struct node *node, uint64_t index, bool tombstone);
void order_remove(struct order *order, const struct node *node, uint64_t index);

/* After many were removed: gives memory back. */
void order_shrink(struct order *order);

/* Where the first index above `index` is, or would be. */
size_t order_after(const struct order *order, uint64_t index);

void order_dispose(struct order *order);

#endif
