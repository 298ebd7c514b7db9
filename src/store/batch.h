/* SPDX-License-Identifier: ISC */
/*
 * batch: edits that become durable together. Each is decided against the present state
 * and what those before it have made of it. Private to the store.
 *
 * One thread's; nobody else changes the state from batch_open() to batch_show().
 */
#ifndef FCGIWAIT_STORE_BATCH_H
#define FCGIWAIT_STORE_BATCH_H

#include "backend.h"

/* Memory that runs out must not end the process (uthash's default). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* An edit that goes through. */
struct decision {
    UT_hash_handle hh; /* the newest decision of each path */
    struct edit *edit;
    uint64_t before;      /* the index that it was decided on */
    struct present after; /* a reference of its own */
};

struct batch {
    struct store *store;
    struct decision *decisions; /* in index order */
    size_t count, capacity;
    struct decision *by_path;
    uint64_t newest; /* index given, here or before */
    size_t resources, tombstones, marks;
    size_t bytes;       /* of the documents that its edits have now */
    uint64_t forgotten; /* paths without a document up to here are; 0: none */
};

/* `decisions` has room for as many edits as will be decided. `newest` is the store's
 * newest index. */
void batch_open(struct batch *batch, struct store *store, struct decision *decisions,
                size_t capacity, uint64_t newest);

/* Fills in the edit's result, and gives it its decision where it goes through. */
void batch_decide(struct batch *batch, struct edit *edit);

/* Patches of large documents are not gathered without end: what is not decided by then is
 * for the next batch. */
bool batch_is_full(const struct batch *batch);

/* After the last edit: whether paths have to be forgotten (`forgotten`). */
void batch_forget(struct batch *batch);

/* Hands the decisions to the sink, in one step, those up to the store's index left out,
 * and raises it. False: out of memory, and the rest was not shown. */
bool batch_show(struct batch *batch);

/* Gives the documents back; the decisions' memory is the caller's. */
void batch_close(struct batch *batch);

#endif
