/* SPDX-License-Identifier: ISC */
/*
 * nginx_arena: memory that is given back all at once, and that has an end: whatever the
 * input, a check takes no more than it was given.
 *
 * Private to the check. One thread.
 */
#ifndef FCGIWAIT_OPS_NGINX_ARENA_H
#define FCGIWAIT_OPS_NGINX_ARENA_H

#include <stddef.h>

#include "fcgiwait/text.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* the newest first */
    size_t left;                /* bytes that may still be asked for */
    bool failed;                /* something was refused */
};

/* Zeroed and aligned for anything. NULL: used up, or out of memory. */
void *arena_take(struct arena *arena, size_t size);

/* A string. NULL: as above. */
char *arena_print(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

void arena_free(struct arena *arena);

#endif
