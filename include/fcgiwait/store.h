/* SPDX-License-Identifier: ISC */
/*
 * store: takes changes, makes them durable, gives each the next index, and hands them on
 * in index order.
 *
 * A kind of store is a table of a few functions (src/store/backend.h). The present state
 * is not kept here: the store sees it through `struct store_view`, and hands every
 * change to its sink, those of other processes over the same store included.
 */
#ifndef FCGIWAIT_STORE_H
#define FCGIWAIT_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "fcgiwait/change.h"
#include "fcgiwait/conditions.h"
#include "fcgiwait/engine.h"
#include "fcgiwait/text.h"

/* Who keeps the present state. No two of these are called at the same time; a lock of the
 * store may be held; they must not block. */
struct store_view {
    void *context;
    /* What the resource is at present, with a document reference for the caller. */
    void (*look)(void *context, struct text path, struct present *present);
    /* The change is durable: show it, and wake whom it concerns. In index order, but for
     * what could not be seen in time (CHANGE_FORGET, and before it what was forgotten too
     * soon for us). False: out of memory, nothing was changed. */
    bool (*sink)(void *context, const struct change *change);
    /* What comes between these two is one step: whom it concerns is told at its end. */
    void (*hold)(void *context);
    void (*ring)(void *context);
    /* The same of several changes that happened at once, under one index: nobody sees a
     * part of them. Without memory everything counts as changed. */
    void (*sink_all)(void *context, const struct change *changes, size_t count);
    /* How many paths have a document, and how many only an index. */
    void (*count)(void *context, size_t *resources, size_t *tombstones);
    /* How many paths have a CHANGE_EVERYTHING of their own. */
    size_t (*marks)(void *context);
    /* The index of the oldest path without a document but `nth`; 0: not so many. */
    uint64_t (*tombstone_at)(void *context, size_t nth);
    /* Calls `visit` for each path with a document, as long as it returns true. */
    bool (*each)(void *context, bool (*visit)(void *, struct text path), void *visitor);
};

enum edit_kind {
    EDIT_PUT,
    EDIT_PATCH, /* a JSON merge patch (RFC 7396) */
    EDIT_TOUCH,
    EDIT_DELETE,
    EDIT_EVERYTHING /* CHANGE_EVERYTHING, of the path and what is below it: always goes
                       through. Where there are many of them, it becomes one of "/" */
};

enum edit_result {
    EDIT_CREATED,   /* 201 */
    EDIT_CHANGED,   /* 204 */
    EDIT_SAME,      /* 204: the document was this one already; nobody was woken */
    EDIT_MISSING,   /* 404 */
    EDIT_NOT_JSON,  /* 409: a patch of what is not JSON */
    EDIT_ELSEWHERE, /* 405: the store keeps no documents; they are an application's */
    EDIT_CONFLICT,  /* 412: a condition does not hold */
    EDIT_TOO_LARGE, /* 413: a patch that would make the document longer than `most` */
    EDIT_FULL,      /* 507: limits.resources */
    EDIT_NO_ROOM,   /* 507: the disk is full */
    EDIT_KEPT,      /* 202: the engine is away; a touch that happens once it is back */
    EDIT_UNSURE,    /* 503: it may have happened, or not: the engine was lost meanwhile */
    EDIT_FAILED     /* 503: memory, disk */
};

/* A change that somebody asks for. Belongs to the caller, and stays until `done` was
 * called. */
struct edit {
    enum edit_kind kind;
    struct text path;
    struct document *document;       /* of EDIT_PUT; of EDIT_PATCH: what came of it. The
                                        caller's reference */
    struct text patch;               /* of EDIT_PATCH: JSON (json_check()) */
    size_t most;                     /* of EDIT_PATCH: bytes that the document may have */
    struct conditions conditions;    /* that have to hold */
    struct text trace;               /* whose it is (traceparent_id()), or empty */
    void (*done)(struct edit *edit); /* durable, or refused, and everybody was told */
    void *context;                   /* of `done` */
    /* what came of it, set before `done` */
    enum edit_result result;
    uint64_t index;  /* the resource's index now; of EDIT_EVERYTHING: the new one */
    const char *why; /* of EDIT_CONFLICT: which condition does not hold */
    /* the store's, while it has the edit */
    struct edit *next;
    struct instant until; /* then it has failed */
};

/* Of "postgres": which paths the rows of a table are. In `path` and `also` {column}
 * stands for the value of that column: "/posts/{id}". */
struct store_table {
    const char *name; /* "schema.table" */
    const char *path;
    const char *const *also;
    size_t also_count;
};

/* NULL, or what is wrong with what such a table says: for whoever knows where it stands.
 */
const char *store_table_name_wrong(const char *name);
const char *store_table_path_wrong(const char *path);

