/* SPDX-License-Identifier: ISC */
/* waitlist: those who watch a node under one scope. Private to the tree; with its lock
 * held, but for what says otherwise. */
#ifndef FCGIWAIT_TREE_WAITLIST_H
#define FCGIWAIT_TREE_WAITLIST_H

#include "node.h"

/* False: out of memory, and nothing was changed. */
bool waitlist_join(struct tree *tree, const struct target *target, unsigned worker,
                   struct watch *watch);
void waitlist_leave(struct tree *tree, unsigned worker, struct watch *watch);

/* Takes the waitlist that the node has off it with these news, in front of the chain of
 * those to ring for. */
void waitlist_take(struct tree *tree, struct node *node, enum scope scope,
                   const struct present *news, struct waitlist **chain);

/* Rings for the chain; without the lock. */
void waitlist_ring(struct tree *tree, struct waitlist *chain);

#endif
