/* SPDX-License-Identifier: ISC */
/*
 * accept: what a client would like to get (Accept, RFC 9110 section 12.5.1). Pure; any
 * thread. What can't be understood is passed over, up to the next comma.
 */
#ifndef FCGIWAIT_ACCEPT_H
#define FCGIWAIT_ACCEPT_H

#include <stdbool.h>

#include "fcgiwait/text.h"

#define ACCEPT_MOST 1000 /* thousandths: q=1 */

/* Bits, so that several can be named together. */
enum accept_stream {
    ACCEPT_NO_STREAM = 0, /* whatever a GET gives */
    ACCEPT_EVENTS = 1,    /* text/event-stream */
    ACCEPT_LINES = 2      /* application/x-ndjson */
};
#define ACCEPT_STREAMS ((unsigned)ACCEPT_EVENTS | ACCEPT_LINES)

/* How much `type`, parameters aside, is wanted, in thousandths: as the most specific
 * range says that is there. 0: not at all, or there is none. */
unsigned accept_quality(struct text accept, struct text type);

/* Whether a stream is named at all, and wanted. */
bool accept_names_stream(struct text accept);

/* Whether the client wants one of `streams` rather than what a GET gives, which is of
 * `type` (empty: that is not known, and could be anything else that is named). A stream
 * has to be named, no wildcard will do. Of two streams that are wanted alike, the one
 * that is named first. */
enum accept_stream accept_stream(struct text accept, struct text type, unsigned streams);

/* Whether it takes what a GET gives at all; `type` as above. */
bool accept_takes_get(struct text accept, struct text type);

#endif
