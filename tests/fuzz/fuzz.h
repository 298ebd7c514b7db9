/* SPDX-License-Identifier: ISC */
/*
 * fuzz: what every fuzz target stands on. A target is one function over the bytes of one
 * input; it checks promises, not only that nothing crashes.
 *
 * libFuzzer calls it (configure --enable-fuzzers), or lib/replay.c with the kept inputs
 * (make check).
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/text.h"

/* libFuzzer's name for the target. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise. A broken one is a crash to libFuzzer, which then keeps the input. */
#define holds(promise)                                                                   \
    do {                                                                                 \
        if (!(promise)) {                                                                \
            fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #promise);        \
            abort();                                                                     \
        }                                                                                \
    } while (0)

/* Whether `part` lies within `whole`: parsers copy nothing. */
static inline bool fuzz_within(struct text part, struct text whole)
{
    return part.len == 0 || (part.at >= whole.at && part.len <= whole.len &&
                             (size_t)(part.at - whole.at) <= whole.len - part.len);
}

/* Takes bytes that steer the target, rather than being its input, off the front. */
static inline uint8_t fuzz_byte(struct text *rest)
{
    if (rest->len == 0)
        return 0;
    uint8_t byte = (uint8_t)rest->at[0];
    text_skip(rest, 1);
    return byte;
}

/* malloc() that is there. */
static inline void *fuzz_room(size_t size)
{
    void *room = malloc(size > 0 ? size : 1);
    if (room == NULL)
        exit(1);
    return room;
}

/* `head` and `tail` in one piece of malloc'd memory: reading past its end is seen. */
static inline struct text fuzz_joined(struct text head, struct text tail)
{
    char *bytes = fuzz_room(head.len + tail.len);
    if (head.len > 0)
        memcpy(bytes, head.at, head.len);
    if (tail.len > 0)
        memcpy(bytes + head.len, tail.at, tail.len);
    return (struct text){bytes, head.len + tail.len};
}

#endif
