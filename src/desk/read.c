/* read: GET and HEAD: answers at once, or holds the request. */
#include <stdlib.h>

#include "answer.h"
#include "ask.h"
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
static bool hold(struct desk *desk, struct request *request, struct text path,
                 enum scope scope, const struct ask *ask)
{
    const struct desk_rules *rules = desk_rules(desk);
    struct counters *counters = desk->counters;
    int64_t before = atomic_fetch_add(&counters->waiting, 1);
    if (before >= rules->max_waiting) {
        counter_add(&counters->waiting, -1);
        answer_busy(desk, request,
                    "As many requests are held as this server allows; try again.");
        return true;
    }
    double chance = rules->wait_jitter > 0 ? luck() : 0;
    request->since = clock_now();
    struct instant deadline =
        ask_deadline(request->since, ask->wait, rules->wait_jitter, chance);
    enum room_parked parked =
        room_park(desk->room, &request->waiter, path, scope, request->index, deadline);
    if (parked == ROOM_PARKED) { /* and perhaps gone already: not to be touched */
        counter_add(&counters->held, 1);
        return true;
    }
    counter_add(&counters->waiting, -1);
    request->waiter.worker = NULL;
    if (parked == ROOM_STOPPING)
        answer_unchanged(desk, request);
    else if (parked == ROOM_NO_MEMORY)
        answer_busy(desk, request, "Out of memory; try again.");
    return parked != ROOM_MOVED;
}

void read_serve(struct desk *desk, struct request *request, const struct cgi *cgi,
                struct text path)
{
    /* Behind an origin a list is made of its members. */
    enum scope scope = cgi->origin.len > 0 ? SCOPE_BELOW : SCOPE_SELF;
    if (scope == SCOPE_BELOW) {
        request->target = origin_target(cgi->origin, path, cgi->query);
        if (request->target == NULL) {
            answer_busy(desk, request, "Out of memory; try again.");
            return;
        }
        path = origin_path(path);
    }
    for (bool served = false; !served;) {
        struct present present;
        struct ask ask;
        store_catch_up(desk->store);
        tree_look(desk->tree, path, scope, &present);
        enum asked asked = ask_decide(cgi, desk_rules(desk), &present, &ask);
        request->index = present.index;
        request->applied = ask.applied;
        served = true;
        if (asked == ASKED_PRESENT)
            answer_present(desk, request, &present);
        else if (asked == ASKED_UNCHANGED)
            answer_unchanged(desk, request);
        else
            served = hold(desk, request, path, scope, &ask);
        present_dispose(&present);
    }
}
