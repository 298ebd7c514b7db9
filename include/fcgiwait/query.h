/* SPDX-License-Identifier: ISC */
/*
 * query: the arguments of a URL's query (application/x-www-form-urlencoded, as in
 * `a=1&b=2`).
 *
 * Names are compared byte for byte. Pure; any thread.
 */
#ifndef FCGIWAIT_QUERY_H
#define FCGIWAIT_QUERY_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/text.h"

/* Finds the first argument called `name`, and its value as it stands in the query (still
 * percent-encoded; empty where there is no `=`). False when there is none. */
bool query_get(struct text query, struct text name, struct text *value);

/* The byte that an escape at the beginning of `t` stands for; -1: there is none, or it is
 * broken. */
int query_escaped(struct text t);

/* Undoes percent-encoding and `+` into `out`, which has `capacity` bytes. Returns false
 * when it does not fit or an escape is broken. *len is what was written; no NUL is added.
 */
bool query_decode(struct text value, char *out, size_t capacity, size_t *len);

/* Copies the query without every argument called one of `names`, the others byte for byte
 * as they stand. `out` has at least query.len bytes. Returns the length. */
size_t query_without(struct text query, const struct text *names, size_t count,
                     char *out);

/* What a client calls its index and its wait. */
struct query_names {
    struct text index, wait; /* empty: it can say neither here */
};

/* Reads "index,wait" (FCGIWAIT_QUERY): two names, or `off` for none; nothing at all
 * stands for `index,wait`. False where it is something else: two of the same, say. */
bool query_names_parse(struct text t, struct query_names *names);

#endif
