/* SPDX-License-Identifier: ISC */
/*
 * telling: what changed, as JSON: one object for each resource, as everything below a
 * path is told. A buffer that grows; belongs to one thread.
 */
#ifndef FCGIWAIT_TELLING_H
#define FCGIWAIT_TELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/chunk.h"
#include "fcgiwait/document.h"
#include "fcgiwait/text.h"

struct telling {
    char *bytes; /* the owner's to free */
    size_t len, capacity;
    bool failed; /* out of memory: what is there is not whole */
};

/* What is told of one resource. */
struct told {
    struct text path;
    uint64_t index;
    bool deleted;
    struct document *document; /* NULL: path and index alone */
};

enum telling_as {
    TELLING_AS_IT_IS,
    TELLING_IN_ONE_LINE /* line breaks within a JSON document become blanks */
};

void telling_add(struct telling *telling, struct text t);
void telling_number(struct telling *telling, uint64_t number);

/* All of it as a chunk, which has the bytes from then on. NULL: out of memory, or it had
 * failed; they are freed. */
struct chunk *telling_chunk(struct telling *telling);

/* Gives back the memory that the bytes do not need; without memory all stays as it is. */
void telling_fit(struct telling *telling);

/* A JSON string; bytes that are no UTF-8 become U+FFFD. */
void telling_string(struct telling *telling, struct text t);

/* {"path":"/a","index":7,"type":"application/json","document":{"n":1}}. A JSON document
 * stands as it is, other UTF-8 text as a string, anything else in base64. */
void telling_change(struct telling *telling, const struct told *told, enum telling_as as);

#endif
