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
#include "sse.h"
#include "trace.h"

/* How many heartbeats long a client may take nothing. */
#define PATIENCE 3

/* Heartbeats come up to this share earlier, so that those of streams which began, or were
 * told something, at the same moment do not come at one. */
#define SPREAD 0.25

/* So many pieces are sent in one turn: then others have theirs. */
#define TURN 16

/* How many moments there are for them within a heartbeat. */
#define MOMENTS 256

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
    request->target = NULL; /* lies where the stream did */
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

/* True: the request is still ours, and the socket took it. The reference is taken over.
 */
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
           (request->index != STREAM_NOTHING && present->index < request->index &&
            present->document == NULL && !request->stream->exists);
}

/* What is not remembered has no index of its own: read_plan_index(). */
static struct present say(struct request *request, const struct present *present)
{
    struct stream *stream = request->stream;
    struct present said = *present;
    struct tree_span span;
    if (said.index == 0 && stream->knows) {
        tree_span(request->service->tree, &span);
        said.index = span.horizon;
        said.deleted = true;
    }
    stream->knows |= said.index != 0;
    stream->exists = said.document != NULL;
    return said;
}

/* True: the request is still ours, and this is told. */
static bool tell_one(struct request *request, const struct present *present)
{
    struct service *service = request->service;
    const struct stream *stream = request->stream;
    struct chunk *chunk;
    bool told = is_told(request, present);
    request->index = present->index; /* after the chunk it may be too late for that */
    if (told)
        return true;
    struct present said = say(request, present);
    if (events_get(&service->events, stream->kind, path_of(stream), &said, &chunk) ==
        EVENT_NOT_SAYABLE) {
        end(request); /* who comes back gets a 406 that says why */
        return false;
    }
    counter_add(&service->counters->stream_events, 1);
    return send(request, chunk);
}

/* True: the request is still ours, and all that is newer below the path is told, or as
 * much as is told in one turn. */
static bool tell_feed(struct request *request)
{
    struct service *service = request->service;
    struct stream *stream = request->stream;
    bool ours = true;
    stream->pauses = false;
    for (int pieces = 0; ours; pieces++) {
        struct chunk *chunk = NULL;
        if (pieces == TURN) {
            stream->pauses = true;
            return true;
        }
        enum feed_said said =
            feed_events_next(&service->events, stream->kind.format, request->feed,
                             &stream->mark, service->tree, &chunk);
        if (said == FEED_SAID_ALL)
            return true;
        counter_add(&service->counters->stream_events, 1);
        ours = send(request, chunk);
    }
    return false;
}

static bool tell_newest(struct request *request)
{
    struct present present;
    if (request->feed != NULL)
        return tell_feed(request);
    struct target target = target_of(request);
    tree_look(request->service->tree, target.path, target.scope, &present);
    bool ours = tell_one(request, &present);
    present_dispose(&present);
    return ours;
}

/* Many beats are one wake-up: they come at some moments alone. */
static struct instant next_beat(const struct request *request, struct instant now)
{
    nanos heartbeat = service_rules(request->service)->stream_heartbeat;
    nanos early = (nanos)((double)heartbeat * SPREAD * hold_luck());
    struct instant next = instant_after(now, heartbeat - early);
    next.at -= next.at % (heartbeat / MOMENTS);
    return next;
}

static enum room_parked park(struct request *request, struct instant until)
{
    struct service *service = request->service;
    const struct feed *feed = request->feed;
    struct target own;
    if (feed != NULL)
        return room_park(service->room, &request->waiter, feed->targets, feed->count,
                         until);
    own = target_of(request);
    return room_park(service->room, &request->waiter, &own, 1, until);
}

/* True: look again, there is something newer. */
static bool rest(struct request *request)
{
    struct instant now = clock_now(), ends = request->stream->ends;
    struct instant next = request->stream->pauses ? now : next_beat(request, now);
    enum room_parked parked = ROOM_STOPPING;
    request->spoke = now;
    if (now.at < ends.at)
        parked = park(request, next.at < ends.at ? next : ends);
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
    while (tell_newest(request) && rest(request))
        ;
}

static bool is_over(const struct request *request)
{
    return clock_now().at >= request->stream->ends.at - SERVICE_NEARLY;
}

/* Its time has come: for its end, for more of what it has to tell, or for a heartbeat. */
static void expire(struct request *request)
{
    static const struct text beats[] = {
        [EVENT_SSE] = TEXT(SSE_HEARTBEAT), [EVENT_NDJSON] = TEXT(NDJSON_HEARTBEAT)};
    struct text beat = beats[request->stream->kind.format];
    if (is_over(request)) {
        counter_add(&request->service->counters->held_expired, 1);
        end(request);
    } else if (request->stream->pauses || send(request, chunk_of(beat))) {
        go_on(request);
    }
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
        ours = request->feed != NULL ? tell_feed(request) : tell_one(request, news);
        histogram_add(&counters->delivery, clock_wall() - changed);
        if (ours && rest(request))
            go_on(request);
        break;
    case VERDICT_EXPIRED:
        expire(request);
        break;
    case VERDICT_HUNG_UP:
        end_gone(request);
        break;
    case VERDICT_STOPPING:
        counter_add(&counters->held_stopped, 1);
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

/* Who is told something all the time never rests, and is to end all the same. */
static void writable(struct request *request)
{
    if (is_over(request))
        expire(request);
    else
        go_on(request);
}

static nanos patience(const struct request *request)
{
    return PATIENCE * service_rules(request->service)->stream_heartbeat;
}

static const struct exchange_user user = {writable, closed, patience};

void stream_begin(struct request *request, struct stream *stream, struct reply *head)
{
    struct service *service = request->service;
    request->stream = stream;
    request->user = &user;
    request->since = request->spoke = clock_now();
    request->waiter.answer = let_go;
    counter_add(&service->counters->streams, 1);
    counter_add(&service->counters->streams_opened, 1);
    counter_add(&service->counters->held, 1);
    trace_held(request, stream->ends);
    deliver_count(service, request, head);
    if (request->waiter.worker == 0) /* else it was, before a fence */
        room_admit(service->room, &request->waiter);
    switch (request->exchange->head(request, head)) {
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
