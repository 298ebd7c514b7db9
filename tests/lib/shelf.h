/*
 * shelf: a store with a tree behind it, as in the program, without the rest of it.
 *
 * Its sink fails the test where changes do not come in index order.
 */
#ifndef TESTS_SHELF_H
#define TESTS_SHELF_H

#include <semaphore.h>
#include <stdatomic.h>

#include "fcgiwait/store.h"
#include "fcgiwait/tree.h"

/* A folder for store files; gone after shelf_folder_remove(). */
struct shelf_folder {
    char dir[64], file[80];
};
void shelf_folder_make(struct shelf_folder *folder);
void shelf_folder_remove(struct shelf_folder *folder);

struct shelf {
    struct tree *tree;
    struct store *store;
    uint64_t newest;               /* that came through the sink */
    size_t changes;                /* that did */
    size_t groups;                 /* in so many groups (group.h) */
    struct store *_Atomic counted; /* that has them; NULL before and after */
    uint64_t group;                /* its index before the last one */
    bool may_go_back;              /* the test is about changes that come late */
};

struct edited {
    enum edit_result result;
    uint64_t index;
};

/* Fails the test where the store does not open. */
void shelf_open(struct shelf *shelf, const struct store_options *options);
/* False with the reason in `error`. */
bool shelf_try(struct shelf *shelf, const struct store_options *options, char error[512]);
void shelf_close(struct shelf *shelf);

/* Commits a copy of the edit and waits for it. */
struct edited shelf_edit(struct shelf *shelf, const struct edit *edit);
struct edited shelf_put(struct shelf *shelf, const char *path, const char *type,
                        const char *body);
struct edited shelf_patch(struct shelf *shelf, const char *path, const char *patch);
struct edited shelf_touch(struct shelf *shelf, const char *path);
struct edited shelf_delete(struct shelf *shelf, const char *path);

/* The index at present; the document's body, or "" where there is none, in `body`. */
uint64_t shelf_look(struct shelf *shelf, const char *path, char *body, size_t room);
uint64_t shelf_index(struct shelf *shelf, const char *path);

/* For edits that are not waited for at once. `edit` stays until shelf_await(). */
struct errand {
    struct edit edit; /* first: the store gives edits back */
    sem_t done;
};
void shelf_send(struct shelf *shelf, struct errand *errand, const struct edit *edit);
struct edited shelf_await(struct errand *errand);

#endif
