/* SPDX-License-Identifier: ISC */
/*
 * stream: a request that is answered on and on, with the state and then with each newer
 * one. Private to the service.
 *
 * A stream is held in the waiting room as a wait is, with a heartbeat for its expiry. It
 * keeps a mark of what it has told (request->index; of everything below a path, its
 * feed's and `mark`), and no queue: whenever it may say something, that is what is newest
 * then. Whoever has the request may use it.
 */
#ifndef FCGIWAIT_SERVICE_STREAM_H
#define FCGIWAIT_SERVICE_STREAM_H

#include "feed_events.h"
#include "service_private.h"

/* request->index where nothing was told yet. */
#define STREAM_NOTHING UINT64_MAX

struct stream {
    struct event_kind kind;
    enum scope scope; /* of one resource */
    struct instant ends;
    bool knows;            /* an index of ours: none that it is told goes back */
    bool exists;           /* what it was told last */
    bool pauses;           /* there is more to tell, in its next turn */
    struct feed_mark mark; /* of everything below a path: request->feed is there */
    size_t path_len;       /* of the one that is told */
    char path[];
};

/* The request's stream begins with this head; the stream and the place that the request
 * was given are its own now. The request may be gone afterwards. */
void stream_begin(struct request *request, struct stream *stream, struct reply *head);

/* The request's stream is over, and nothing is to be sent any more: gives its place and
 * its memory back. */
void stream_leave(struct request *request);

#endif
