/*
 * group: edits that become durable together. Each is decided against the present state
 * and what those before it have made of it. Private to the store.
 *
 * One thread's; nobody else changes the state from group_open() to group_show().
 */
#ifndef FCGIWAIT_STORE_GROUP_H
#define FCGIWAIT_STORE_GROUP_H

#include "backend.h"

/* Memory that runs out must not end the process (uthash's default). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* An edit that goes through. */
struct step {
    UT_hash_handle hh; /* the newest step of each path */
    struct edit *edit;
    struct present after; /* a reference of its own */
};

struct group {
    struct store *store;
    struct step *steps; /* in index order */
    size_t count, room;
    struct step *by_path;
    uint64_t newest; /* index given, here or before */
    size_t resources, gone;
    uint64_t forgotten; /* paths without a document up to here are; 0: none */
};

/* `steps` has room for as many edits as will be decided. `newest` is the store's newest
 * index. */
void group_open(struct group *group, struct store *store, struct step *steps, size_t room,
                uint64_t newest);

/* Fills in the edit's result, and gives it its step where it goes through. */
void group_decide(struct group *group, struct edit *edit);

/* After the last edit: whether paths have to be forgotten (`forgotten`). */
void group_forget(struct group *group);

/* Hands the steps to the sink, those up to the store's index left out, and raises it.
 * False: out of memory, and the rest was not shown. */
bool group_show(struct group *group);

/* Gives the documents back; the steps' memory is the caller's. */
void group_close(struct group *group);

#endif
