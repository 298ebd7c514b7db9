/* SPDX-License-Identifier: ISC */
/*
 * chunk: bytes of an answer that many share: immutable once filled, and counted. Each
 * reference has one owner. Any thread.
 */
#ifndef FCGIWAIT_CHUNK_H
#define FCGIWAIT_CHUNK_H

#include <stdatomic.h>

#include "fcgiwait/text.h"

struct chunk {
    _Atomic unsigned references;
    struct text text; /* in `bytes`, or in `own` */
    char *own;        /* malloc'd, or NULL */
    char bytes[];
};

/* With one reference, the caller's, who fills it. NULL: out of memory. */
struct chunk *chunk_new(size_t len);
struct chunk *chunk_of(struct text bytes); /* a copy */

/* A text that lies in malloc'd bytes, which the chunk now owns. NULL: out of memory, and
 * they are freed. */
struct chunk *chunk_around(char *bytes, struct text text);

struct chunk *chunk_ref(struct chunk *chunk);
void chunk_unref(struct chunk **chunk); /* *chunk may be NULL, and is afterwards */

static inline struct text chunk_text(const struct chunk *chunk)
{
    return chunk->text;
}

#endif
