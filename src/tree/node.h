/* SPDX-License-Identifier: ISC */
/*
 * node: the paths that have an index, a mark or a waitlist, and the places where the ways
 * to them part. Private to the tree; guarded by its lock.
 *
 * A node holds what its path has beyond its parent's: one segment or more. So a path of
 * 500 segments that somebody waits for is one node, there are never more than twice as
 * many as paths that are something, and limits.resources bounds them: it counts documents
 * and tombstones. A path that is no node may lie within a node's key: then what is known
 * of all below it is what that node knows.
 */
#ifndef FCGIWAIT_TREE_NODE_H
#define FCGIWAIT_TREE_NODE_H

#include <stdint.h>

#include "fcgiwait/lock.h"
#include "fcgiwait/tree.h"
#include "order.h"

/* A change, by its index and its time. */
struct moment {
    uint64_t index; /* 0: never */
    nanos at;
};

static inline struct moment moment_later(struct moment a, struct moment b)
{
    return a.index >= b.index ? a : b;
}

/* A node stays while it has an index, a mark, a waitlist, or more than one child; the
 * root always does. */
struct node {
    struct node *parent;                 /* NULL: the root */
    struct node *chain;                  /* in its bucket */
    struct node *prev, *next, *children; /* oldest newest change first (utlist.h) */
    const char *key; /* segments, parted by slashes; the root's: none */
    uint32_t key_len, hash;
    char *merged;           /* malloc'd, where the key became longer; else NULL */
    struct present self;    /* a document reference of the node's */
    struct moment newest;   /* change at or below */
    struct moment marked;   /* CHANGE_EVERYTHING at or below */
    struct moment mark;     /* the node's own CHANGE_EVERYTHING */
    struct node *next_mark; /* while in the tree's list */
    struct waitlist *waitlists[SCOPES];
    char inside[]; /* where the key lies at first */
};

struct tree {
    struct lock lock; /* guards everything below */
    struct node *root;
    struct node **buckets; /* children, by parent and first segment */
    size_t bucket_count;   /* a power of two */
    size_t nodes;          /* but the root */
    uint64_t seed;
    struct order order; /* those with an index */
    size_t resources;
    struct node *marks; /* with a mark of their own, the root left out */
    size_t mark_count;
    struct moment floor;    /* no index but SCOPE_SELF's is lower: what was forgotten */
    struct moment newest;   /* change seen */
    bool holds;             /* the bell */
    struct waitlist *held;  /* those to ring for */
    struct waitlist *first; /* of all that hang on a node (utlist.h) */
    size_t waitlists;
    struct waitlist *looking; /* of those, the next for tree_most() to see */
    size_t changes;
    unsigned workers;
    tree_ring_fn *ring;
    void *context;
};

/* What tree_look() says of the node's path, without a document reference (tree.c). */
struct present tree_state_of(const struct tree *tree, struct node *node,
                             enum scope scope);

/* Where a path lies among the nodes that there are. */
struct place {
    struct node *above; /* the last node at or above the path */
    struct text rest; /* of the path below it; `at` NULL: nothing, it is the path's own */
    struct node *edge; /* a child of it whose key begins as `rest` does; NULL: none */
    size_t common;     /* bytes of that key which do, whole segments */
};

/* The table of children, and the root. False: out of memory. */
bool nodes_open(struct tree *tree);
void nodes_close(struct tree *tree); /* frees all nodes */

void node_place(const struct tree *tree, struct text path, struct place *place);

/* The path's own node; NULL: there is none. */
static inline struct node *place_node(const struct place *place)
{
    return place->rest.at == NULL ? place->above : NULL;
}

/* The node that knows all at or below the path; NULL: there is nothing. */
static inline struct node *place_top(const struct place *place)
{
    if (place->rest.at == NULL)
        return place->above;
    return place->edge != NULL && place->common == place->rest.len ? place->edge : NULL;
}

/* Finds or makes the path's own node. NULL: out of memory, and nothing was changed. */
struct node *node_make(struct tree *tree, struct text path);

/* Frees the node where nothing holds it, or makes one of it and its only child; and then
 * its parent. */
void node_prune(struct tree *tree, struct node *node);

/* The change is the newest at or below the node, unless one that came before it was
 * newer. */
void node_note(struct node *node, struct moment moment);

/* The next node below `top`, parents first; NULL: that was the last. */
struct node *node_next(const struct node *node, const struct node *top);

/* Or `top` itself. `steps` counts those on the way up. */
bool node_is_below(const struct node *node, const struct node *top, size_t *steps);

/* Length of the path, which is written to `out` where there are `most` bytes for it. */
size_t node_path(const struct node *node, char *out, size_t most);

#endif
