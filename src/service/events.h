/* SPDX-License-Identifier: ISC */
/*
 * events: what streams say of a change of one resource. Private to the service. Any
 * thread.
 */
#ifndef FCGIWAIT_SERVICE_EVENTS_H
#define FCGIWAIT_SERVICE_EVENTS_H

#include "fcgiwait/change.h"
#include "fcgiwait/chunk.h"
#include "built.h"

enum event_format {
    EVENT_SSE,   /* text/event-stream */
    EVENT_NDJSON /* application/x-ndjson */
};

/* What of a change is said, and how. */
struct event_kind {
    enum event_format format;
    bool plain;     /* of SSE: the document itself, of one resource */
    bool documents; /* else: whether the object that names the path has it, too */
};

/* Whether this kind can say it: a document that is plain has to be UTF-8. */
bool event_can_say(struct event_kind kind, const struct present *present);

enum event_got {
    EVENT_GOT, /* *chunk is a reference of the caller's */
    EVENT_NOT_SAYABLE,
    EVENT_NO_MEMORY
};

/* Encoded once for all that say it alike. */
enum event_got events_get(struct built *built, struct event_kind kind, struct text path,
                          const struct present *present, struct chunk **chunk);

#endif
