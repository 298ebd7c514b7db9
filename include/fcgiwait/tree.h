/* SPDX-License-Identifier: ISC */
/*
 * tree: which resources there are, their present state, and who watches them.
 *
 * Owns the nodes, and a reference of every present document. One lock (LOCK_TREE, node.h)
 * guards all of it; no call blocks, does I/O, or does work per watcher. Any thread.
 *
 * A change costs what its path is deep, whatever waits; what changed since an index costs
 * what there is to tell, in portions between which others get the lock.
 *
 * Watchers lie in waitlists: all that wait for the same thing, a list for each worker of
 * the waiting room. A change takes whole waitlists off the tree and hands them to their
 * workers with the bell. A waitlist that was handed over belongs to the workers in it.
 */
#ifndef FCGIWAIT_TREE_H
#define FCGIWAIT_TREE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/change.h"
#include "fcgiwait/text.h"

enum scope {
    SCOPE_SELF,   /* the resource alone */
    SCOPE_BELOW,  /* the resource and everything below it, as behind an origin: what
                     CHANGE_EVERYTHING says is a change, too */
    SCOPE_WITHIN, /* the same of what is kept here, whose changes are all known */
    SCOPE_INSIDE, /* as SCOPE_WITHIN, without the resource itself */
    SCOPE_BENEATH /* as SCOPE_BELOW, without the resource itself */
};
enum { SCOPES = 5 };

/* What CHANGE_EVERYTHING says concerns those who watch there. */
static inline bool scope_is_behind_origin(enum scope scope)
{
    return scope == SCOPE_BELOW || scope == SCOPE_BENEATH;
}

/* Changes of the resource itself do not. */
static inline bool scope_leaves_out(enum scope scope)
{
    return scope == SCOPE_INSIDE || scope == SCOPE_BENEATH;
}

/* What of the tree is watched, and the index that it was seen at. */
struct target {
    struct text path;
    enum scope scope;
    uint64_t index;
};

/* One target of a waiter. Linked and unlinked under the tree's lock; once its waitlist
 * has been handed over, by its worker alone. */
struct watch {
    struct watch *next, *prev;
    struct waitlist *waitlist; /* NULL: lies in none */
    struct waiter *waiter;     /* set by the owner before tree_watch() */
};

/* Those of a waitlist that belong to one worker; `next` is that worker's to link its
 * inbox with. */
struct waitlist_share {
    struct watch *first;
    struct waitlist *next;
};

struct waitlist {
    struct node *node;               /* until it is handed over */
    struct waitlist *before, *after; /* among all that were not handed over */
    enum scope scope;
    bool handed_over;       /* guarded by the tree's lock */
    size_t members;         /* guarded by the tree's lock, counts until handed over */
    struct waitlist *chain; /* the publisher's, while it rings */
    _Atomic unsigned shares_out;    /* workers that still have to give their share back */
    struct present news;            /* what the change made of the resource */
    struct waitlist_share shares[]; /* one for each worker */
};

/* The bell: `worker` gets its share of `waitlist`, and gives it back with
 * waitlist_done(). Called by the thread that applies a change, with no lock of the tree
 * held; it must not block. */
typedef void tree_ring_fn(void *context, unsigned worker, struct waitlist *waitlist);

struct tree;

/* NULL: out of memory. */
struct tree *tree_new(unsigned workers);
/* Before the first watch. Without watchers no bell is needed. */
void tree_set_bell(struct tree *tree, tree_ring_fn *ring, void *context);
/* Nobody may watch any more. */
void tree_free(struct tree **tree);

/* The present state, with a document reference for the caller (present_dispose()). Under
 * the other scopes the index and the time are those of the newest change there; behind
 * origins also of the newest CHANGE_EVERYTHING at, above or below the path. */
void tree_look(struct tree *tree, struct text path, enum scope scope,
               struct present *present);

/* The newest CHANGE_EVERYTHING at, above or below the path; 0: none. */
uint64_t tree_everything(struct tree *tree, struct text path);

/* From where to where an index means something: below `horizon` paths were forgotten, and
 * above `newest` none has been seen yet. */
struct tree_span {
    uint64_t horizon, newest;
};
void tree_span(struct tree *tree, struct tree_span *span);

enum tree_watched { TREE_WATCHED, TREE_MOVED, TREE_NO_MEMORY };

/* Compares the indexes and joins the waitlists in one motion: TREE_MOVED when one of them
 * is not the present one, and then nothing was joined. `watches` has one for each target,
 * all of the same waiter; the first of them that a change concerns comes to `worker`. */
