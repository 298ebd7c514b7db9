/* SPDX-License-Identifier: ISC */
/*
 * What a stream begins with is decided here, and what is wrong is said while there is a
 * status to say it with. From the head on it is stream.c's.
 */
#include "stream_open.h"

#include <stdlib.h>

#include "deliver.h"
#include "fcgiwait/path.h"
#include "hold.h"
#include "ndjson.h"
#include "read_plan.h"
#include "sse.h"
#include "stream.h"

/* When a client may come back, once its stream has ended: within this, by chance. */
#define RETRY_LEAST_MS 1000
#define RETRY_SPREAD_MS 2000
#define RETRY_UNREACHED_MS 5000
#define OPENING_MOST 64

/* Streams end up to this share earlier. */
#define END_SPREAD 0.1

/* --- what is wanted, and can be given --- */

/* Empty: that is not known. */
static struct text type_of_get(const struct operation *operation,
                               const struct present *present)
{
    if (operation->below)
        return TEXT("application/json");
    return present->document != NULL ? present->document->type : TEXT("");
}

static struct event_kind kind_of(const struct operation *operation,
                                 enum accept_stream wanted)
{
    bool here = operation->origin.len == 0;
    bool events = wanted == ACCEPT_EVENTS;
    return (struct event_kind){events ? EVENT_SSE : EVENT_NDJSON,
                               events && here && !operation->below, here};
}

/* The streams that can be. */
static unsigned givable(const struct operation *operation, const struct present *present)
{
    if (operation->stream_is_off)
        return ACCEPT_NO_STREAM;
    return event_can_say(kind_of(operation, ACCEPT_EVENTS), present) ? ACCEPT_STREAMS
                                                                     : ACCEPT_LINES;
}

static enum accept_stream wanted(const struct operation *operation,
                                 const struct present *present)
{
    return operation->accept.len == 0
               ? ACCEPT_NO_STREAM
               : accept_stream(operation->accept, type_of_get(operation, present),
                               givable(operation, present));
}

/* Who takes nothing but streams that can't be given. False: what a GET gives will do. */
static bool refuse(struct service *service, struct request *request,
                   const struct operation *operation, const struct present *present)
{
    if (operation->accept.len == 0 ||
        accept_takes_get(operation->accept, type_of_get(operation, present)))
        return false;
    deliver_problem(service, request, 406,
                    operation->stream_is_off
                        ? "No streams are given here; ask without naming "
                          "text/event-stream or application/x-ndjson in Accept."
                        : "This document is not UTF-8, which an event stream has to be; "
                          "ask for application/x-ndjson, or without a stream.",
                    NULL);
    return true;
}

/* --- the head --- */

static const char *type_of(enum event_format format)
{
    return format == EVENT_SSE ? "text/event-stream" : "application/x-ndjson";
}

/* malloc'd, or NULL: then the first heartbeat says it. */
static char *opening_of(enum event_format format, unsigned retry_least_ms, size_t *len)
{
    char *bytes = malloc(OPENING_MOST);
    unsigned retry = retry_least_ms + (unsigned)(RETRY_SPREAD_MS * hold_luck());
    if (bytes != NULL && format == EVENT_SSE) {
        *len = sse_opening(retry, bytes);
    } else if (bytes != NULL) {
        *len = sizeof NDJSON_HEARTBEAT - 1;
        memcpy(bytes, NDJSON_HEARTBEAT, *len);
    }
    return bytes;
}

static void make_head(struct reply *reply, const struct request *request,
                      enum event_format format, unsigned retry_least_ms, uint64_t index)
{
    size_t len = 0;
    char *opening = request->head_only ? NULL : opening_of(format, retry_least_ms, &len);
    bool minimal = request->feed != NULL && request->feed->minimal;
    reply_stream(reply, index, type_of(format), minimal, opening, len);
}

/* --- the beginning --- */

/* When it is over: not all streams that began together end together, and none goes on
 * past the time until which the client may know. */
static struct instant end_of(const struct operation *operation)
{
    double share = 1 - END_SPREAD * hold_luck();
    nanos span = (nanos)((double)operation->rules->stream_max * share);
    return instant_after(clock_now(),
                         operation_until_expiry(operation, span, clock_wall()));
}

static struct stream *stream_new(const struct operation *operation,
                                 struct event_kind kind)
{
    size_t path_len = operation->below ? 0 : operation->path.len;
    struct stream *stream = malloc(sizeof *stream + path_len);
    if (stream == NULL)
        return NULL;
    *stream =
        (struct stream){.kind = kind,
                        .scope = operation->origin.len > 0 ? SCOPE_BELOW : SCOPE_SELF,
                        .ends = end_of(operation),
                        .mark.catches_up = true,
                        .path_len = path_len};
    memcpy(stream->path, operation->path.at, path_len);
    return stream;
}

static void begin(struct service *service, struct request *request,
                  const struct operation *operation, struct event_kind kind,
                  const struct present *present, uint64_t index)
{
    struct reply head;
    if (!hold_take(service, request, operation))
        return;
    struct stream *stream = stream_new(operation, kind);
    if (stream == NULL) {
        hold_leave(service, request);
        deliver_no_memory(service, request);
        return;
    }
    stream->knows = index != 0;
    stream->exists = present->document != NULL;
    free(request->target); /* no reply is to come; the stream takes its place */
    make_head(&head, request, kind.format, RETRY_LEAST_MS, index);
    stream_begin(request, stream, &head);
}

static void serve(struct service *service, struct request *request,
                  const struct operation *operation, struct event_kind kind,
                  const struct present *present, uint64_t index)
{
    if (request->head_only) {
        struct reply head;
        make_head(&head, request, kind.format, 0, index);
        deliver_reply(service, request, &head);
    } else {
        begin(service, request, operation, kind, present, index);
    }
}

bool stream_serve(struct service *service, struct request *request,
                  const struct operation *operation, const struct tree_span *span,
                  const struct present *present)
{
    enum accept_stream stream = wanted(operation, present);
    struct read_plan plan;
    if (stream == ACCEPT_NO_STREAM)
        return refuse(service, request, operation, present);
    if (read_plan_make(operation, span, present, &plan) == READ_FAILED)
        return false;
    struct present told = *present;
    told.index = read_plan_index(operation, span, store_born(service->store), present);
    if (request->feed != NULL)
        feed_set_from(request->feed, service->tree, operation, span, &told, false);
    request->index = STREAM_NOTHING;
    if (operation->has_index && read_plan_is_since(span, present, operation->index))
        request->index = present->index;
    serve(service, request, operation, kind_of(operation, stream), present, told.index);
    return true;
}

bool stream_unreached(struct service *service, struct request *request,
                      const struct operation *operation)
{
    static const struct present unknown = {.index = 0};
    struct reply head;
    enum accept_stream stream = wanted(operation, &unknown);
    if (stream == ACCEPT_NO_STREAM)
        return false;
    if (stream == ACCEPT_LINES) {
        deliver_unreached(service, request);
        return true;
    }
    make_head(&head, request, EVENT_SSE, RETRY_UNREACHED_MS,
              operation->index != INDEX_NONE ? operation->index : 0);
    deliver_reply(service, request, &head);
    return true;
}
