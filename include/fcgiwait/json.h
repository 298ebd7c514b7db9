/* SPDX-License-Identifier: ISC */
/*
 * json: what we need of JSON, and the only door to json-c. Any thread.
 */
#ifndef FCGIWAIT_JSON_H
#define FCGIWAIT_JSON_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/text.h"

struct json_error {
    size_t offset;    /* of the byte that can't be */
    const char *what; /* static text */
};

/* Whether the bytes are one JSON text in UTF-8 (RFC 8259), read strictly. Takes no
 * memory; `error` is set only where they are not. */
bool json_check(struct text t, struct json_error *error);

enum json_merged {
    JSON_CHANGED,
    JSON_SAME,   /* the patch asks for what is there; nothing was made */
    JSON_REFUSED /* one of the two is not JSON, or out of memory: `error` says it */
};

/* Merges a patch into a JSON text (RFC 7396). What the patch does not name stays byte for
 * byte, but for white space between members. *merged is malloc'd, the caller's. */
enum json_merged json_merge_patch(struct text target, struct text patch, char **merged,
                                  size_t *len, struct json_error *error);

enum json_array {
    JSON_STRINGS, /* all were visited */
    JSON_OTHER,   /* it is no JSON array of strings; some may have been visited */
    JSON_STOPPED, /* by the visitor */
    JSON_NO_MEMORY
};

/* Calls `each` for the strings of a JSON array, in order, as long as it returns true. */
typedef bool json_string_fn(void *context, struct text string);
enum json_array json_strings(struct text t, json_string_fn *each, void *context);

#endif
