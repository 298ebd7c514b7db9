/* SPDX-License-Identifier: ISC */
/*
 * What changed since an index, a portion at a time. Where little did, it is found from
 * the top: each node knows the newest below it, and children stand in that order. Where
 * much did, all that changed anywhere is walked through in index order, from where the
 * reader stands.
 */
#include <stdlib.h>

#include "node.h"

/* Nodes that are looked at in one hold of the lock, from the top and in order: some tens
 * of microseconds. */
#define WALK_MOST 512
#define SCAN_MOST 4096

struct found {
    struct node *nodes[TREE_PORTION];
    size_t count;
    uint64_t reached; /* all up to here were looked at */
};

/* The next one at or below `top` that has a change after `from` at or below it, the
 * newest first. */
static struct node *next_changed(const struct node *node, const struct node *top,
                                 uint64_t from)
{
    if (node->children != NULL && node->children->prev->newest.index > from)
        return node->children->prev;
    for (; node != top; node = node->parent)
        if (node != node->parent->children && node->prev->newest.index > from)
            return node->prev;
    return NULL;
}

static int by_index(const void *a, const void *b)
{
    const struct node *first = *(struct node *const *)a;
    const struct node *second = *(struct node *const *)b;
    return first->self.index < second->self.index ? -1 : 1;
}

/* False: there is more than one portion, or much else that is newer. */
static bool walk(struct node *top, const struct node *hidden, uint64_t from, uint64_t to,
                 struct found *found)
{
    size_t seen = 0;
    found->count = 0;
    found->reached = to;
    for (struct node *node = top; node != NULL; node = next_changed(node, top, from)) {
        if (++seen > WALK_MOST)
            return false;
        if (node->self.index <= from || node->self.index > to || node == hidden)
            continue;
        if (found->count == TREE_PORTION)
            return false;
        found->nodes[found->count++] = node;
    }
    qsort(found->nodes, found->count, sizeof found->nodes[0], by_index);
    return true;
}

static void scan(const struct order *order, const struct node *top,
                 const struct node *hidden, uint64_t from, uint64_t to,
                 struct found *found)
{
    size_t at = order_after(order, from), seen = 0;
    found->count = 0;
    found->reached = to;
    for (; at < order->end && order->at[at].index <= to; at++) {
        if (found->count == TREE_PORTION || ++seen > SCAN_MOST) {
            found->reached = order->at[at - 1].index;
            return;
        }
        struct node *node = order->at[at].node;
        if (node != NULL && node != hidden && node_is_below(node, top))
            found->nodes[found->count++] = node;
    }
}

/* As many as there is room for. */
static void fill(struct found *found, struct tree_portion *portion)
{
    size_t used = 0;
    for (size_t i = 0; i < found->count; i++) {
        const struct node *node = found->nodes[i];
        char *path = portion->bytes + used;
        size_t len = node_path(node, path, portion->capacity - used);
        if (len > portion->capacity - used) {
            found->reached = found->nodes[i - 1]->self.index;
            return;
        }
        used += len;
        portion->news[i] = (struct tree_news){node->self, {path, len}};
        document_ref(node->self.document);
        portion->count++;
    }
}

bool tree_since(struct tree *tree, struct text path, enum scope scope, uint64_t *from,
                uint64_t to, struct tree_portion *portion)
{
    struct place place;
    struct found found = {.reached = to};
    portion->count = 0;
    lock_take(&tree->lock);
    node_place(tree, path, &place);
    struct node *top = place_top(&place);
    const struct node *hidden = scope_leaves_out(scope) ? place_node(&place) : NULL;
    if (top != NULL && top->newest.index > *from && !walk(top, hidden, *from, to, &found))
        scan(&tree->order, top, hidden, *from, to, &found);
    fill(&found, portion);
    lock_drop(&tree->lock);
    *from = found.reached;
    return found.reached == to;
}

void tree_portion_dispose(struct tree_portion *portion)
{
    while (portion->count > 0)
        present_dispose(&portion->news[--portion->count].present);
}

/* --- of all that there are --- */

uint64_t tree_tombstone_at(struct tree *tree, size_t nth)
{
    uint64_t index = 0;
    lock_take(&tree->lock);
    const struct order *order = &tree->order;
    for (size_t i = 0; i < order->end && nth < order->tombstones && index == 0; i++)
        if (order->at[i].node != NULL && order->at[i].tombstone && nth-- == 0)
            index = order->at[i].index;
    lock_drop(&tree->lock);
    return index;
}

/* `path` has room for the longest path so far, and for `capacity` bytes. */
static bool visit_node(const struct node *node, char **path, size_t *capacity,
                       tree_visit_fn *visit, void *context)
{
    size_t len = node_path(node, *path, *capacity);
    if (len > *capacity) {
        char *longer = realloc(*path, 2 * len);
        if (longer == NULL)
            return false;
        *path = longer;
        *capacity = 2 * len;
        node_path(node, *path, *capacity);
    }
    return visit(context, (struct text){*path, len});
}

bool tree_each(struct tree *tree, tree_visit_fn *visit, void *context)
{
    char *path = NULL;
    size_t capacity = 0;
    bool going = true;
    lock_take(&tree->lock);
    const struct order *order = &tree->order;
    for (size_t i = 0; i < order->end && going; i++)
        if (order->at[i].node != NULL && !order->at[i].tombstone)
            going = visit_node(order->at[i].node, &path, &capacity, visit, context);
    lock_drop(&tree->lock);
    free(path);
    return going;
}
