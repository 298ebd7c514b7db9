/* SPDX-License-Identifier: ISC */
/*
 * One step after the other, on whichever thread has the request: tell what is newer than
 * the mark, and where nothing is, rest in the waiting room. A step that hands the request
 * on (a socket that is full, the room) is the last one here: after it nothing of the
 * request is touched.
 */
#include "stream.h"

#include <stdlib.h>

#include "deliver.h"
#include "fcgiwait/container.h"
#include "fcgiwait/path.h"
#include "hold.h"
#include "ndjson.h"
#include "read_plan.h"
#include "sse.h"
#include "trace.h"

/* When a client may come back, once its stream has ended: within this, by chance. */
#define RETRY_LEAST_MS 1000
#define RETRY_SPREAD_MS 2000
#define OPENING_MOST 64

/* How many heartbeats long a client may take nothing. */
#define PATIENCE 3

/* Heartbeats come up to this share earlier, so that those of streams which began, or were
 * told something, at the same moment do not come at one. */
#define SPREAD 0.25

/* Streams end up to this share earlier. */
#define END_SPREAD 0.1

/* The mark where nothing was told yet. */
#define NOTHING UINT64_MAX

struct stream {
    struct event_kind kind;
    enum scope scope;
    struct instant ends;
    size_t path_len; /* of the path that is told */
    char path[];
};

static struct text path_of(const struct stream *stream)
{
    return (struct text){stream->path, stream->path_len};
}

static struct target target_of(const struct request *request)
{
    const struct stream *stream = request->stream;
    struct text path = path_of(stream);
    if (stream->scope == SCOPE_BELOW)
        path = path_without_slash(path);
    return (struct target){path, stream->scope, request->index};
}

/* --- the end --- */

void stream_leave(struct request *request)
{
    struct service *service = request->service;
    counter_add(&service->counters->streams, -1);
    hold_leave(service, request);
    free(request->stream);
    request->stream = NULL;
    deliver_forget(request);
}

static void end(struct request *request)
{
    trace_stream_ended(request);
    stream_leave(request);
    request->exchange->end(request, NULL);
}

static void end_gone(struct request *request)
{
    counter_add(&request->service->counters->held_gone, 1);
    end(request);
}

/* --- one step --- */

/* True: the request is still ours, and the socket took it. */
static bool send(struct request *request, struct chunk *chunk)
{
    if (chunk == NULL) { /* the client comes back */
        counter_add(&request->service->counters->out_of_memory, 1);
        end(request);
        return false;
    }
    enum sent sent = request->exchange->chunk(request, chunk);
    chunk_unref(&chunk);
    if (sent == SENT_BROKEN)
        end_gone(request);
    return sent == SENT_ALL;
}

/* What is no change for this client: the path was forgotten after it was told that there
 * is nothing. */
static bool is_told(const struct request *request, const struct present *present)
{
    return present->index == request->index ||
           (request->index != NOTHING && present->index < request->index &&
            present->document == NULL);
}

/* True: the request is still ours, and this is told. */
static bool tell(struct request *request, const struct present *present)
{
    struct service *service = request->service;
    const struct stream *stream = request->stream;
    bool told = is_told(request, present);
    request->index = present->index; /* after the chunk it may be too late for that */
    if (told)
        return true;
    if (!event_can_say(stream->kind, present)) {
        end(request); /* who comes back gets a 406 that says why */
        return false;
    }
    counter_add(&service->counters->stream_events, 1);
    return send(request,
                events_get(&service->events, stream->kind, path_of(stream), present));
}

static nanos shorter(nanos a, nanos b)
{
    return a < b ? a : b;
}

