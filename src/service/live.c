/* SPDX-License-Identifier: ISC */
/*
 * As in stream.c, a step that hands the request on (a socket that is full, the room) is
 * the last one: after it nothing of the request is touched.
 */
#include "live.h"

#include <stdlib.h>

#include "deliver.h"
#include "fcgiwait/container.h"
#include "fcgiwait/page.h"
#include "service_private.h"
#include "sse.h"
#include "trace.h"

/* How long a viewer may take nothing. */
#define PATIENCE (10 * NANOS_PER_SECOND)

/* When it may come back, once its stream has ended. */
#define RETRY_MS 2000
#define OPENING_MOST 64

void live_open(struct live *live)
{
    *live = (struct live){.making = false};
    lock_init(&live->lock, LOCK_LIVE);
}

void live_close(struct live *live)
{
    chunk_unref(&live->event);
    lock_destroy(&live->lock);
}

/* --- the stream --- */

void live_leave(struct request *request)
{
    struct service *service = request->service;
    atomic_fetch_sub_explicit(&service->live.viewers, 1, memory_order_relaxed);
    counter_add(&service->counters->viewers, -1);
}

static void end(struct request *request)
{
    trace_stream_ended(request);
    live_leave(request);
    request->exchange->end(request, NULL);
}

/* Without memory for the numbers a heartbeat goes out in their place. */
static struct chunk *event_of(struct request *request)
{
    struct chunk *event = live_event(request->service);
    return event != NULL ? event : chunk_of(TEXT(SSE_HEARTBEAT));
}

static bool is_over(const struct request *request, struct instant now)
{
    return now.at >= request->ends.at - SERVICE_NEARLY;
}

static void rest(struct request *request)
{
    struct instant now = clock_now(), ends = request->ends;
    struct instant next = instant_after(now, LIVE_EVERY);
    if (ends.at < next.at)
        next = ends;
    if (is_over(request, now) ||
        room_park(request->service->room, &request->waiter, NULL, 0, next) != ROOM_PARKED)
        end(request);
}

static void tell(struct request *request)
{
    struct chunk *event = event_of(request);
    enum sent sent = SENT_BROKEN;
    if (event != NULL)
        sent = request->exchange->chunk(request, event);
    chunk_unref(&event);
    if (sent == SENT_ALL)
        rest(request);
    else if (sent == SENT_BROKEN)
        end(request);
}

/* waiter_answer_fn */
static void let_go(struct waiter *waiter, enum verdict verdict,
                   const struct present *news)
{
    struct request *request = CONTAINER_OF(waiter, struct request, waiter);
    (void)news;
    if (verdict == VERDICT_EXPIRED && !is_over(request, clock_now()))
        tell(request);
    else
        end(request);
}

static void closed(struct request *request)
{
    trace_hung_up(request);
    live_leave(request);
}

static nanos patience(const struct request *request)
{
    (void)request;
    return PATIENCE;
}

static const struct exchange_user user = {rest, closed, patience};

bool live_is_viewer(const struct request *request)
{
    return request->user == &user;
}

/* --- its beginning --- */

/* Now and then the web server is to judge again who may look. */
static struct instant end_of(const struct operation *operation)
{
    return instant_after(
        clock_now(),
        operation_until_expiry(operation, operation->rules->stream_max, clock_wall()));
}

static void send_head(struct request *request)
{
    struct reply reply;
    char *opening = malloc(OPENING_MOST);
    size_t len = opening != NULL ? sse_opening(RETRY_MS, opening) : 0;
    reply_stream(&reply, 0, "text/event-stream", false, opening, len);
    deliver_count(request->service, request, &reply);
    switch (request->exchange->head(request, &reply)) {
    case SENT_ALL:
        tell(request);
        break;
    case SENT_BROKEN:
        end(request);
        break;
    case SENT_PART:
        break;
    }
}

static bool take_place(struct live *live)
{
    if (atomic_fetch_add_explicit(&live->viewers, 1, memory_order_relaxed) < LIVE_VIEWERS)
        return true;
    atomic_fetch_sub_explicit(&live->viewers, 1, memory_order_relaxed);
    return false;
}

static void begin(struct service *service, struct request *request,
                  const struct operation *operation)
{
    if (!take_place(&service->live)) {
        deliver_problem(service, request, 503,
                        "As many live pages are looked at as there may be.",
                        "Retry-After: 5\r\n");
        return;
    }
    counter_add(&service->counters->viewers, 1);
    request->ends = end_of(operation);
    request->user = &user;
    request->since = clock_now();
    request->waiter.answer = let_go;
    room_admit(service->room, &request->waiter);
    send_head(request);
}

static void head_alone(struct service *service, struct request *request)
{
    struct reply reply;
    reply_stream(&reply, 0, "text/event-stream", false, NULL, 0);
    deliver_reply(service, request, &reply);
}

/* --- what is asked for --- */

void live_serve(struct service *service, struct request *request,
                const struct operation *operation)
{
    struct page_file file;
    struct reply reply;
    if (text_is(operation->query, TEXT("events")) && request->head_only) {
        head_alone(service, request);
    } else if (text_is(operation->query, TEXT("events"))) {
        begin(service, request, operation);
    } else if (page_file(operation->query, &file)) {
        reply_file(&reply, file.type, file.bytes, PAGE_HEADERS, request->head_only);
        deliver_reply(service, request, &reply);
    } else {
        deliver_problem(service, request, 404, "The live page has no such part.", NULL);
    }
}
