/*
 * store: takes changes, makes them durable, gives each the next index, and hands them on
 * in index order.
 *
 * A kind of store is a table of four functions (src/store/backend.h). The present state
 * is not kept here: the store asks for it through its look function, and hands every
 * change to its sink. Both are called one at a time, in index order, and must not block.
 */
#ifndef FCGIWAIT_STORE_H
#define FCGIWAIT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/change.h"
#include "fcgiwait/text.h"

/* What the resource is at present, with a document reference for the caller. */
typedef void store_look_fn(void *context, struct text path, struct present *present);

/* The change is durable: show it, and wake whom it concerns. False: out of memory,
 * nothing was changed. */
typedef bool store_sink_fn(void *context, const struct change *change);

enum edit_kind {
    EDIT_PUT,
    EDIT_TOUCH,
    EDIT_DELETE,
    EDIT_EVERYTHING /* CHANGE_EVERYTHING, under path "/": always goes through */
};

enum edit_result {
    EDIT_CREATED,  /* 201 */
    EDIT_CHANGED,  /* 204 */
    EDIT_SAME,     /* 204: the document was this one already; nobody was woken */
    EDIT_MISSING,  /* 404 */
    EDIT_CONFLICT, /* 412: If-Match or If-None-Match failed */
    EDIT_FULL,     /* 507: limits.resources */
    EDIT_FAILED    /* 503: memory, disk */
};

/* A change that somebody asks for. Belongs to the caller, and stays until `done` was
 * called. */
struct edit {
    enum edit_kind kind;
    struct text path;
    struct document *document;       /* of EDIT_PUT; the caller's reference */
    struct text if_match;            /* lists of entity tags (RFC 9110 section 13.1); */
    struct text if_none_match;       /* `at` NULL: no such header */
    void (*done)(struct edit *edit); /* durable, or refused, and everybody was told */
    /* what came of it, set before `done` */
    enum edit_result result;
    uint64_t index; /* the resource's index now; of EDIT_EVERYTHING: the new one */
};

struct store_options {
    const char *type; /* "memory" */
    store_look_fn *look;
    store_sink_fn *sink;
    void *context; /* of both */
};

struct store;

/* NULL with `error` filled in. Called once, by main, before other threads start. */
struct store *store_open(const struct store_options *options, char *error, size_t room);

/* Calls edit->done() once, on this thread before it returns or on another one later, with
 * no lock of the store held. Any thread; does not block on I/O. */
void store_commit(struct store *store, struct edit *edit);

/* How many paths may have an index. Any thread, any time. */
void store_set_limit(struct store *store, size_t resources);

uint64_t store_index(struct store *store); /* the newest one given */

/* Nobody may commit any more. */
void store_close(struct store **store);

#endif