/* True: look again, there is something newer. */
static bool rest(struct request *request)
{
    struct service *service = request->service;
    nanos heartbeat = service_rules(service)->stream_heartbeat;
    struct instant now = clock_now(), ends = request->stream->ends;
    nanos early = (nanos)((double)heartbeat * SPREAD * hold_luck());
    struct instant next =
        instant_after(now, shorter(heartbeat - early, ends.at - now.at));
    struct target target = target_of(request);
    enum room_parked parked = ROOM_STOPPING;
    if (now.at < ends.at)
        parked = room_park(service->room, &request->waiter, &target, 1, next);
    switch (parked) {
    case ROOM_PARKED: /* and perhaps gone already: not to be touched */
        return false;
    case ROOM_MOVED:
        return true;
    case ROOM_LEFT:
        end_gone(request);
        return false;
    case ROOM_STOPPING:
    case ROOM_NO_MEMORY:
        break;
    }
    end(request);
    return false;
}

static void go_on(struct request *request)
{
    bool ours = true;
    while (ours) {
        struct present present;
        struct target target = target_of(request);
        tree_look(request->service->tree, target.path, target.scope, &present);
        ours = tell(request, &present) && rest(request);
        present_dispose(&present);
    }
}

static void beat(struct request *request)
{
    static const struct text beats[] = {
        [EVENT_SSE] = TEXT(SSE_HEARTBEAT), [EVENT_NDJSON] = TEXT(NDJSON_HEARTBEAT)};
    struct text beat = beats[request->stream->kind.format];
    if (send(request, chunk_of(beat)) && rest(request))
        go_on(request);
}

static void let_go(struct waiter *waiter, enum verdict verdict,
                   const struct present *news)
{
    struct request *request = CONTAINER_OF(waiter, struct request, waiter);
    struct counters *counters = request->service->counters;
    nanos changed = news != NULL ? news->changed : 0;
    bool ours;
    switch (verdict) {
    case VERDICT_CHANGED:
        ours = tell(request, news);
        histogram_add(&counters->delivery, clock_wall() - changed);
        if (ours && rest(request))
            go_on(request);
        break;
    case VERDICT_EXPIRED:
        if (clock_now().at < request->stream->ends.at)
            beat(request);
        else
            end(request);
        break;
    case VERDICT_HUNG_UP:
        end_gone(request);
        break;
    case VERDICT_STOPPING:
        end(request);
        break;
    }
}

/* --- what the front says --- */

static void closed(struct request *request)
{
    counter_add(&request->service->counters->held_gone, 1);
    trace_hung_up(request);
    stream_leave(request);
}

static const struct exchange_user user = {go_on, closed};

/* --- the beginning --- */

static const char *type_of(enum event_format format)
{
    return format == EVENT_SSE ? "text/event-stream" : "application/x-ndjson";
}

/* malloc'd, or NULL: then the first heartbeat says it. */
static char *opening_of(enum event_format format, size_t *len)
{
    char *bytes = malloc(OPENING_MOST);
    unsigned retry = RETRY_LEAST_MS + (unsigned)(RETRY_SPREAD_MS * hold_luck());
    if (bytes != NULL && format == EVENT_SSE) {
        *len = sse_opening(retry, bytes);
    } else if (bytes != NULL) {
        *len = sizeof NDJSON_HEARTBEAT - 1;
        memcpy(bytes, NDJSON_HEARTBEAT, *len);
    }
    return bytes;
}

/* When it is over: not all streams that began together end together, and none goes on
 * past the time until which the client may know. */
static struct instant end_of(const struct operation *operation)
{
    double share = 1 - END_SPREAD * hold_luck();
    nanos span = (nanos)((double)operation->rules->stream_max * share);
    if (operation->expires != INT64_MAX)
        span = shorter(span, operation->expires - clock_wall());
    return instant_after(clock_now(), span);
}

static struct stream *stream_new(const struct operation *operation,
                                 struct event_kind kind)
{
    struct stream *stream = malloc(sizeof *stream + operation->path.len);
    if (stream == NULL)
        return NULL;
    *stream =
        (struct stream){.kind = kind,
                        .scope = operation->origin.len > 0 ? SCOPE_BELOW : SCOPE_SELF,
                        .ends = end_of(operation),
                        .path_len = operation->path.len};
    memcpy(stream->path, operation->path.at, operation->path.len);
    return stream;
}

