/* SPDX-License-Identifier: ISC */
/*
 * names: which resources below a path a reader asks for: `?only=a,b/c`, or the body of a
 * QUERY, a JSON array of strings. Pure but for memory; any thread.
 */
#ifndef FCGIWAIT_NAMES_H
#define FCGIWAIT_NAMES_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/text.h"

struct names {
    struct text *at; /* each is a path's end: "a/b", without a slash before it */
    size_t count;
    char *bytes; /* where they lie */
};

enum names_read {
    NAMES_READ,
    NAMES_UNREADABLE, /* a broken escape; no JSON array of strings */
    NAMES_LEAD_OUT,   /* empty, `..`, `//`, a leading slash, control characters */
    NAMES_TOO_MANY,   /* more than `most` */
    NAMES_NO_MEMORY
};

/* Names as they stand in a query: separated by commas, percent-encoded, a comma in a name
 * as %2C. Only after NAMES_READ there is something for names_dispose(). */
enum names_read names_parse(struct text value, size_t most, struct names *names)
    __attribute__((warn_unused_result));

/* A JSON array of strings. The same rules. */
enum names_read names_parse_json(struct text body, size_t most, struct names *names)
    __attribute__((warn_unused_result));

void names_dispose(struct names *names);

#endif
