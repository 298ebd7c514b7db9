/* SPDX-License-Identifier: ISC */
/*
 * GET and HEAD: looks at what is there, has read_plan.c decide, and acts on it: answers
 * at once, holds the request, or begins a stream. Where the resource has moved on before
 * the request could be held, all of it begins anew.
 */
#include "bookmark.h"
#include "deliver.h"
#include "fcgiwait/etag.h"
#include "fcgiwait/path.h"
#include "feed.h"
#include "follow.h"
#include "hold.h"
#include "origin.h"
#include "stream_open.h"

/* Answers at once, or holds the request. False: what it would wait for has moved on. */
static bool act(struct service *service, struct request *request,
                const struct operation *operation, enum read_action action,
                const struct read_plan *plan, const struct present *present,
                const struct target *own)
{
    const struct feed *feed = request->feed;
    switch (action) {
    case READ_FAILED:
        deliver_problem(service, request, 412, plan->why, NULL);
        break;
    case READ_PRESENT:
        deliver_present(service, request, present);
        break;
    case READ_UNCHANGED:
        deliver_unchanged(service, request);
        break;
    case READ_HOLD:
        return feed != NULL ? hold_until(service, request, feed->targets, feed->count,
                                         operation, plan)
                            : hold_until(service, request, own, 1, operation, plan);
    }
    return true;
}

/* The same, or begins a stream. */
static bool serve(struct service *service, struct request *request,
                  const struct operation *operation, struct target *own)
{
    struct present present, told;
    struct tree_span span;
    struct read_plan plan;
    if (request->feed != NULL)
        feed_look(request->feed, service->tree, &present);
    else
        tree_look(service->tree, own->path, own->scope, &present);
    tree_span(service->tree, &span);
    bool served = stream_serve(service, request, operation, &span, &present);
    if (!served) {
        enum read_action action = read_plan_make(operation, &span, &present, &plan);
        told = present;
        told.index =
            read_plan_index(operation, &span, store_born(service->store), &present);
        own->index = present.index;
        request->index = told.index;
        request->applied = plan.applied;
        if (request->feed != NULL)
            feed_set_from(request->feed, service->tree, operation, &span, &told,
                          action == READ_HOLD);
        served = act(service, request, operation, action, &plan, &told, own);
    }
    present_dispose(&present);
    return served;
}

/* fence_look_fn: the state is as new as it has to be. */
static void look(struct service *service, struct request *request,
                 const struct operation *operation)
{
    struct target own = {.path = operation->path, .scope = SCOPE_SELF};
    if (operation->origin.len > 0) { /* there a list is made of its members */
        own.scope = SCOPE_BELOW;
        own.path = path_without_slash(own.path);
    }
    while (!serve(service, request, operation, &own))
        store_reached(service->store, 0);
}

/* An index that the state does not have yet, where the client brings one; else 0. */
static uint64_t brought_index(struct service *service, const struct operation *operation)
{
    struct text tags = operation->conditions.if_none_match;
    uint64_t newest = store_index(service->store);
    if (operation->has_index)
        return operation->index < INDEX_LIMIT && !bookmark_can_be(operation->index)
                   ? operation->index
                   : 0;
    if (!operation->has_wait || tags.at == NULL)
        return 0;
    return etag_newest(tags, newest + 1, BOOKMARK_LEAST - 1);
}

void read_serve(struct service *service, struct request *request,
                const struct operation *operation)
{
    if (operation->below) {
        if (!follow_begin(service, request, operation))
            return;
    } else if (operation->origin.len > 0) {
        request->target = origin_target(operation->origin, operation->path,
                                        operation->query, &operation->names);
        if (request->target == NULL) {
            deliver_no_memory(service, request);
            return;
        }
        if (operation_passes(operation)) {
            deliver_passed(service, request);
            return;
        }
    }
    uint64_t index = brought_index(service, operation);
    if (store_reached(service->store, index))
        look(service, request, operation);
    else
        fence_wait(service, request, operation, index, look);
}
