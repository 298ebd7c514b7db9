/* SPDX-License-Identifier: ISC */
/*
 * conditions: what has to hold of a resource before a request may do anything (RFC 9110
 * section 13). Pure; any thread.
 */
#ifndef FCGIWAIT_CONDITIONS_H
#define FCGIWAIT_CONDITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/text.h"

/* Header fields; `at` NULL: no such header. */
struct conditions {
    struct text if_match, if_none_match; /* lists of entity tags */
    struct text if_unmodified_since;     /* a date; ignored beside If-Match */
};

/* Whether they hold of a resource at `index`, changed at that time (wall clock). NULL:
 * they do; else one sentence that says which does not, and why. If-Match compares
 * strongly, If-None-Match weakly; `*` stands for whatever exists. */
const char *conditions_failure(const struct conditions *conditions, bool exists,
                               uint64_t index, nanos changed);

#endif
