/* SPDX-License-Identifier: ISC */
/*
 * store_rig: a store with a tree behind it, as in the program, without the rest of it.
 *
 * Its sink fails the test where changes do not come in index order.
 */
#ifndef TESTS_STORE_RIG_H
#define TESTS_STORE_RIG_H

#include <semaphore.h>
#include <stdatomic.h>

#include "fcgiwait/store.h"
#include "fcgiwait/tree.h"

/* A folder for store files; gone after store_rig_folder_remove(). */
struct store_rig_folder {
    char dir[64], file[80];
};
void store_rig_folder_make(struct store_rig_folder *folder);
void store_rig_folder_remove(struct store_rig_folder *folder);

struct store_rig {
    struct tree *tree;
    struct store *store;
    uint64_t newest;               /* that came through the sink */
    _Atomic size_t changes;        /* that did */
    _Atomic size_t steps;          /* of several changes under one index */
    size_t batches;                /* in so many batches (batch.h) */
    struct store *_Atomic counted; /* that has them; NULL before and after */
    uint64_t batch;                /* its index before the last one */
    bool may_go_back;              /* the test is about changes that come late */
};

struct edited {
    enum edit_result result;
    uint64_t index;
};

/* Fails the test where the store does not open. */
void store_rig_open(struct store_rig *store_rig, const struct store_options *options);
/* False with the reason in `error`. */
bool store_rig_try(struct store_rig *store_rig, const struct store_options *options,
                   char error[512]);
void store_rig_close(struct store_rig *store_rig);

/* Commits a copy of the edit and waits for it. */
struct edited store_rig_edit(struct store_rig *store_rig, const struct edit *edit);
struct edited store_rig_put(struct store_rig *store_rig, const char *path,
                            const char *type, const char *body);
struct edited store_rig_patch(struct store_rig *store_rig, const char *path,
                              const char *patch);
struct edited store_rig_touch(struct store_rig *store_rig, const char *path);
struct edited store_rig_delete(struct store_rig *store_rig, const char *path);

/* The index at present; the document's body, or "" where there is none, in `body`. */
uint64_t store_rig_look(struct store_rig *store_rig, const char *path, char *body,
                        size_t capacity);
uint64_t store_rig_index(struct store_rig *store_rig, const char *path);

/* Waits until the document has this body, or, with "", until there is none; a minute at
 * most. */
void store_rig_await_body(struct store_rig *store_rig, const char *path,
                          const char *body);

/* Waits behind a fence with this index of a client's, or 0, `most` at most. */
bool store_rig_pass(struct store_rig *store_rig, uint64_t index, nanos most);

/* For edits that are not waited for at once. `edit` stays until store_rig_await(). */
struct errand {
    struct edit edit; /* first: the store gives edits back */
    sem_t done;
};
void store_rig_send(struct store_rig *store_rig, struct errand *errand,
                    const struct edit *edit);
struct edited store_rig_await(struct errand *errand);

#endif