enum tree_watched tree_watch(struct tree *tree, const struct target *targets,
                             size_t count, unsigned worker, struct watch *watches);

/* Leaves the waitlists that were not handed over, those that it lies in none of left out.
 * Returns how many watches are still linked: they come (or have come) to the worker with
 * their waitlists. */
size_t tree_unwatch(struct tree *tree, unsigned worker, struct watch *watches,
                    size_t count);

/* Makes the change the present state and rings for everybody whom it concerns. Changes
 * come one at a time, in index order. CHANGE_EVERYTHING concerns all that watch
 * behind origins at its path, below it (paths that nobody knows included) and above it,
 * and is work per node there; at "/" it takes the place of all the others. Documents of
 * our own do not change by it, nor does an index under another scope: their changes are
 * known. CHANGE_FORGET rings for nobody: a path that it concerns does not exist, before
 * and after; but for SCOPE_SELF no index is lower than its own any more, so that none
 * ever goes back. False: out of memory, nothing was changed. */
bool tree_apply(struct tree *tree, const struct change *change);

/* The same of several changes that happened at once, under one index: whoever looks sees
 * all of them or none, and the bell rings after the last. Where there is no memory for
 * one of them, everything counts as changed. Work under the lock for each of them. */
void tree_apply_all(struct tree *tree, const struct change *changes, size_t count);

/* From here to tree_ring() the bell is held: what is applied meanwhile is one step, and
 * whoever waits for any of it is told once, when all of it is there. Under SCOPE_BELOW
 * the news are then the newest change's. Called as changes are, one at a time. */
void tree_hold(struct tree *tree);
void tree_ring(struct tree *tree);

size_t tree_resources(struct tree *tree); /* that exist */
size_t tree_marks(struct tree *tree); /* paths with a CHANGE_EVERYTHING of their own */
size_t tree_tombstones(struct tree *tree); /* paths that have an index and no document */

/* The index of the oldest path without a document but `nth` (0: the oldest); 0 where
 * there are not so many. Work per path. */
uint64_t tree_tombstone_at(struct tree *tree, size_t nth);

/* --- what changed since --- */

/* The last that happened to a path. */
struct tree_news {
    struct present present; /* a document reference of the caller's */
    struct text path;       /* in the portion's bytes */
};

/* How many, but for what happened at once: that is in one portion. */
#define TREE_PORTION 64
struct tree_portion {
    size_t count, news_capacity;
    struct tree_news *news; /* in index order */
    char *bytes;            /* where their paths lie */
    size_t capacity;
    bool failed; /* out of memory: it is not to be told */
};

/* Fills the portion, at first all zero, with what last changed after `from`, and up to
 * `to`, at or below the path (or below it alone: scope_leaves_out()), and moves `from` to
 * the index that it has come to. True: that was all, or it has failed. A portion may be
 * empty: nothing is held for long. Who goes on with `from` tells each path once. */
bool tree_since(struct tree *tree, struct text path, enum scope scope, uint64_t *from,
                uint64_t to, struct tree_portion *portion);

/* Gives the documents back. */
void tree_portion_dispose(struct tree_portion *portion);
void tree_portion_free(struct tree_portion *portion); /* and the memory */

/* Calls `visit` for every resource that exists, in no order, under the tree's lock. Stops
 * where it returns false. */
typedef bool tree_visit_fn(void *context, struct text path);
bool tree_each(struct tree *tree, tree_visit_fn *visit, void *context);

/* --- who waits for what --- */

#define TREE_MOST 20
#define TREE_MOST_PATH 240

/* What many watch. */
struct tree_waited {
    size_t watchers;
    enum scope scope;
    size_t path_len; /* of the whole path; `path` has the first `kept` bytes */
    size_t kept;
    char path[TREE_MOST_PATH];
};

struct tree_most {
    size_t targets; /* different ones that are watched */
    size_t seen;    /* of those: all, unless there are very many */
    size_t count;
    struct tree_waited at[TREE_MOST]; /* the most watched first */
};

/* What most watch, at present. Work per target, in portions between which others get the
 * lock: for when somebody wants to see it. One caller at a time. */
void tree_most(struct tree *tree, struct tree_most *most);

/* Changes applied, with those that were there at the start. */
size_t tree_changes(struct tree *tree);

/* A worker has let go of every watch in its share. The last one frees the waitlist. */
void waitlist_done(struct waitlist *waitlist);

#endif
