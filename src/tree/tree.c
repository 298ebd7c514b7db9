/* SPDX-License-Identifier: ISC */
/*
 * Look, watch, apply, each in one hold of the lock. Whatever needs work per watcher is
 * done by the workers, after the bell.
 */
#include "fcgiwait/tree.h"

#include <stdlib.h>

#include <utlist.h>

#include "fcgiwait/path.h"
#include "node.h"

struct tree *tree_new(unsigned workers)
{
    struct tree *tree = calloc(1, sizeof *tree);
    if (tree == NULL)
        return NULL;
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
    struct node *node, *next;
    HASH_ITER(hh, tree->nodes, node, next)
    {
        HASH_DEL(tree->nodes, node);
        document_unref(&node->self.document);
        free(node);
    }
    lock_destroy(&tree->lock);
    free(tree);
}

/* The newest change of everything at or above the path. */
static struct present floor_of(struct tree *tree, struct text path)
{
    struct present floor = {.index = tree->everything,
                            .changed = tree->everything_changed};
    for (; tree->marks > 0 && path.len > 0; path = path_parent(path)) {
        const struct node *node = node_find(tree, path);
        if (node != NULL && node->below > floor.index) {
            floor.index = node->below;
            floor.changed = node->below_changed;
        }
    }
    return floor;
}

/* The state of a path whose node may not be there, without a document reference. */
static struct present present_of(struct tree *tree, const struct node *node,
                                 struct text path, enum scope scope)
{
    struct present present = node != NULL ? node->self : (struct present){0};
    if (scope == SCOPE_SELF)
        return present;
    struct present floor = floor_of(tree, path);
    if (node != NULL && node->newest > floor.index) {
        present.index = node->newest;
        present.changed = node->newest_changed;
    } else {
        present.index = floor.index;
        present.changed = floor.changed;
    }
    return present;
}

void tree_look(struct tree *tree, struct text path, enum scope scope,
               struct present *present)
{
    lock_take(&tree->lock);
    *present = present_of(tree, node_find(tree, path), path, scope);
    document_ref(present->document);
    lock_drop(&tree->lock);
}

static struct text path_of(const struct node *node)
{
    return (struct text){node->path, node->path_len};
}

static struct waitlist *waitlist_of(struct tree *tree, struct node *node,
                                    enum scope scope)
{
    if (node->waitlists[scope] != NULL)
        return node->waitlists[scope];
    struct waitlist *waitlist =
        calloc(1, sizeof *waitlist + tree->workers * sizeof waitlist->shares[0]);
    if (waitlist == NULL)
        return NULL;
    waitlist->node = node;
    waitlist->scope = scope;
    node->waitlists[scope] = waitlist;
    return waitlist;
}

static bool join(struct tree *tree, struct text path, enum scope scope,
                 struct watch *watch)
{
    struct node *node = node_make(tree, path);
    if (node == NULL)
        return false;
    struct waitlist *waitlist = waitlist_of(tree, node, scope);
    if (waitlist == NULL) {
        node_prune(tree, node);
        return false;
    }
    DL_APPEND(waitlist->shares[watch->worker].first, watch);
    waitlist->members++;
    watch->waitlist = waitlist;
    return true;
}

void tree_span(struct tree *tree, struct tree_span *span)
{
    lock_take(&tree->lock);
    *span = tree->span;
    lock_drop(&tree->lock);
}

enum tree_watched tree_watch(struct tree *tree, struct text path, enum scope scope,
                             uint64_t index, struct watch *watch)
{
    enum tree_watched result = TREE_MOVED;
    lock_take(&tree->lock);
    if (present_of(tree, node_find(tree, path), path, scope).index == index)
        result = join(tree, path, scope, watch) ? TREE_WATCHED : TREE_NO_MEMORY;
    lock_drop(&tree->lock);
    return result;
}

static void leave(struct tree *tree, struct watch *watch)
{
    struct waitlist *waitlist = watch->waitlist;
    DL_DELETE(waitlist->shares[watch->worker].first, watch);
    watch->waitlist = NULL;
    if (--waitlist->members > 0)
        return;
    struct node *node = waitlist->node;
    node->waitlists[waitlist->scope] = NULL;
    free(waitlist);
    node_prune(tree, node);
}

