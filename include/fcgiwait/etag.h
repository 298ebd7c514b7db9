/* SPDX-License-Identifier: ISC */
/*
 * etag: an index as an entity tag, and the lists of entity tags in conditional requests
 * (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2). Pure; any thread.
 */
#ifndef FCGIWAIT_ETAG_H
#define FCGIWAIT_ETAG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/text.h"

/* Longest entity tag that we write, quotes and NUL included. */
#define ETAG_TEXT 24

/* Writes `"7"`. Returns the length, NUL not counted. */
size_t etag_format(uint64_t index, char out[ETAG_TEXT]);

enum etag_match {
    ETAG_NONE, /* nothing in the list is this index */
    ETAG_ANY,  /* the list is `*` */
    ETAG_SAME  /* one of the list is this index */
};

/* Looks for `index` in an If-Match or If-None-Match list. With `weak`, W/"7" is "7" (weak
 * comparison); without it W/"7" never matches (strong comparison). An entity tag matches
 * only when its opaque part is the index exactly as etag_format() writes it. A list is
 * read up to what can't be understood; commas inside an opaque part belong to it. */
enum etag_match etag_matches(struct text list, uint64_t index, bool weak);

/* The newest index from `least` to `most` that is an entity tag of the list, weak or not;
 * 0: none is. */
uint64_t etag_newest(struct text list, uint64_t least, uint64_t most);

#endif
