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

/* Whether the bytes are one JSON text in UTF-8 (RFC 8259), read strictly. Out of memory
 * counts as an error and says so. */
bool json_check(struct text t, struct json_error *error);

#endif