/* The store keeps copies of what it still needs. */
struct store_options {
    const char *type; /* "sqlite", "memory", "redis", "postgres" */
    const char *file; /* of "sqlite" */
    bool relaxed;     /* of "sqlite": a change that was answered survives the process, but
                         perhaps not a power loss */
    /* of "redis" and "postgres" */
    const char *url;   /* redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]; of "postgres"
                          what libpq takes as a connection string */
    const char *name;  /* of the store in it: several may share an engine */
    unsigned replicas; /* that have a change before it is answered */
    bool fenced;       /* the engine is asked before every answer */
    nanos patience;    /* with an engine that does not answer; 0: five seconds */
    uint64_t history;  /* changes that the engine remembers for who was away; 0: 10,000 */
    /* of "postgres" */
    const char *publication;
    const struct store_table *tables;
    size_t table_count;
    struct counters *counters; /* of what the engine does; NULL: nobody counts */
    struct store_view view;
};

struct store;

/* False with `error`: no start can ever open it, since this build lacks its type, or its
 * URL is none. Else `error` stays as it is. Asks nobody. */
bool store_can_be(const struct store_options *options, char *error, size_t capacity);

/* Hands everything that the store holds to the sink before it returns. NULL with `error`
 * filled in. Called once, by main, before other threads start. */
struct store *store_open(const struct store_options *options, char *error,
                         size_t capacity);

enum store_checked {
    STORE_GOOD,
    STORE_WRONG,      /* some of what the options ask for is not there */
    STORE_UNREACHABLE /* nobody knows: the engine did not answer */
};

/* Compares the options with what is there, as far as the kind of store can, without
 * opening it; no view is needed. Calls `say` with a sentence for each thing that is
 * wrong, and what to do. Main, before other threads start. */
enum store_checked store_check(const struct store_options *options,
                               void (*say)(void *context, const char *what),
                               void *context);

/* What an engine has to be told before it can be the store of these options: commands for
 * whoever administers it. False with `error`: this kind of store needs none. */
bool store_print_setup(const struct store_options *options, FILE *out, char *error,
                       size_t capacity);

/* Calls each edit's done() once, on this thread before it returns or on another one
 * later, with no lock of the store held; the edits may be gone when it returns. What is
 * committed together is one step for those who wait, as far as it fits one batch. Any
 * thread; does not block on I/O. */
void store_commit(struct store *store, struct edit *edits, size_t count);

/* How many resources there may be. As many paths without a document keep their index;
 * above that the oldest are forgotten. Any thread, any time. */
void store_set_limit(struct store *store, size_t resources);

uint64_t store_index(struct store *store); /* the newest one that the state has */

/* The first index of the store's life, as far back as that is known: one that is lower
 * is of another life. 0: not known at all. */
uint64_t store_born(struct store *store);

/* Makes the state as new as the store is at the time of the call, whoever changed it, as
 * far as that takes no waiting for another machine. True: it is, and an index that is
 * higher than the state's was never given. False: only store_fence() can tell. `index`: a
 * client's, or 0. One look at shared memory where there is nothing new; else it reads,
 * and may wait for another thread that does. Any thread, no locks held. */
bool store_reached(struct store *store, uint64_t index);

/* False: the engine does not answer, and has not for longer than it may take. Any thread.
 */
bool store_answers(struct store *store);

/* Whether another engine, or another way to it, takes no start anew. */
bool store_moves(const struct store *store);

/* Where the engine of a store that moves is from now on (`url`), as in store_open(); the
 * rest of the options stays as it was. True: it is on its way there. False with `error`:
 * it stays. Main thread. */
bool store_move_to(struct store *store, const struct store_options *options, char *error,
                   size_t capacity);

/* As in its options; static text. */
const char *store_type(const struct store *store);

/* Else only touches go through: any other edit is EDIT_ELSEWHERE. */
bool store_keeps_documents(const struct store *store);

/* How the engine is, for people and monitoring. Any thread. */
void store_engine(struct store *store, struct engine_report *report);

/* Waits for what store_reached() could not tell. Belongs to the caller until `done`. */
struct fence {
    struct instant until; /* made a second from now where it is less: one look takes that
                             at most */
    uint64_t index; /* a client's that the state has to have, if it was given; or 0 */
    /* On a thread of the store's, no locks held; must not block. False: the time is over,
     * or the store is closed, and the state may be older than the store. */
    void (*done)(struct fence *fence, bool reached);
    /* the store's, until `done` */
    struct fence *next;
    struct instant doubted; /* since then `index` is higher than all that were given */
};
void store_fence(struct store *store, struct fence *fence);

/* The process is about to stop: no fence has more than one look from now, whatever
 * `until` it came with. */
void store_hurry(struct store *store);

/* Nobody may commit any more; what was committed is finished first. */
void store_close(struct store **store);

#endif
