/*
 * desk: what to do with a request. Decides, publishes, holds, answers.
 *
 * Owns the rules; uses tree, store and room, which outlive it. Serve and hang up: any
 * thread.
 */
#ifndef FCGIWAIT_DESK_H
#define FCGIWAIT_DESK_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/cgi.h"
#include "fcgiwait/counters.h"
#include "fcgiwait/request.h"
#include "fcgiwait/room.h"
#include "fcgiwait/store.h"

/* What can change while running. */
struct desk_rules {
    nanos wait_default, wait_max;
    double wait_jitter; /* expiries come up to this share of the wait earlier */
    int64_t max_waiting;
    size_t limit_body, limit_path;
    const char *cache_control;
};

struct desk;

/* The room's answer function; its context is the desk. */
void desk_answer(void *context, struct waiter *waiter, enum verdict verdict,
                 const struct present *news);

/* NULL: out of memory. */
struct desk *desk_open(struct tree *tree, struct counters *counters,
                       const struct desk_rules *rules);
/* Before the first request. The desk's answer function may be running in the room
 * already. */
void desk_set(struct desk *desk, struct room *room, struct store *store);

/* New rules, for requests from now on. Copies. False: out of memory, the old ones stay.
 */
bool desk_set_rules(struct desk *desk, const struct desk_rules *rules);

/* How many bytes of this request's body are worth keeping; more than that need not be. */
size_t desk_wants_body(struct desk *desk, const struct cgi *cgi);

/* Answers the request now, or holds it and answers later. `cgi` and what it points to are
 * only read before the call returns. The request may be gone when it does. */
void desk_serve(struct desk *desk, struct request *request, const struct cgi *cgi);

/* The client of a request that desk_serve() has not answered yet went away. True: the
 * request is the caller's again. False: `deliver` is being called, or will be. */
bool desk_hangup(struct request *request) __attribute__((warn_unused_result));

/* After desk_hangup() gave the request back, with no locks held: logs where requests are
 * hung up again and again after the same time, short of their wait. */
void desk_gone(const struct request *request);

void desk_close(struct desk **desk);

#endif
