/* SPDX-License-Identifier: ISC */
/*
 * duration: how long a client is willing to wait, as clients write it.
 *
 * Pure; any thread.
 */
#ifndef FCGIWAIT_DURATION_H
#define FCGIWAIT_DURATION_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/text.h"

/* Longest text that duration_format() writes, NUL included. */
#define DURATION_TEXT 24

/* Reads whole seconds ("15", RFC 7240 section 4.3) or a Go duration ("15s", "1m30s",
 * "500ms", "1.5s", "1h", "250us", "10ns"; time.ParseDuration). Spans too long for `nanos`
 * come out as the longest one. False, with *span untouched: empty, negative, or not
 * understood. */
bool duration_parse(struct text t, nanos *span);

/* Writes the span as seconds, with a fraction of up to three digits only where there is
 * one: "60", "1.5". Rounds down. Returns the length, NUL not counted. */
size_t duration_format(nanos span, char out[DURATION_TEXT]);

#endif
