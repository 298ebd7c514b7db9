/* SPDX-License-Identifier: ISC */
/* paths: a list of paths, copied one behind the other. Private to the store. */
#ifndef FCGIWAIT_STORE_PATHS_H
#define FCGIWAIT_STORE_PATHS_H

#include <stdbool.h>

#include "fcgiwait/text.h"

/* Each behind its length. All zero: empty. */
struct paths {
    char *bytes;
    size_t len, capacity;
};

/* A visitor of struct store_view's each(). False: out of memory. */
bool paths_add(void *paths, struct text path);

/* The one at `at`, which moves to the next; the last is followed by `len`. */
struct text paths_next(const struct paths *paths, size_t *at);

void paths_free(struct paths *paths);

#endif
