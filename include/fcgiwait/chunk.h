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
    size_t len;
    char bytes[];
};

/* With one reference, the caller's, who fills it. NULL: out of memory. */
struct chunk *chunk_new(size_t len);
struct chunk *chunk_of(struct text bytes); /* a copy */

struct chunk *chunk_ref(struct chunk *chunk);
void chunk_unref(struct chunk **chunk); /* *chunk may be NULL, and is afterwards */

static inline struct text chunk_text(const struct chunk *chunk)
{
    return (struct text){chunk->bytes, chunk->len};
}

#endif
