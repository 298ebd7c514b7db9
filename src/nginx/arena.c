/* SPDX-License-Identifier: ISC */
/*
 * Memory with a budget. Who gets NULL gives up: the check is then "not understood", and
 * never half a result.
 */
#include "arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCK 65536

struct arena_block {
    struct arena_block *before;
    size_t used, size;
    max_align_t bytes[];
};

static struct arena_block *block_with(struct arena *arena, size_t size)
{
    struct arena_block *block = arena->blocks;
    if (block != NULL && block->size - block->used >= size)
        return block;
    size_t capacity = size > BLOCK ? size : BLOCK;
    block = calloc(1, sizeof *block + capacity);
    if (block == NULL)
        return NULL;
    block->before = arena->blocks;
    block->size = capacity;
    arena->blocks = block;
    return block;
}

void *arena_take(struct arena *arena, size_t size)
{
    size_t whole =
        (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    struct arena_block *block = NULL;
    if (whole >= size && whole <= arena->left)
        block = block_with(arena, whole);
    if (block == NULL) {
        arena->failed = true;
        return NULL;
    }
    void *taken = (char *)block->bytes + block->used;
    block->used += whole;
    arena->left -= whole;
    return taken;
}

char *arena_print(struct arena *arena, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len >= 0 ? arena_take(arena, (size_t)len + 1) : NULL;
    if (text == NULL)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

void arena_free(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *before = arena->blocks->before;
        free(arena->blocks);
        arena->blocks = before;
    }
}
