/* SPDX-License-Identifier: ISC */
/* node: one path of the tree. Private to the tree; guarded by its lock. */
#ifndef FCGIWAIT_TREE_NODE_H
#define FCGIWAIT_TREE_NODE_H

#include "fcgiwait/lock.h"
#include "fcgiwait/tree.h"

/* Memory that runs out must not end the process (uthash's default). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* A node stays while it has an index, a mark (`below`), a waitlist or children. */
struct node {
    UT_hash_handle hh;
    struct node *parent; /* NULL for the root, and for a path that has none */
    size_t children;
    struct present self;
    struct node *tombstone_next, *tombstone_prev; /* while in the tree's list */
    uint64_t newest;                              /* at or below */
    nanos newest_changed;
    uint64_t below; /* CHANGE_EVERYTHING of this path: no index at or below is lower under
                       SCOPE_BELOW; 0: none, or it is lower than that of all */
    nanos below_changed;
    struct node *next_marked;      /* while in the tree's list */
    struct waitlist *waitlists[2]; /* by scope */
    size_t path_len;
    char path[];
};

struct tree {
    struct lock lock; /* guards everything below */
    struct node *nodes;
    size_t resources, tombstone_count;
    struct node *tombstones; /* those with an index and no document, oldest first */
    struct node *marked;     /* those with a `below` */
    size_t marks;            /* of them */
    struct tree_span span;
    uint64_t everything; /* no index under SCOPE_BELOW is lower; 0: none was ever given */
    nanos everything_changed;
    unsigned workers;
    tree_ring_fn *ring;
    void *context;
};

struct node *node_find(struct tree *tree, struct text path);

/* Finds or makes the node and all that it lies below. NULL: out of memory. */
struct node *node_make(struct tree *tree, struct text path);

/* Frees the node, and then its ancestors, as far as nothing holds them. */
void node_prune(struct tree *tree, struct node *node);

#endif
