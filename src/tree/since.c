/* SPDX-License-Identifier: ISC */
/*
 * What changed since an index, a portion at a time. Where little did, it is found from
 * the top: each node knows the newest below it, and children stand in that order. Where
 * much did, all that changed anywhere is walked through in index order, from where the
 * reader stands.
 */
#include <stdlib.h>

#include "node.h"

/* Nodes that are looked at in one hold of the lock, from the top, and in order with the
 * way up from each: some tens of microseconds. */
#define WALK_MOST 512
#define SCAN_MOST 8192
#define PATHS_ROOM 8192 /* bytes */

/* A portion under way. It ends between two indexes: who goes on from one has all of it.
 */
struct filling {
    struct tree_portion *portion;
    size_t used; /* bytes of paths */
    size_t seen;
    uint64_t index;   /* that is being told */
    size_t before;    /* how many there were before it */
    uint64_t reached; /* all up to here is in the portion */
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
    uint64_t first = (*(struct node *const *)a)->self.index;
    uint64_t second = (*(struct node *const *)b)->self.index;
    return (first > second) - (first < second);
}

/* --- a portion --- */

static void drop_news(struct tree_portion *portion, size_t count)
{
    while (portion->count > count)
        present_dispose(&portion->news[--portion->count].present);
}

static bool grow(struct tree_portion *portion, size_t bytes)
{
    size_t capacity = 2 * portion->news_capacity + TREE_PORTION;
    struct tree_news *news = portion->news;
    if (portion->count == portion->news_capacity) {
        news = realloc(portion->news, capacity * sizeof *news);
        if (news == NULL)
            return false;
        portion->news = news;
        portion->news_capacity = capacity;
    }
    if (bytes <= portion->capacity)
        return true;
    char *longer = realloc(portion->bytes, 2 * bytes);
    if (longer == NULL)
        return false;
    portion->bytes = longer;
    portion->capacity = 2 * bytes;
    return true;
}

/* False: there is no room, and what happened at once with it is left for the next one; or
 * the portion has failed. */
static bool add(struct filling *filling, const struct node *node)
{
    struct tree_portion *portion = filling->portion;
    size_t left = portion->capacity - filling->used;
    char *at = left > 0 ? portion->bytes + filling->used : NULL;
    size_t len = node_path(node, at, left);
    if (len > left || portion->count == portion->news_capacity) {
        if (len > left && filling->before > 0) {
            drop_news(portion, filling->before);
            return false;
        }
        portion->failed = !grow(portion, filling->used + len);
        return !portion->failed && add(filling, node);
    }
    portion->news[portion->count++] = (struct tree_news){node->self, {NULL, len}};
    document_ref(node->self.document);
    filling->used += len;
    return true;
}

/* One that comes next in index order; NULL: it does not concern us. False: no more. */
static bool tell(struct filling *filling, uint64_t index, const struct node *node)
{
    struct tree_portion *portion = filling->portion;
    if (index != filling->index) {
        filling->reached = filling->index;
        filling->index = index;
        filling->before = portion->count;
        if (portion->count >= TREE_PORTION || filling->seen > SCAN_MOST)
            return false;
    }
    filling->seen++;
    return node == NULL || add(filling, node);
}

/* Now that they do not move any more. */
static void set_paths(struct tree_portion *portion)
{
    const char *at = portion->bytes;
    for (size_t i = 0; i < portion->count; i++) {
        portion->news[i].path.at = at;
        at += portion->news[i].path.len;
    }
}

/* --- the two ways --- */

/* False: there is more than one portion, or much else that is newer. */
static bool walk(struct node *top, const struct node *hidden, uint64_t from, uint64_t to,
                 struct node *nodes[TREE_PORTION], size_t *count)
{
    size_t seen = 0;
    *count = 0;
    for (struct node *node = top; node != NULL; node = next_changed(node, top, from)) {
        if (++seen > WALK_MOST)
            return false;
        if (node->self.index <= from || node->self.index > to || node == hidden)
            continue;
        if (*count == TREE_PORTION)
            return false;
        nodes[(*count)++] = node;
    }
    qsort(nodes, *count, sizeof *nodes, by_index);
    return true;
}

static bool tell_nodes(struct filling *filling, struct node *const *nodes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!tell(filling, nodes[i]->self.index, nodes[i]))
            return false;
    return true;
}

static bool scan(struct filling *filling, const struct order *order,
                 const struct node *top, const struct node *hidden, uint64_t to)
{
    size_t at = order_after(order, filling->index);
    for (; at < order->end && order->at[at].index <= to; at++) {
        const struct node *node = order->at[at].node;
        if (node == hidden || (node != NULL && !node_is_below(node, top, &filling->seen)))
            node = NULL;
        if (!tell(filling, order->at[at].index, node))
            return false;
    }
    return true;
}

/* Room for the paths of an ordinary portion, so that none is taken under the lock. */
static bool reserve(struct tree_portion *portion)
{
    if (portion->bytes == NULL)
        portion->bytes = malloc(PATHS_ROOM);
    if (portion->bytes != NULL && portion->capacity == 0)
        portion->capacity = PATHS_ROOM;
    return portion->capacity > 0;
}

bool tree_since(struct tree *tree, struct text path, enum scope scope, uint64_t *from,
                uint64_t to, struct tree_portion *portion)
{
    struct place place;
    struct node *nodes[TREE_PORTION];
    struct filling filling = {.portion = portion, .index = *from, .reached = *from};
    size_t count = 0;
    bool all = true;
    portion->count = 0;
    portion->failed = !reserve(portion);
    if (portion->failed)
        return true;
    lock_take(&tree->lock);
    node_place(tree, path, &place);
    struct node *top = place_top(&place);
    const struct node *hidden = scope_leaves_out(scope) ? place_node(&place) : NULL;
    if (top != NULL && top->newest.index > *from)
        all = walk(top, hidden, *from, to, nodes, &count)
                  ? tell_nodes(&filling, nodes, count)
                  : scan(&filling, &tree->order, top, hidden, to);
    lock_drop(&tree->lock);
    set_paths(portion);
    *from = all ? to : filling.reached;
    return all || portion->failed;
}

void tree_portion_dispose(struct tree_portion *portion)
{
    drop_news(portion, 0);
}

void tree_portion_free(struct tree_portion *portion)
{
    tree_portion_dispose(portion);
    free(portion->news);
    free(portion->bytes);
    *portion = (struct tree_portion){0};
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
