/* SPDX-License-Identifier: ISC */
/* deliver: every reply of the service goes out through here, so that each is counted.
 * What a request keeps for its reply (the way to the origin) is given up on the way. */
#include "deliver.h"
#include "feed.h"
#include "trace.h"

#include <stdlib.h>

static _Atomic int64_t *counter_of(struct counters *counters, int status)
{
    switch (status) {
    case 200:
        return &counters->answers_200;
    case 304:
        return &counters->answers_304;
    case 404:
        return &counters->answers_404;
    default:
        return &counters->answers_other;
    }
}

void deliver_forget(struct request *request)
{
    free(request->target);
    request->target = NULL;
    free(request->feed);
    request->feed = NULL;
}

void deliver_count(struct service *service, struct request *request,
                   const struct reply *reply)
{
    counter_add(counter_of(service->counters, reply->status), 1);
    trace_replied(request, reply);
}

void deliver_reply(struct service *service, struct request *request, struct reply *reply)
{
    deliver_count(service, request, reply);
    deliver_forget(request);
    request->exchange->reply(request, reply);
}

void deliver_problem(struct service *service, struct request *request, int status,
                     const char *detail, const char *extra)
{
    struct reply reply;
    reply_problem(&reply, &(struct problem){status, detail}, extra, request->head_only);
    deliver_reply(service, request, &reply);
}

static struct reply_options options_for(struct service *service,
                                        const struct request *request)
{
    return (struct reply_options){.cache_control = service_rules(service)->cache_control,
                                  .head_only = request->head_only,
                                  .behind_origin = request->target != NULL,
                                  .minimal =
                                      request->feed != NULL && request->feed->minimal,
                                  .applied = request->applied};
}

static void reply_page(struct service *service, struct request *request,
                       struct feed_page *page)
{
    struct reply reply;
    struct reply_options options = options_for(service, request);
    nanos changed = request->feed->changed;
    if (page->chunk == NULL) {
        deliver_no_memory(service, request);
        return;
    }
    histogram_add_size(&service->counters->feed, chunk_text(page->chunk).len);
    reply_told(&reply, page->index, page->chunk, &options);
    chunk_unref(&page->chunk);
    deliver_reply(service, request, &reply);
    if (changed != 0)
        histogram_add(&service->counters->delivery, clock_wall() - changed);
}

static struct built_key key_of(const struct feed *feed)
{
    struct built_key key = feed_key(feed);
    key.rules = feed->rules;
    key.horizon = feed->horizon;
    return key;
}

/* False: it is too long to be brief; nothing was done. */
static bool deliver_told(struct service *service, struct request *request,
                         enum feed_length length)
{
    struct feed_page page;
    struct built_key key = key_of(request->feed);
    page.chunk = built_find(&service->pages, &key, &page.index);
    if (page.chunk == NULL) {
        if (!feed_tell(request->feed, service->tree, length, &page))
            return false;
        counter_add(&service->counters->feeds_built, 1);
        if (page.chunk != NULL)
            built_add(&service->pages, &key, page.chunk, page.index);
    }
    reply_page(service, request, &page);
    return true;
}

void deliver_built(struct service *service, struct request *request)
{
    (void)deliver_told(service, request, FEED_WHOLE);
}

static void deliver_feed(struct service *service, struct request *request)
{
    if (!deliver_told(service, request, FEED_BRIEF) &&
        !builder_add(&service->builder, request))
        deliver_built(service, request);
}

void deliver_present(struct service *service, struct request *request,
                     const struct present *present)
{
    struct reply reply;
    struct reply_options options = options_for(service, request);
    if (request->feed != NULL) {
        deliver_feed(service, request);
        return;
    }
    if (request->target != NULL) {
        reply_redirect(&reply, present->index, request->target, &options);
        request->target = NULL; /* the reply's now */
    } else {
        reply_present(&reply, present, &options);
    }
    deliver_reply(service, request, &reply);
}

void deliver_passed(struct service *service, struct request *request)
{
    struct reply reply;
    reply_passed(&reply, request->target);
    request->target = NULL; /* the reply's now */
    deliver_reply(service, request, &reply);
}

void deliver_unchanged(struct service *service, struct request *request)
{
    struct reply reply;
    struct reply_options options = options_for(service, request);
    reply_unchanged(&reply, request->index, &options);
    deliver_reply(service, request, &reply);
}

void deliver_full(struct service *service, struct request *request)
{
    counter_add(&service->counters->refused, 1);
    deliver_problem(service, request, 503,
                    "As many requests are held as this server allows; try again.",
                    "Retry-After: 5\r\n");
}

void deliver_client_full(struct service *service, struct request *request)
{
    counter_add(&service->counters->refused_client, 1);
    deliver_problem(service, request, 429,
                    "As many requests are held for this client as one may have; end one "
                    "of them, or try again later.",
                    "Retry-After: 5\r\n");
}

void deliver_unreached(struct service *service, struct request *request)
{
    deliver_problem(service, request, 503,
                    "The store's engine does not answer; try again.",
                    "Retry-After: 5\r\n");
}

void deliver_no_memory(struct service *service, struct request *request)
{
    counter_add(&service->counters->out_of_memory, 1);
    deliver_problem(service, request, 503, "Out of memory; try again.",
                    "Retry-After: 5\r\n");
}
