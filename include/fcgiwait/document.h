/* SPDX-License-Identifier: ISC */
/*
 * document: what a resource holds at one index. Immutable, counted, shared by every
 * answer.
 *
 * Any thread that holds a reference may read. The bytes lie in one allocation with the
 * struct.
 */
#ifndef FCGIWAIT_DOCUMENT_H
#define FCGIWAIT_DOCUMENT_H

#include <stdatomic.h>
#include <stdbool.h>

#include "fcgiwait/text.h"

/* Bytes of a type with the end of the string, and of a body, at most. */
#define DOCUMENT_TYPE_MAX 256
#define DOCUMENT_BODY_MAX ((size_t)1 << 30)

struct document {
    _Atomic int refs;
    _Atomic signed char is_json; /* 1, -1: it is, it is not; 0: nobody has looked yet */
    struct text type;            /* media type, as the publisher gave it */
    struct text body;
};

/* A copy of type and body with one reference, the caller's. NULL: out of memory. */
struct document *document_new(struct text type, struct text body);

struct document *document_ref(struct document *document);

/* Gives a reference back and nulls the pointer; the last one frees. NULL inside is fine.
 */
void document_unref(struct document **document);

/* Whether the type can stand in a header field: not empty, no control characters, short
 * enough. */
bool document_type_is_sound(struct text type);

/* Whether it calls itself JSON, and is. What others wrote into a store may be anything.
 * Who asks first looks at all of it. */
bool document_is_json(struct document *document);
/* Nobody has to look: it has been checked. */
void document_set_json(struct document *document);

bool document_same(const struct document *a, struct text type, struct text body);

#endif
