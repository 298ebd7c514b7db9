/* SPDX-License-Identifier: ISC */
/*
 * A change is applied in one hold of the lock, which costs what its path is deep; only
 * one of everything below a path costs what is there. Whatever needs work per watcher is
 * done by the workers, after the bell.
 */
#include "fcgiwait/tree.h"

#include "waitlist.h"

/* False: nobody watches it. */
static bool take(struct tree *tree, struct node *node, enum scope scope,
                 struct waitlist **chain)
{
    if (node->waitlists[scope] == NULL)
        return false;
    struct present news = tree_state_of(tree, node, scope);
    waitlist_take(tree, node, scope, &news, chain);
    return true;
}

/* The same for all that a change of `changed` concerns (NULL: nobody knows of what), at
 * the node and above it; some of them were there for nothing else. */
static void take_above(struct tree *tree, struct node *node, const struct node *changed,
                       struct waitlist **chain)
{
    for (struct node *up = node, *next; up != NULL; up = next) {
        next = up->parent;
        bool taken = take(tree, up, SCOPE_BELOW, chain);
        taken |= up != changed && take(tree, up, SCOPE_BENEATH, chain);
        taken |= changed != NULL && take(tree, up, SCOPE_WITHIN, chain);
        taken |= changed != NULL && up != changed && take(tree, up, SCOPE_INSIDE, chain);
        if (taken)
            node_prune(tree, up);
    }
}

static void drop_index(struct tree *tree, struct node *node)
{
    if (node->self.index == 0)
        return;
    order_remove(&tree->order, node, node->self.index);
    tree->resources -= node->self.document != NULL;
}

static void change_self(struct tree *tree, struct node *node, const struct change *change)
{
    struct present *self = &node->self;
    drop_index(tree, node);
    self->index = change->index;
    self->changed = change->at;
    if (change->kind == CHANGE_PUT) {
        document_unref(&self->document);
        self->document = document_ref(change->document);
        self->deleted = false;
    } else if (change->kind != CHANGE_TOUCH) {
        self->deleted |= change->kind == CHANGE_DELETE || self->document != NULL;
        document_unref(&self->document);
    }
    order_add(&tree->order, node, change->index, self->document == NULL);
    tree->resources += self->document != NULL;
}

/* False: out of memory. `chain` gets the waitlists that it concerns. */
static bool change_node(struct tree *tree, const struct change *change,
                        struct waitlist **chain)
{
    struct node *node = node_make(tree, change->path);
    if (node == NULL)
        return false;
    if (node->self.index == 0 && !order_reserve(&tree->order)) {
        node_prune(tree, node);
        return false;
    }
    change_self(tree, node, change);
    node_note(node, (struct moment){change->index, change->at});
    take(tree, node, SCOPE_SELF, chain);
    take_above(tree, node, node, chain);
    return true;
}

static void find(struct node *node, enum scope scope, struct waitlist **found)
{
    struct waitlist *waitlist = node->waitlists[scope];
    if (waitlist == NULL)
        return;
    waitlist->chain = *found;
    *found = waitlist;
}

/* Takes the waitlists behind origins of all nodes at or below `top`. */
static void take_below(struct tree *tree, struct node *top, struct waitlist **chain)
{
    struct waitlist *found = NULL;
    for (struct node *node = top; node != NULL; node = node_next(node, top)) {
        find(node, SCOPE_BELOW, &found);
        find(node, SCOPE_BENEATH, &found);
    }
    /* A node is held by its waitlist until it is its turn, so no other's pruning frees
     * it. */
    while (found != NULL) {
        struct node *node = found->node;
        enum scope scope = found->scope;
        found = found->chain;
        take(tree, node, scope, chain);
        node_prune(tree, node);
    }
}

/* Beside the change of everything at "/" they say nothing any more. */
static void drop_marks(struct tree *tree)
{
    while (tree->marks != NULL) {
        struct node *node = tree->marks;
        tree->marks = node->next_mark;
        tree->mark_count--;
        node->mark = (struct moment){0};
        node_prune(tree, node);
    }
}

static void set_mark(struct tree *tree, struct node *node, struct moment moment)
{
    if (node != tree->root && node->mark.index == 0) {
        node->next_mark = tree->marks;
        tree->marks = node;
        tree->mark_count++;
    }
    node->mark = moment_later(node->mark, moment);
    for (struct node *up = node; up != NULL && up->marked.index < moment.index;
         up = up->parent)
        up->marked = moment;
}

static bool change_everything(struct tree *tree, const struct change *change,
                              struct waitlist **chain)
{
    struct node *node = node_make(tree, change->path);
    if (node == NULL)
        return false;
    if (node == tree->root)
        drop_marks(tree);
    set_mark(tree, node, (struct moment){change->index, change->at});
    take_above(tree, node->parent, NULL, chain);
    take_below(tree, node, chain);
    return true;
}

static void forget(struct tree *tree, const struct change *change)
{
    size_t end = order_after(&tree->order, change->index);
    tree->floor = moment_later(tree->floor, (struct moment){change->index, change->at});
    for (size_t i = 0; i < end && tree->order.tombstones > 0; i++) {
        struct node *node = tree->order.at[i].node;
        if (node == NULL || !tree->order.at[i].tombstone)
            continue;
        drop_index(tree, node);
        node->self = (struct present){0};
        node_prune(tree, node);
    }
    order_shrink(&tree->order);
}

static bool apply(struct tree *tree, const struct change *change)
{
    bool applied = true;
    if (change->kind == CHANGE_EVERYTHING)
        applied = change_everything(tree, change, &tree->held);
    else if (change->kind == CHANGE_FORGET)
        forget(tree, change);
    else if (change->kind != CHANGE_NONE)
        applied = change_node(tree, change, &tree->held);
    tree->changes +=
        applied && change->kind != CHANGE_FORGET && change->kind != CHANGE_NONE;
    if (applied)
        tree->newest =
            moment_later(tree->newest, (struct moment){change->index, change->at});
    return applied;
}

/* Gives the lock back, and rings unless that is held. */
static void drop_and_ring(struct tree *tree)
{
    struct waitlist *chain = tree->holds ? NULL : tree->held;
    if (!tree->holds)
        tree->held = NULL;
    lock_drop(&tree->lock);
    waitlist_ring(tree, chain);
}

bool tree_apply(struct tree *tree, const struct change *change)
{
    lock_take(&tree->lock);
    bool applied = apply(tree, change);
    drop_and_ring(tree);
    return applied;
}

void tree_apply_all(struct tree *tree, const struct change *changes, size_t count)
{
    bool applied = true;
    lock_take(&tree->lock);
    for (size_t i = 0; i < count && applied; i++)
        applied = apply(tree, &changes[i]);
    if (!applied) /* the root is always there: that takes no memory */
        apply(tree, &(struct change){.kind = CHANGE_EVERYTHING,
                                     .index = changes[0].index,
                                     .at = changes[0].at,
                                     .path = TEXT("/")});
    drop_and_ring(tree);
}

void tree_hold(struct tree *tree)
{
    lock_take(&tree->lock);
    tree->holds = true;
    lock_drop(&tree->lock);
}

/* Nothing that they wait for has changed after the newest change of all. */
static void renew(struct waitlist *chain, struct moment newest)
{
    for (; chain != NULL; chain = chain->chain)
        if (chain->scope == SCOPE_BELOW) {
            chain->news.index = newest.index;
            chain->news.changed = newest.at;
        }
}

void tree_ring(struct tree *tree)
{
    lock_take(&tree->lock);
    tree->holds = false;
    renew(tree->held, tree->newest);
    drop_and_ring(tree);
}
