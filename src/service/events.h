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

/* Two that have the same key are the same, byte by byte. */
struct event_key {
    struct event_kind kind;
    struct text what; /* the path; of a feed, all that it is about */
    uint64_t index;   /* the change; of a feed, the newest */
    uint64_t from;    /* of a feed: all since then ... */
    uint64_t undeleted, goes_on;
    unsigned flags; /* ... and who made them knows what else; a resource has none */
};

#define EVENTS_KEPT 8

struct events {
    struct lock lock; /* guards what follows; no memory is taken or given back under it */
    struct event {
        struct event_key key; /* its text is malloc'd */
        struct chunk *chunk;  /* NULL: an empty place */
        uint64_t reached;
    } kept[EVENTS_KEPT];
    unsigned next;
};

void events_open(struct events *events);
void events_close(struct events *events);

/* A reference, and the index up to which it tells; NULL: it is not kept. */
struct chunk *events_find(struct events *events, const struct event_key *key,
                          uint64_t *reached);

/* Keeps a reference, in the place of the oldest. Where memory lacks it is not kept. */
void events_keep(struct events *events, const struct event_key *key, struct chunk *chunk,
                 uint64_t reached);

/* Whether this kind can say it: a document that is plain has to be UTF-8. */
bool event_can_say(struct event_kind kind, const struct present *present);

enum event_got {
    EVENT_GOT, /* *chunk is a reference of the caller's */
    EVENT_NOT_SAYABLE,
    EVENT_NO_MEMORY
};

/* What is told of one resource. */
enum event_got events_get(struct events *events, struct event_kind kind, struct text path,
                          const struct present *present, struct chunk **chunk);

#endif
