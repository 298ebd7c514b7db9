#include "fcgiwait/tree.h"

#include <stdlib.h>

#include <utlist.h>

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

/* The state of a node that may not be there, without a document reference. */
static struct present present_of(const struct tree *tree, const struct node *node,
                                 enum scope scope)
{
    struct present present = node != NULL ? node->self : (struct present){0};
    if (scope == SCOPE_SELF)
        return present;
    if (node != NULL && node->newest > tree->everything) {
        present.index = node->newest;
        present.changed = node->newest_changed;
    } else {
        present.index = tree->everything;
        present.changed = tree->everything_changed;
    }
    return present;
}

void tree_look(struct tree *tree, struct text path, enum scope scope,
               struct present *present)
{
    lock_take(&tree->lock);
    *present = present_of(tree, node_find(tree, path), scope);
    document_ref(present->document);
    lock_drop(&tree->lock);
}

static struct crowd *crowd_of(struct tree *tree, struct node *node, enum scope scope)
{
    if (node->crowds[scope] != NULL)
        return node->crowds[scope];
    struct crowd *crowd =
        calloc(1, sizeof *crowd + tree->workers * sizeof crowd->shares[0]);
    if (crowd == NULL)
        return NULL;
    crowd->node = node;
    crowd->scope = scope;
    node->crowds[scope] = crowd;
    return crowd;
}

static bool join(struct tree *tree, struct text path, enum scope scope,
                 struct watch *watch)
{
    struct node *node = node_make(tree, path);
    if (node == NULL)
        return false;
    struct crowd *crowd = crowd_of(tree, node, scope);
    if (crowd == NULL) {
        node_prune(tree, node);
        return false;
    }
    DL_APPEND(crowd->shares[watch->worker].first, watch);
    crowd->members++;
    watch->crowd = crowd;
    return true;
}

enum tree_watched tree_watch(struct tree *tree, struct text path, enum scope scope,
                             uint64_t index, struct watch *watch)
{
    enum tree_watched result = TREE_MOVED;
    lock_take(&tree->lock);
    if (present_of(tree, node_find(tree, path), scope).index == index)
        result = join(tree, path, scope, watch) ? TREE_WATCHED : TREE_NO_MEMORY;
    lock_drop(&tree->lock);
    return result;
}

static void leave(struct tree *tree, struct watch *watch)
{
    struct crowd *crowd = watch->crowd;
    DL_DELETE(crowd->shares[watch->worker].first, watch);
    watch->crowd = NULL;
    if (--crowd->members > 0)
        return;
    struct node *node = crowd->node;
    node->crowds[crowd->scope] = NULL;
    free(crowd);
    node_prune(tree, node);
}

bool tree_unwatch(struct tree *tree, struct watch *watch)
{
    lock_take(&tree->lock);
    bool left = !watch->crowd->handed_over;
    if (left)
        leave(tree, watch);
    lock_drop(&tree->lock);
    return left;
}

/* Takes a crowd off its node, in front of the chain of those to ring for. */
static struct crowd *take_crowd(struct tree *tree, struct node *node, enum scope scope,
                                struct crowd *chain)
{
    struct crowd *crowd = node->crowds[scope];
    if (crowd == NULL)
        return chain;
    node->crowds[scope] = NULL;
    crowd->handed_over = true;
    crowd->news = present_of(tree, node, scope);
    document_ref(crowd->news.document);
    unsigned shares = 0;
    for (unsigned i = 0; i < tree->workers; i++)
        shares += crowd->shares[i].first != NULL;
    atomic_init(&crowd->shares_out, shares);
    crowd->chain = chain;
    return crowd;
}

static bool is_gone(const struct node *node)
{
    return node->self.index != 0 && node->self.document == NULL;
}

static void gone_remove(struct tree *tree, struct node *node)
{
    DL_DELETE2(tree->gone, node, gone_prev, gone_next);
    tree->gone_count--;
}

