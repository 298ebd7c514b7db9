/* SPDX-License-Identifier: ISC */
/*
 * events: what streams say of a change, encoded once for all that say it alike. Private
 * to the service.
 *
 * Owns the latest few: those who stream the same thing ask for them one shortly after the
 * other. Any thread.
 */
#ifndef FCGIWAIT_SERVICE_EVENTS_H
#define FCGIWAIT_SERVICE_EVENTS_H

#include "fcgiwait/change.h"
#include "fcgiwait/chunk.h"
#include "fcgiwait/lock.h"

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

#define EVENTS_KEPT 8

struct events {
    struct lock lock; /* guards what follows */
    struct event {
        struct event_kind kind;
        uint64_t index;
        char *path; /* malloc'd */
        size_t path_len;
        struct chunk *chunk; /* NULL: an empty place */
    } kept[EVENTS_KEPT];
    unsigned next;
};

void events_open(struct events *events);
void events_close(struct events *events);

/* Whether this kind can say it: a document that is plain has to be UTF-8. */
bool event_can_say(struct event_kind kind, const struct present *present);

/* A reference of the event; NULL: out of memory. */
struct chunk *events_get(struct events *events, struct event_kind kind, struct text path,
                         const struct present *present);

#endif
