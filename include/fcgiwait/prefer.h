/* SPDX-License-Identifier: ISC */
/*
 * prefer: what the Prefer request header asks for (RFC 7240).
 *
 * Reads what real clients send: preferences separated by commas, parameters by
 * semicolons, values as tokens or quoted strings, names in any letter case, empty
 * elements, trailing semicolons, `wait` and `index` as preferences or as parameters of
 * another one. The first instance of each counts; what can't be understood is ignored.
 * Pure; any thread.
 */
#ifndef FCGIWAIT_PREFER_H
#define FCGIWAIT_PREFER_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/text.h"

struct preference {
    bool has_wait;     /* a wait was there and was understood */
    nanos wait;        /* as asked for, not capped */
    bool has_index;    /* an index was there, perhaps an empty one */
    struct text index; /* within the header's text, quotes taken off */
    bool has_return;   /* return= was there: the first counts */
    bool minimal;      /* ... and it is minimal (RFC 7240 section 4.2) */
};

/* Adds what `header` says to `found`, which starts as all zero. Several Prefer headers
 * are one list (RFC 9110 section 5.3): call it once for each, in order. A header that
 * breaks off, say inside a quoted string, counts up to there. Escapes in quoted strings
 * are left as they stand. */
void prefer_parse(struct text header, struct preference *found);

/* The longest line that prefer_applied() writes, NUL included. */
#define PREFER_APPLIED 56

/* Writes "Preference-Applied: wait=60\r\n". Returns its length, NUL not counted. */
size_t prefer_applied(nanos wait, char out[PREFER_APPLIED]);

#endif
