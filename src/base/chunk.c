/* SPDX-License-Identifier: ISC */
/*
 * Bytes that many answers share, freed by the last who gives its reference back: that
 * one has to see what the others did before, so the count goes down with acquire and
 * release.
 */
#include "fcgiwait/chunk.h"

#include <stdlib.h>

struct chunk *chunk_new(size_t len)
{
    struct chunk *chunk = malloc(sizeof *chunk + len);
    if (chunk == NULL)
        return NULL;
    atomic_init(&chunk->references, 1);
    chunk->text = (struct text){chunk->bytes, len};
    chunk->own = NULL;
    return chunk;
}

struct chunk *chunk_of(struct text bytes)
{
    struct chunk *chunk = chunk_new(bytes.len);
    if (chunk != NULL)
        text_put(chunk->bytes, bytes);
    return chunk;
}

struct chunk *chunk_around(char *bytes, struct text text)
{
    struct chunk *chunk = chunk_new(0);
    if (chunk == NULL) {
        free(bytes);
        return NULL;
    }
    chunk->text = text;
    chunk->own = bytes;
    return chunk;
}

struct chunk *chunk_ref(struct chunk *chunk)
{
    atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
    return chunk;
}

void chunk_unref(struct chunk **pointer)
{
    struct chunk *chunk = *pointer;
    *pointer = NULL;
    if (chunk == NULL ||
        atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) != 1)
        return;
    free(chunk->own);
    free(chunk);
}