static void send_head(struct request *request, uint64_t index)
{
    struct reply reply;
    size_t len = 0;
    enum event_format format = request->stream->kind.format;
    char *opening = opening_of(format, &len);
    reply_stream(&reply, index, type_of(format), opening, len);
    deliver_count(request, &reply);
    switch (request->exchange->head(request, &reply)) {
    case SENT_ALL:
        go_on(request);
        break;
    case SENT_BROKEN:
        end_gone(request);
        break;
    case SENT_PART:
        break;
    }
}

/* `told`: the client has what is there. */
static void begin(struct service *service, struct request *request,
                  const struct operation *operation, struct event_kind kind,
                  uint64_t index, bool told)
{
    if (!hold_take(service, request, operation))
        return;
    request->stream = stream_new(operation, kind);
    if (request->stream == NULL) {
        hold_leave(service, request);
        deliver_no_memory(service, request);
        return;
    }
    deliver_forget(request); /* no reply is to come */
    counter_add(&service->counters->streams, 1);
    counter_add(&service->counters->streams_opened, 1);
    counter_add(&service->counters->held, 1);
    request->user = &user;
    request->patience = PATIENCE * operation->rules->stream_heartbeat;
    request->index = told ? index : NOTHING;
    request->since = clock_now();
    request->waiter.answer = let_go;
    trace_held(request, request->stream->ends);
    room_admit(service->room, &request->waiter);
    send_head(request, index);
}

/* --- what is wanted --- */

static enum accept_stream wanted(const struct operation *operation,
                                 const struct present *present)
{
    struct text type = present->document != NULL ? present->document->type : TEXT("");
    return accept_stream(operation->accept, type);
}

static struct event_kind kind_of(const struct operation *operation,
                                 enum accept_stream wanted)
{
    bool here = operation->origin.len == 0;
    return (struct event_kind){wanted == ACCEPT_EVENTS ? EVENT_SSE : EVENT_NDJSON,
                               wanted == ACCEPT_EVENTS && here, here};
}

static void head_alone(struct service *service, struct request *request,
                       struct event_kind kind, uint64_t index)
{
    struct reply reply;
    reply_stream(&reply, index, type_of(kind.format), NULL, 0);
    deliver_reply(service, request, &reply);
}

static void serve(struct service *service, struct request *request,
                  const struct operation *operation, enum accept_stream wanted,
                  const struct present *present)
{
    struct event_kind kind = kind_of(operation, wanted);
    struct tree_span span;
    tree_span(service->tree, &span);
    bool told =
        operation->has_index && read_plan_is_since(&span, present, operation->index);
    if (operation->stream_is_off)
        deliver_problem(service, request, 406,
                        "No streams are given here; ask without naming "
                        "text/event-stream or application/x-ndjson in Accept.",
                        NULL);
    else if (!event_can_say(kind, present))
        deliver_problem(service, request, 406,
                        "This document is not UTF-8, which an event stream has to be; "
                        "ask for application/x-ndjson, or without a stream.",
                        NULL);
    else if (request->head_only)
        head_alone(service, request, kind, present->index);
    else
        begin(service, request, operation, kind, present->index, told);
}

bool stream_look(struct service *service, struct request *request,
                 const struct operation *operation)
{
    bool behind_origin = operation->origin.len > 0;
    struct text path =
        behind_origin ? path_without_slash(operation->path) : operation->path;
    struct present present;
    if (operation->accept.len == 0)
        return false;
    tree_look(service->tree, path, behind_origin ? SCOPE_BELOW : SCOPE_SELF, &present);
    enum accept_stream stream = wanted(operation, &present);
    if (stream != ACCEPT_NO_STREAM)
        serve(service, request, operation, stream, &present);
    present_dispose(&present);
    return stream != ACCEPT_NO_STREAM;
}