bool tree_unwatch(struct tree *tree, struct watch *watch)
{
    lock_take(&tree->lock);
    bool left = !watch->waitlist->handed_over;
    if (left)
        leave(tree, watch);
    lock_drop(&tree->lock);
    return left;
}

/* Takes a waitlist off its node, in front of the chain of those to ring for. */
static struct waitlist *take_waitlist(struct tree *tree, struct node *node,
                                      enum scope scope, struct waitlist *chain)
{
    struct waitlist *waitlist = node->waitlists[scope];
    if (waitlist == NULL)
        return chain;
    node->waitlists[scope] = NULL;
    waitlist->handed_over = true;
    waitlist->news = present_of(tree, node, path_of(node), scope);
    document_ref(waitlist->news.document);
    unsigned shares = 0;
    for (unsigned i = 0; i < tree->workers; i++)
        shares += waitlist->shares[i].first != NULL;
    atomic_init(&waitlist->shares_out, shares);
    waitlist->chain = chain;
    return waitlist;
}

static bool is_tombstone(const struct node *node)
{
    return node->self.index != 0 && node->self.document == NULL;
}

static void tombstone_remove(struct tree *tree, struct node *node)
{
    DL_DELETE2(tree->tombstones, node, tombstone_prev, tombstone_next);
    tree->tombstone_count--;
}

/* Mostly the newest, and so the last. */
static void tombstone_add(struct tree *tree, struct node *node)
{
    struct node *before =
        tree->tombstones != NULL ? tree->tombstones->tombstone_prev : NULL;
    while (before != NULL && before->self.index > node->self.index)
        before = before != tree->tombstones ? before->tombstone_prev : NULL;
    DL_APPEND_ELEM2(tree->tombstones, before, node, tombstone_prev, tombstone_next);
    tree->tombstone_count++;
}

static void node_change(struct tree *tree, struct node *node, const struct change *change)
{
    if (is_tombstone(node))
        tombstone_remove(tree, node);
    tree->resources -= node->self.document != NULL;
    node->self.index = change->index;
    node->self.changed = change->at;
    if (change->kind != CHANGE_TOUCH) {
        document_unref(&node->self.document);
        node->self.document = document_ref(change->document);
    }
    tree->resources += node->self.document != NULL;
    if (is_tombstone(node))
        tombstone_add(tree, node);
}

/* A waitlist may be freed as soon as its last share is handed over: what is still needed
 * of it is read before. */
static void ring_for(struct tree *tree, struct waitlist *chain)
{
    while (chain != NULL) {
        struct waitlist *waitlist = chain;
        unsigned left = atomic_load_explicit(&waitlist->shares_out, memory_order_relaxed);
        chain = waitlist->chain;
        for (unsigned i = 0; left > 0; i++)
            if (waitlist->shares[i].first != NULL) {
                left--;
                tree->ring(tree->context, i, waitlist);
            }
    }
}

/* False: out of memory. `chain` gets the waitlists that it concerns. */
static bool change_node(struct tree *tree, const struct change *change,
                        struct waitlist **chain)
{
    struct node *node = node_make(tree, change->path);
    if (node == NULL)
        return false;
    node_change(tree, node, change);
    *chain = take_waitlist(tree, node, SCOPE_SELF, *chain);
    for (struct node *up = node; up != NULL; up = up->parent) {
        if (up->newest < change->index) {
            up->newest = change->index;
            up->newest_changed = change->at;
        }
        *chain = take_waitlist(tree, up, SCOPE_BELOW, *chain);
    }
    return true;
}

static void raise_floor(struct tree *tree, const struct change *change)
{
    if (tree->everything >= change->index)
        return;
    tree->everything = change->index;
    tree->everything_changed = change->at;
}

static bool lies_below(const struct node *node, struct text path)
{
    if (path.at[path.len - 1] == '/')
        path.len--;
    return node->path_len >= path.len && memcmp(node->path, path.at, path.len) == 0 &&
           (node->path_len == path.len || node->path[path.len] == '/');
}

