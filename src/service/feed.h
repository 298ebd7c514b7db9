/* SPDX-License-Identifier: ISC */
/*
 * feed: what a request for everything below a path is about, or for some names below it
 * (FCGIWAIT_SCOPE below). Private to the service.
 *
 * Belongs to its request, for as long as that is held, too: all that its answer takes is
 * kept here. Whoever has the request may use it.
 */
#ifndef FCGIWAIT_SERVICE_FEED_H
#define FCGIWAIT_SERVICE_FEED_H

#include "fcgiwait/names.h"
#include "fcgiwait/telling.h"
#include "built.h"
#include "operation.h"

struct feed {
    const struct service_rules *rules; /* as they were when it came: they stay */
    struct text path;                  /* no slash at its end but the root's */
    bool below_alone;   /* it was asked for with a slash at its end: the resource without
                           one may be another location's, and is not told */
    bool behind_origin; /* documents are elsewhere */
    bool minimal;       /* the client wants none */
    bool named;         /* the targets are names below the path; else the path is one */
    bool knows;       /* the client has an index of ours: none that it is told is less */
    bool has_from;    /* the client has what is there up to `from` */
    uint64_t goes_on; /* the horizon at which a page before this one stopped at `from`,
                         which may be below it; 0: there was no such page */
    uint64_t from;
    uint64_t newest;  /* change of them all, as feed_look() saw it */
    uint64_t horizon; /* of the tree, then */
    struct text what; /* all its paths, each with a NUL behind it */
    nanos changed;    /* when it did what ended the wait of its request; 0: nothing did */
    struct request *request; /* while it waits for the builder (builder.h) */
    struct feed *next;
    size_t count;
    struct target targets[]; /* as feed_look() saw them */
};

/* NULL: out of memory. `names` NULL: everything below the path. Copies; free() ends it.
 */
struct feed *feed_new(const struct operation *operation, const struct names *names);

/* Looks at the targets. `present` gets the newest change of them all, and no document;
 * its index is not below the horizon, but for 0: none was ever there, and the client was
 * told of none. */
void feed_look(struct feed *feed, struct tree *tree, struct present *present);

/* What the client has, after feed_look(). `present` has the index that it is told
 * (read_plan_index()); `same`: nothing has changed for it. */
void feed_set_from(struct feed *feed, struct tree *tree,
                   const struct operation *operation, const struct tree_span *span,
                   const struct present *present, bool same);

/* Finds the index that a page stopped at, by its bookmark (bookmark.h). Work for each
 * document below the horizon. */
bool feed_find(const struct feed *feed, struct tree *tree, uint64_t horizon,
               uint64_t bookmark, uint64_t *index);

/* Visits what changed after `from`, up to what feed_look() saw, in index order, until
 * `visit` returns false; deletions up to `undeleted` are left out. False: out of memory.
 */
typedef bool feed_visit_fn(void *context, const struct told *told);
bool feed_each(const struct feed *feed, struct tree *tree, uint64_t from,
               uint64_t undeleted, feed_visit_fn *visit, void *context);

/* Up to then nobody knows what there is behind an origin; 0: all is known. */
uint64_t feed_known_from(const struct feed *feed, struct tree *tree);

/* From where all that there is is told then. */
uint64_t feed_anew_from(uint64_t known);

/* Whether deletions that came after `from` may be forgotten, at this horizon. */
bool feed_is_void(const struct feed *feed, uint64_t horizon);

/* What it asks for, from which index, of which state (built.h). So many flags are taken.
 */
#define FEED_FLAGS 6
struct built_key feed_key(const struct feed *feed);

/* What a feed tells. */
struct feed_page {
    struct chunk *chunk; /* a reference of the holder's; NULL: out of memory */
    uint64_t index;      /* up to where it tells */
};

enum feed_length {
    FEED_BRIEF, /* no more than what takes some tens of microseconds */
    FEED_WHOLE
};

/* What changed, in index order, up to what feed_look() saw (feed_tell.c). Feeds with the
 * same key, rules and horizon tell the same. False: it is too long to be brief, and
 * nothing was made. */
bool feed_tell(const struct feed *feed, struct tree *tree, enum feed_length length,
               struct feed_page *page) __attribute__((warn_unused_result));

#endif
