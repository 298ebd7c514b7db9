/* SPDX-License-Identifier: ISC */
/*
 * service: what to do with a request. Decides, publishes, holds, answers.
 *
 * Owns the rules; uses tree, store and room, which outlive it. Serve and hang up: any
 * thread.
 *
 * The way of a request, and the threads that it goes through:
 *
 *   web server ─> front ─> service_serve ─> operation_read ─┬─> read ─> tree_look ──┐
 *   (epoll)       a thread of the front                     │     └> room_park      │
 *                                                           │          : held       │
 *                   another time, a thread of the room:     │          v            │
 *                   waiter->answer <─ changed, expired, hung up, stopping           │
 *                        │                                  └─> publish, report     │
 *                        │                                          │ (below)       │
 *   web server <─ front <┴─ exchange->reply <─ deliver_reply <──────┴───────────────┘
 *
 * The way of a change:
 *
 *   publish, report ─> store_commit ─> the store's thread: decides many in one go, makes
 *                                      them durable, gives each the next index
 *   another process ─> doorbell ─────> the store's follower
 *                                          │ sink, one change at a time, in index order
 *                                          v
 *                                      tree_apply: takes whole waitlists off
 *                                          │ bell, no lock held
 *                                          v
 *                                      the room's threads: waiter->answer for each waiter
 *   edit->done ─> deliver_reply            (durable and everybody told: 201, 204)
 */
#ifndef FCGIWAIT_SERVICE_H
#define FCGIWAIT_SERVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/cgi.h"
#include "fcgiwait/counters.h"
#include "fcgiwait/request.h"
#include "fcgiwait/room.h"
#include "fcgiwait/store.h"

/* What can change while running. */
struct service_rules {
    nanos wait_default, wait_max;
    double wait_jitter; /* expiries come up to this share of the wait earlier */
    int64_t max_waiting;
    int64_t waiting_per_client; /* requests held for one client; 0: no limit */
    nanos stream_max, stream_heartbeat;
    size_t limit_body, limit_path;
    size_t limit_changes; /* that one answer tells */
    size_t limit_answer;  /* its bytes */
    const char *cache_control;
};

struct service;

/* What it stands on. */
struct service_ground {
    struct tree *tree;
    struct room *room;
    struct store *store;
    struct counters *counters;
};

/* NULL: out of memory. */
struct service *service_open(const struct service_ground *ground,
                             const struct service_rules *rules);

/* What changed behind origins while nobody listened can't be known: a start counts as a
 * change of everything. Returns once the store has it; false: it takes no change. Main,
 * before the first request. */
bool service_change_everything(struct service *service);

/* New rules, for requests from now on. Copies. False: out of memory, the old ones stay.
 */
bool service_set_rules(struct service *service, const struct service_rules *rules);

/* How many bytes of this request's body are worth keeping; more than that need not be. */
size_t service_wants_body(struct service *service, const struct cgi *cgi);

/* Answers the request now, or holds it and answers later. `cgi` and what it points to are
 * only read before the call returns. The request may be gone when it does. */
void service_serve(struct service *service, struct request *request,
                   const struct cgi *cgi);

/* The client of a request that service_serve() has not answered yet went away. True: the
 * request is the caller's again. False: it is being answered, or
 * will be. */
bool service_hangup(struct request *request) __attribute__((warn_unused_result));

/* After service_hangup() gave the request back, with no locks held: logs where requests
 * are hung up again and again after the same time, short of their wait. */
void service_hung_up(const struct request *request);

/* Reports that were to count again some time count now, and long answers that are on the
 * way are given. Main, before the store closes; requests may still come. */
void service_stop(struct service *service);

void service_close(struct service **service);

#endif