/* Takes the waitlists under SCOPE_BELOW of all nodes at or below the path. */
static void take_below(struct tree *tree, struct text path, struct waitlist **chain)
{
    struct waitlist *found = NULL;
    struct node *node, *next;
    HASH_ITER(hh, tree->nodes, node, next)
    {
        struct waitlist *waitlist = node->waitlists[SCOPE_BELOW];
        if (waitlist == NULL || !lies_below(node, path))
            continue;
        waitlist->chain = found;
        found = waitlist;
    }
    /* A node is held by its waitlist until it is its turn, so no other's pruning frees
     * it.
     */
    while (found != NULL) {
        node = found->node;
        found = found->chain;
        *chain = take_waitlist(tree, node, SCOPE_BELOW, *chain);
        node_prune(tree, node);
    }
}

/* Beside the change of everything at "/" they say nothing any more. */
static void drop_marks(struct tree *tree)
{
    while (tree->marked != NULL) {
        struct node *node = tree->marked;
        tree->marked = node->next_marked;
        tree->marks--;
        node->below = 0;
        node_prune(tree, node);
    }
}

static bool mark(struct tree *tree, const struct change *change, struct waitlist **chain)
{
    struct node *node = node_make(tree, change->path);
    if (node == NULL)
        return false;
    if (node->below == 0) {
        node->next_marked = tree->marked;
        tree->marked = node;
        tree->marks++;
    }
    node->below = change->index;
    node->below_changed = change->at;
    for (struct node *up = node; up != NULL; up = up->parent) {
        if (up->newest < change->index) {
            up->newest = change->index;
            up->newest_changed = change->at;
        }
        *chain = take_waitlist(tree, up, SCOPE_BELOW, *chain);
    }
    return true;
}

static bool change_everything(struct tree *tree, const struct change *change,
                              struct waitlist **chain)
{
    if (text_is(change->path, TEXT("/"))) {
        raise_floor(tree, change);
        drop_marks(tree);
    } else if (!mark(tree, change, chain)) {
        return false;
    }
    take_below(tree, change->path, chain);
    return true;
}

static void forget(struct tree *tree, const struct change *change)
{
    struct node *node;
    while ((node = tree->tombstones) != NULL && node->self.index <= change->index) {
        tombstone_remove(tree, node);
        node->self.index = 0;
        node_prune(tree, node);
    }
    raise_floor(tree, change);
    if (tree->span.horizon < change->index)
        tree->span.horizon = change->index;
}

bool tree_apply(struct tree *tree, const struct change *change)
{
    struct waitlist *chain = NULL;
    bool applied = true;
    lock_take(&tree->lock);
    if (change->kind == CHANGE_EVERYTHING)
        applied = change_everything(tree, change, &chain);
    else if (change->kind == CHANGE_FORGET)
        forget(tree, change);
    else
        applied = change_node(tree, change, &chain);
    if (applied && tree->span.newest < change->index)
        tree->span.newest = change->index;
    lock_drop(&tree->lock);
    ring_for(tree, chain);
    return applied;
}

size_t tree_resources(struct tree *tree)
{
    lock_take(&tree->lock);
    size_t count = tree->resources;
    lock_drop(&tree->lock);
    return count;
}

size_t tree_marks(struct tree *tree)
{
    lock_take(&tree->lock);
    size_t count = tree->marks;
    lock_drop(&tree->lock);
    return count;
}

size_t tree_tombstones(struct tree *tree)
{
    lock_take(&tree->lock);
    size_t count = tree->tombstone_count;
    lock_drop(&tree->lock);
    return count;
}

uint64_t tree_tombstone_at(struct tree *tree, size_t nth)
{
    lock_take(&tree->lock);
    struct node *node = tree->tombstones;
    while (node != NULL && nth-- > 0)
        node = node->tombstone_next;
    uint64_t index = node != NULL ? node->self.index : 0;
    lock_drop(&tree->lock);
    return index;
}

bool tree_each(struct tree *tree, tree_visit_fn *visit, void *context)
{
    struct node *node, *next;
    bool going = true;
    lock_take(&tree->lock);
    HASH_ITER(hh, tree->nodes, node, next)
    {
        if (going && node->self.document != NULL)
            going = visit(context, (struct text){node->path, node->path_len});
    }
    lock_drop(&tree->lock);
    return going;
}

void waitlist_done(struct waitlist *waitlist)
{
    if (atomic_fetch_sub_explicit(&waitlist->shares_out, 1, memory_order_acq_rel) != 1)
        return;
    present_dispose(&waitlist->news);
    free(waitlist);
}
