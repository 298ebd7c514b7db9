/*
 * shelf: a store with a tree behind it, as in the program, without the rest of it.
 *
 * Its sink fails the test where changes do not come in index order.
 */
#ifndef TESTS_SHELF_H
#define TESTS_SHELF_H

#include "fcgiwait/store.h"
#include "fcgiwait/tree.h"

struct shelf {
    struct tree *tree;
    struct store *store;
    uint64_t newest; /* that came through the sink */
    size_t changes;  /* that did */
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

#endif
