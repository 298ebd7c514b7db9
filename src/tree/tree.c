/* SPDX-License-Identifier: ISC */
/*
 * What is there and who watches it, each in one hold of the lock. How it comes to change
 * is in apply.c.
 */
#include "fcgiwait/tree.h"

#include <stdlib.h>

#include "waitlist.h"

struct tree *tree_new(unsigned workers)
{
    struct tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return NULL;
    if (!nodes_open(tree)) {
        free(tree);
        return NULL;
    }
    lock_init(&tree->lock, LOCK_TREE);
    tree->workers = workers;
    return tree;
}

void tree_set_bell(struct tree *tree, tree_ring_fn *ring, void *context)
{
    tree->ring = ring;
    tree->context = context;
}

void tree_free(struct tree **pointer)
{
    struct tree *tree = *pointer;
    *pointer = NULL;
    if (tree == NULL)
        return;
    nodes_close(tree);
    order_dispose(&tree->order);
    lock_destroy(&tree->lock);
    free(tree);
}

/* --- what is there --- */

/* The newest CHANGE_EVERYTHING at or above the node. */
static struct moment mark_above(const struct tree *tree, const struct node *node)
{
    struct moment newest = tree->root->mark;
    for (; tree->mark_count > 0 && node != NULL; node = node->parent)
        newest = moment_later(newest, node->mark);
    return newest;
}

/* The newest CHANGE_EVERYTHING at, above or below the path. */
static struct moment everything_at(const struct tree *tree, const struct place *place)
{
    const struct node *top = place_top(place);
    struct moment newest = mark_above(tree, place->above);
    return top != NULL ? moment_later(newest, top->marked) : newest;
}

/* Of whatever the path has at and below it, without a document reference. */
static struct present state_of(const struct tree *tree, const struct place *place,
                               enum scope scope)
{
    const struct node *node = place_node(place), *top = place_top(place);
    struct present present = node != NULL ? node->self : (struct present){0};
    if (scope == SCOPE_SELF)
        return present;
    struct moment newest = tree->floor;
    if (scope_leaves_out(scope) && node != NULL)
        top = node->children != NULL ? node->children->prev : NULL;
    if (top != NULL)
        newest = moment_later(newest, top->newest);
    if (scope_is_behind_origin(scope))
        newest = moment_later(newest, everything_at(tree, place));
    present.index = newest.index;
    present.changed = newest.at;
    return present;
}

struct present tree_state_of(const struct tree *tree, struct node *node, enum scope scope)
{
    return state_of(tree, &(struct place){.above = node}, scope);
}

static struct present state_at(const struct tree *tree, struct text path,
                               enum scope scope)
{
    struct place place;
    node_place(tree, path, &place);
    return state_of(tree, &place, scope);
}

void tree_look(struct tree *tree, struct text path, enum scope scope,
               struct present *present)
{
    lock_take(&tree->lock);
    *present = state_at(tree, path, scope);
    document_ref(present->document);
    lock_drop(&tree->lock);
}

uint64_t tree_everything(struct tree *tree, struct text path)
{
    struct place place;
    lock_take(&tree->lock);
    node_place(tree, path, &place);
    uint64_t index = everything_at(tree, &place).index;
    lock_drop(&tree->lock);
    return index;
}

void tree_span(struct tree *tree, struct tree_span *span)
{
    lock_take(&tree->lock);
    *span = (struct tree_span){tree->floor.index, tree->newest.index};
    lock_drop(&tree->lock);
}

/* --- who watches --- */

static enum tree_watched watch_all(struct tree *tree, const struct target *targets,
                                   size_t count, unsigned worker, struct watch *watches)
{
    size_t joined = 0;
    for (size_t i = 0; i < count; i++)
        if (state_at(tree, targets[i].path, targets[i].scope).index != targets[i].index)
            return TREE_MOVED;
    while (joined < count &&
           waitlist_join(tree, &targets[joined], worker, &watches[joined]))
        joined++;
    if (joined == count)
        return TREE_WATCHED;
    while (joined > 0)
        waitlist_leave(tree, worker, &watches[--joined]);
    return TREE_NO_MEMORY;
}

enum tree_watched tree_watch(struct tree *tree, const struct target *targets,
                             size_t count, unsigned worker, struct watch *watches)
{
    lock_take(&tree->lock);
    enum tree_watched watched = watch_all(tree, targets, count, worker, watches);
    lock_drop(&tree->lock);
    return watched;
}

size_t tree_unwatch(struct tree *tree, unsigned worker, struct watch *watches,
                    size_t count)
{
    size_t linked = 0;
    lock_take(&tree->lock);
    for (size_t i = 0; i < count; i++) {
        const struct waitlist *waitlist = watches[i].waitlist;
        if (waitlist != NULL && !waitlist->handed_over)
            waitlist_leave(tree, worker, &watches[i]);
        linked += watches[i].waitlist != NULL;
    }
    lock_drop(&tree->lock);
    return linked;
}

/* --- how many --- */

static size_t read_size(struct tree *tree, const size_t *size)
{
    lock_take(&tree->lock);
    size_t count = *size;
    lock_drop(&tree->lock);
    return count;
}

size_t tree_resources(struct tree *tree)
{
    return read_size(tree, &tree->resources);
}

size_t tree_marks(struct tree *tree)
{
    return read_size(tree, &tree->mark_count);
}

size_t tree_tombstones(struct tree *tree)
{
    return read_size(tree, &tree->order.tombstones);
}

size_t tree_changes(struct tree *tree)
{
    return read_size(tree, &tree->changes);
}
