/* SPDX-License-Identifier: ISC */
/*
 * What most watch: a walk over the waitlists, which are far fewer than the nodes. Where
 * it stands is kept in the tree, so that a waitlist that goes meanwhile is stepped over.
 */
#include <string.h>

#include "node.h"

/* Longer ones have no beginning here. */
#define PATH_ROOM 2048

/* Waitlists that are seen in one hold of the lock (some tens of microseconds), and in
 * all. */
#define PORTION 512
#define SEEN_MOST 65536

static void name(const struct node *node, struct tree_waited *waited)
{
    char path[PATH_ROOM];
    waited->path_len = node_path(node, path, sizeof path);
    waited->kept = waited->path_len <= sizeof path ? waited->path_len : 0;
    if (waited->kept > TREE_MOST_PATH)
        waited->kept = TREE_MOST_PATH;
    memcpy(waited->path, path, waited->kept);
}

/* In its place, if it has one. */
static void see(struct tree_most *most, const struct waitlist *waitlist)
{
    size_t at = most->count;
    while (at > 0 && most->at[at - 1].watchers < waitlist->members)
        at--;
    if (at == TREE_MOST)
        return;
    if (most->count < TREE_MOST)
        most->count++;
    memmove(most->at + at + 1, most->at + at,
            (most->count - at - 1) * sizeof most->at[0]);
    most->at[at].watchers = waitlist->members;
    most->at[at].scope = waitlist->scope;
    name(waitlist->node, &most->at[at]);
}

/* True: there are more. */
static bool see_portion(struct tree *tree, struct tree_most *most)
{
    lock_take(&tree->lock);
    for (size_t i = 0; i < PORTION && tree->looking != NULL; i++) {
        see(most, tree->looking);
        most->seen++;
        tree->looking = tree->looking->after;
    }
    most->targets = tree->waitlists;
    bool more = tree->looking != NULL;
    lock_drop(&tree->lock);
    return more;
}

void tree_most(struct tree *tree, struct tree_most *most)
{
    most->count = most->seen = 0;
    lock_take(&tree->lock);
    tree->looking = tree->first;
    lock_drop(&tree->lock);
    while (see_portion(tree, most) && most->seen < SEEN_MOST)
        ;
}
