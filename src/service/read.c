/* SPDX-License-Identifier: ISC */
/* read: GET and HEAD: answers at once, or holds the request. */
#include <stdlib.h>

#include "answer.h"
#include "read_plan.h"
#include "origin.h"

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

/* True where the request was parked or answered; false where the resource has moved on.
 */
static bool hold(struct service *service, struct request *request, struct text path,
                 enum scope scope, const struct read_plan *plan)
{
    const struct service_rules *rules = service_rules(service);
    struct counters *counters = service->counters;
    int64_t before = atomic_fetch_add(&counters->waiting, 1);
    if (before >= rules->max_waiting) {
        counter_add(&counters->waiting, -1);
        answer_busy(service, request,
                    "As many requests are held as this server allows; try again.");
        return true;
    }
    double chance = rules->wait_jitter > 0 ? luck() : 0;
    request->since = clock_now();
    struct instant deadline =
        read_plan_deadline(request->since, plan->wait, rules->wait_jitter, chance);
    enum room_parked parked =
        room_park(service->room, &request->waiter, path, scope, request->index, deadline);
    if (parked == ROOM_PARKED) { /* and perhaps gone already: not to be touched */
        counter_add(&counters->held, 1);
        return true;
    }
    counter_add(&counters->waiting, -1);
    request->waiter.worker = NULL;
    if (parked == ROOM_STOPPING)
        answer_unchanged(service, request);
    else if (parked == ROOM_NO_MEMORY)
        answer_busy(service, request, "Out of memory; try again.");
    return parked != ROOM_MOVED;
}

void read_serve(struct service *service, struct request *request, const struct cgi *cgi,
                struct text path)
{
    /* Behind an origin a list is made of its members. */
    enum scope scope = cgi->origin.len > 0 ? SCOPE_BELOW : SCOPE_SELF;
    if (scope == SCOPE_BELOW) {
        request->target = origin_target(cgi->origin, path, cgi->query);
        if (request->target == NULL) {
            answer_busy(service, request, "Out of memory; try again.");
            return;
        }
        path = origin_path(path);
    }
    for (bool served = false; !served;) {
        struct present present;
        struct read_plan plan;
        store_catch_up(service->store);
        tree_look(service->tree, path, scope, &present);
        enum read_action action =
            read_plan_make(cgi, service_rules(service), &present, &plan);
        request->index = present.index;
        request->applied = plan.applied;
        served = true;
        if (action == READ_PRESENT)
            answer_present(service, request, &present);
        else if (action == READ_UNCHANGED)
            answer_unchanged(service, request);
        else
            served = hold(service, request, path, scope, &plan);
        present_dispose(&present);
    }
}
