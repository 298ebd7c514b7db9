/* SPDX-License-Identifier: ISC */
/* hold: whoever waits takes a place, is parked in the waiting room, and is answered when
 * it is let go. */
#include "hold.h"

#include <stdlib.h>

#include "deliver.h"
#include "fcgiwait/container.h"
#include "feed.h"
#include "trace.h"

/* So that what began together need not end together. */
double hold_luck(void)
{
    static _Thread_local unsigned short state[3];
    if (state[0] == 0 && state[1] == 0) {
        nanos seed = clock_now().at ^ (nanos)(uintptr_t)&state;
        memcpy(state, &seed, sizeof state);
        state[0] |= 1;
    }
    return erand48(state);
}

bool hold_take(struct service *service, struct request *request,
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

void hold_leave(struct service *service, struct request *request)
{
    places_leave(&service->places, &request->place);
    counter_add(&service->counters->waiting, -1);
}

/* Nobody is there to answer. */
static void give_back(struct request *request)
{
    trace_hung_up(request);
    deliver_forget(request);
    request->exchange->reply(request, NULL);
}

/* waiter_answer_fn */
static void let_go(struct waiter *waiter, enum verdict verdict,
                   const struct present *news)
{
    struct request *request = CONTAINER_OF(waiter, struct request, waiter);
    struct service *service = request->service;
    struct present newest;
    if (verdict == VERDICT_HUNG_UP) /* counted before nobody waits, as each who goes */
        counter_add(&service->counters->held_gone, 1);
    hold_leave(service, request);
    switch (verdict) {
    case VERDICT_CHANGED:
        counter_add(&service->counters->held_changed, 1);
        /* A feed's answer may have to be built, and is counted then. */
        if (request->feed != NULL) {
            request->feed->changed = news->changed;
            feed_look(request->feed, service->tree, &newest);
            deliver_present(service, request, news);
            break;
        }
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
        give_back(request);
        break;
    }
}

bool hold_until(struct service *service, struct request *request,
                const struct target *targets, size_t count,
                const struct operation *operation, const struct read_plan *plan)
{
    const struct service_rules *rules = operation->rules;
    if (!hold_take(service, request, operation))
        return true;
    double chance = rules->wait_jitter > 0 ? hold_luck() : 0;
    request->since = operation->asked.at != 0 ? operation->asked : clock_now();
    struct instant deadline =
        read_plan_deadline(request->since, plan->wait, rules->wait_jitter, chance);
    trace_held(request, deadline); /* later it may have been answered */
    request->waiter.answer = let_go;
    enum room_parked parked =
        room_park(service->room, &request->waiter, targets, count, deadline);
    if (parked == ROOM_PARKED) { /* and perhaps gone already: not to be touched */
        counter_add(&service->counters->held, 1);
        return true;
    }
    hold_leave(service, request);
    if (parked == ROOM_STOPPING)
        deliver_unchanged(service, request);
    else if (parked == ROOM_NO_MEMORY)
        deliver_no_memory(service, request);
    else if (parked == ROOM_LEFT)
        give_back(request);
    return parked != ROOM_MOVED;
}
