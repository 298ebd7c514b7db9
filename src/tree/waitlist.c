/* SPDX-License-Identifier: ISC */
/*
 * Waitlists: made by the first who joins, freed by the last who leaves, or by the last
 * worker that has let its share go.
 */
#include "waitlist.h"

#include <stdlib.h>

#include <utlist.h>

/* It hangs on its node no more. */
static void unlist(struct tree *tree, struct waitlist *waitlist)
{
    waitlist->node->waitlists[waitlist->scope] = NULL;
    if (tree->looking == waitlist)
        tree->looking = waitlist->after;
    DL_DELETE2(tree->first, waitlist, before, after);
    tree->waitlists--;
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
    DL_APPEND2(tree->first, waitlist, before, after);
    tree->waitlists++;
    return waitlist;
}

bool waitlist_join(struct tree *tree, const struct target *target, unsigned worker,
                   struct watch *watch)
{
    struct node *node = node_make(tree, target->path);
    if (node == NULL)
        return false;
    struct waitlist *waitlist = waitlist_of(tree, node, target->scope);
    if (waitlist == NULL) {
        node_prune(tree, node);
        return false;
    }
    DL_APPEND(waitlist->shares[worker].first, watch);
    waitlist->members++;
    watch->waitlist = waitlist;
    return true;
}

void waitlist_leave(struct tree *tree, unsigned worker, struct watch *watch)
{
    struct waitlist *waitlist = watch->waitlist;
    DL_DELETE(waitlist->shares[worker].first, watch);
    watch->waitlist = NULL;
    if (--waitlist->members > 0)
        return;
    struct node *node = waitlist->node;
    unlist(tree, waitlist);
    free(waitlist);
    node_prune(tree, node);
}

void waitlist_take(struct tree *tree, struct node *node, enum scope scope,
                   const struct present *news, struct waitlist **chain)
{
    struct waitlist *waitlist = node->waitlists[scope];
    unlist(tree, waitlist);
    waitlist->handed_over = true;
    waitlist->news = *news;
    document_ref(waitlist->news.document);
    unsigned shares = 0;
    for (unsigned i = 0; i < tree->workers; i++)
        shares += waitlist->shares[i].first != NULL;
    atomic_init(&waitlist->shares_out, shares);
    waitlist->chain = *chain;
    *chain = waitlist;
}

/* A waitlist may be freed as soon as its last share is handed over: what is still needed
 * of it is read before. */
void waitlist_ring(struct tree *tree, struct waitlist *chain)
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

void waitlist_done(struct waitlist *waitlist)
{
    if (atomic_fetch_sub_explicit(&waitlist->shares_out, 1, memory_order_acq_rel) != 1)
        return;
    present_dispose(&waitlist->news);
    free(waitlist);
}