/* Mostly the newest, and so the last. */
static void gone_add(struct tree *tree, struct node *node)
{
    struct node *before = tree->gone != NULL ? tree->gone->gone_prev : NULL;
    while (before != NULL && before->self.index > node->self.index)
        before = before != tree->gone ? before->gone_prev : NULL;
    DL_APPEND_ELEM2(tree->gone, before, node, gone_prev, gone_next);
    tree->gone_count++;
}

static void node_change(struct tree *tree, struct node *node, const struct change *change)
{
    if (is_gone(node))
        gone_remove(tree, node);
    tree->resources -= node->self.document != NULL;
    node->self.index = change->index;
    node->self.changed = change->at;
    if (change->kind != CHANGE_TOUCH) {
        document_unref(&node->self.document);
        node->self.document = document_ref(change->document);
    }
    tree->resources += node->self.document != NULL;
    if (is_gone(node))
        gone_add(tree, node);
}

/* A crowd may be freed as soon as its last share is handed over: what is still needed of
 * it is read before. */
static void ring_for(struct tree *tree, struct crowd *chain)
{
    while (chain != NULL) {
        struct crowd *crowd = chain;
        unsigned left = atomic_load_explicit(&crowd->shares_out, memory_order_relaxed);
        chain = crowd->chain;
        for (unsigned i = 0; left > 0; i++)
            if (crowd->shares[i].first != NULL) {
                left--;
                tree->ring(tree->context, i, crowd);
            }
    }
}

/* False: out of memory. `chain` gets the crowds that it concerns. */
static bool change_node(struct tree *tree, const struct change *change,
                        struct crowd **chain)
{
    struct node *node = node_make(tree, change->path);
    if (node == NULL)
        return false;
    node_change(tree, node, change);
    *chain = take_crowd(tree, node, SCOPE_SELF, *chain);
    for (struct node *up = node; up != NULL; up = up->parent) {
        if (up->newest < change->index) {
            up->newest = change->index;
            up->newest_changed = change->at;
        }
        *chain = take_crowd(tree, up, SCOPE_BELOW, *chain);
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

static void change_everything(struct tree *tree, const struct change *change,
                              struct crowd **chain)
{
    struct crowd *found = NULL;
    struct node *node, *next;
    raise_floor(tree, change);
    HASH_ITER(hh, tree->nodes, node, next)
    {
        struct crowd *crowd = node->crowds[SCOPE_BELOW];
        if (crowd == NULL)
            continue;
        crowd->chain = found;
        found = crowd;
    }
    /* A node is held by its crowd until it is its turn, so no other's pruning frees it.
     */
    while (found != NULL) {
        node = found->node;
        found = found->chain;
        *chain = take_crowd(tree, node, SCOPE_BELOW, *chain);
        node_prune(tree, node);
    }
}

static void forget(struct tree *tree, const struct change *change)
{
    struct node *node;
    while ((node = tree->gone) != NULL && node->self.index <= change->index) {
        gone_remove(tree, node);
        node->self.index = 0;
        node_prune(tree, node);
    }
    raise_floor(tree, change);
}

bool tree_apply(struct tree *tree, const struct change *change)
{
    struct crowd *chain = NULL;
    bool applied = true;
    lock_take(&tree->lock);
    if (change->kind == CHANGE_EVERYTHING)
        change_everything(tree, change, &chain);
    else if (change->kind == CHANGE_FORGET)
        forget(tree, change);
    else
        applied = change_node(tree, change, &chain);
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

size_t tree_gone(struct tree *tree)
{
    lock_take(&tree->lock);
    size_t count = tree->gone_count;
    lock_drop(&tree->lock);
    return count;
}

uint64_t tree_gone_at(struct tree *tree, size_t nth)
{
    lock_take(&tree->lock);
    struct node *node = tree->gone;
    while (node != NULL && nth-- > 0)
        node = node->gone_next;
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

void crowd_done(struct crowd *crowd)
{
    if (atomic_fetch_sub_explicit(&crowd->shares_out, 1, memory_order_acq_rel) != 1)
        return;
    present_dispose(&crowd->news);
    free(crowd);
}
