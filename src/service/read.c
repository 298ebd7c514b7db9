/* SPDX-License-Identifier: ISC */
/* read: GET and HEAD: answers at once, or holds the request. */
#include <stdlib.h>

#include "deliver.h"
#include "fcgiwait/container.h"
#include "fcgiwait/etag.h"
#include "read_plan.h"
#include "origin.h"
#include "trace.h"

/* A number from 0 to 1, so that waits that began together need not end together. */
static double luck(void)
{
    static _Thread_local unsigned short state[3];
    if (state[0] == 0 && state[1] == 0) {
        nanos seed = clock_now().at ^ (nanos)(uintptr_t)&state;
        memcpy(state, &seed, sizeof state);
        state[0] |= 1;
    }
    return erand48(state);
}

/* False: there is none, and that was told. */
static bool take_place(struct service *service, struct request *request,
                       const struct operation *operation)
{
    const struct service_rules *rules = operation->rules;
    struct places_limits limits = {rules->max_waiting, rules->waiting_per_client};
    switch (places_take(&service->places, operation->client, limits, &request->place)) {
    case PLACES_TAKEN:
        counter_add(&service->counters->waiting, 1);
        return true;
    case PLACES_FULL:
        deliver_full(service, request);
        break;
    case PLACES_CLIENT_FULL:
        deliver_client_full(service, request);
        break;
    case PLACES_NO_MEMORY:
        deliver_no_memory(service, request);
        break;
    }
    return false;
}

void read_leave(struct service *service, struct request *request)
{
    places_leave(&service->places, &request->place);
    counter_add(&service->counters->waiting, -1);
}

/* waiter_answer_fn */
static void let_go(struct waiter *waiter, enum verdict verdict,
                   const struct present *news)
{
    struct request *request = CONTAINER_OF(waiter, struct request, waiter);
    struct service *service = request->service;
    read_leave(service, request);
    switch (verdict) {
    case VERDICT_CHANGED:
        counter_add(&service->counters->held_changed, 1);
        deliver_present(service, request, news);
        histogram_add(&service->counters->delivery, clock_wall() - news->changed);
        break;
    case VERDICT_EXPIRED:
        counter_add(&service->counters->held_expired, 1);
        deliver_unchanged(service, request);
        break;
    case VERDICT_STOPPING:
        counter_add(&service->counters->held_stopped, 1);
        deliver_unchanged(service, request);
        break;
    case VERDICT_HUNG_UP:
        counter_add(&service->counters->held_gone, 1);
        trace_hung_up(request);
        deliver_forget(request);
        request->exchange->reply(request, NULL);
        break;
    }
}

/* True where the request was parked or answered; false where the resource has moved on.
 */
static bool hold(struct service *service, struct request *request,
                 const struct target *target, const struct operation *operation,
                 const struct read_plan *plan)
{
    const struct service_rules *rules = operation->rules;
    if (!take_place(service, request, operation))
        return true;
    double chance = rules->wait_jitter > 0 ? luck() : 0;
    request->since = clock_now();
    struct instant deadline =
        read_plan_deadline(request->since, plan->wait, rules->wait_jitter, chance);
    trace_held(request, deadline); /* later it may have been answered */
    request->waiter.answer = let_go;
    enum room_parked parked =
        room_park(service->room, &request->waiter, target, 1, deadline);
    if (parked == ROOM_PARKED) { /* and perhaps gone already: not to be touched */
        counter_add(&service->counters->held, 1);
        return true;
    }
    read_leave(service, request);
    request->waiter.worker = NULL;
    if (parked == ROOM_STOPPING)
        deliver_unchanged(service, request);
    else if (parked == ROOM_NO_MEMORY)
        deliver_no_memory(service, request);
    return parked != ROOM_MOVED;
}

/* fence_look_fn: the state is as new as it has to be. */
static void look(struct service *service, struct request *request,
                 const struct operation *operation)
{
    struct text path = operation->path;
    enum scope scope = SCOPE_SELF;
    if (operation->origin.len > 0) { /* there a list is made of its members */
        scope = SCOPE_BELOW;
        path = origin_path(path);
    }
    for (bool served = false; !served;) {
        struct present present;
        struct tree_span span;
        struct read_plan plan;
        tree_look(service->tree, path, scope, &present);
        tree_span(service->tree, &span);
        enum read_action action = read_plan_make(operation, &span, &present, &plan);
        request->index = present.index;
        request->applied = plan.applied;
        served = true;
        if (action == READ_FAILED)
            deliver_problem(service, request, 412, plan.why, NULL);
        else if (action == READ_PRESENT)
            deliver_present(service, request, &present);
        else if (action == READ_UNCHANGED)
            deliver_unchanged(service, request);
        else
            served = hold(service, request, &(struct target){path, scope, present.index},
                          operation, &plan);
        present_dispose(&present);
        if (!served)
            store_reached(service->store, 0);
    }
}

/* An index that the state does not have yet, where the client brings one; else 0. */
static uint64_t brought_index(struct service *service, const struct operation *operation)
{
    struct text tags = operation->conditions.if_none_match;
    uint64_t newest = store_index(service->store);
    if (operation->has_index)
        return operation->index < INDEX_LIMIT ? operation->index : 0;
    if (operation->has_wait && tags.at != NULL &&
        etag_is_within(tags, newest + 1, INDEX_LIMIT - 1))
        return newest + 1;
    return 0;
}

void read_serve(struct service *service, struct request *request,
                const struct operation *operation)
{
    if (operation->origin.len > 0) {
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
    if (store_reached(service->store, brought_index(service, operation)))
        look(service, request, operation);
    else
        fence_wait(service, request, operation, look);
}
