/* SPDX-License-Identifier: ISC */
/*
 * service: the rules, what became of the held, and which part serves a request. A request
 * is read once (operation.h); from there on no part looks at its parameters.
 */
#include "fcgiwait/service.h"

#include <semaphore.h>
#include <stdlib.h>

#include "allow.h"
#include "deliver.h"
#include "fcgiwait/log.h"
#include "hold.h"
#include "live.h"
#include "pending.h"
#include "stream.h"
#include "trace.h"

/* Of the answers that are kept in case that others ask for the same. */
#define PAGES_BYTES ((size_t)16 << 20)

/* --- the rules --- */

static struct ruling *ruling_new(const struct service_rules *rules)
{
    size_t len = strlen(rules->cache_control) + 1;
    struct ruling *ruling = malloc(sizeof *ruling + len);
    if (ruling == NULL)
        return NULL;
    memcpy(ruling->cache_control, rules->cache_control, len);
    ruling->rules = *rules;
    ruling->rules.cache_control = ruling->cache_control;
    ruling->before = NULL;
    return ruling;
}

bool service_set_rules(struct service *service, const struct service_rules *rules)
{
    struct ruling *ruling = ruling_new(rules);
    if (ruling == NULL)
        return false;
    lock_take(&service->rules_lock);
    ruling->before = atomic_load_explicit(&service->ruling, memory_order_relaxed);
    atomic_store_explicit(&service->ruling, ruling, memory_order_release);
    lock_drop(&service->rules_lock);
    counter_set(&service->counters->max_waiting, rules->max_waiting);
    return true;
}

struct service *service_open(const struct service_ground *ground,
                             const struct service_rules *rules)
{
    struct service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return NULL;
    if (again_open(&service->again, service) != 0) {
        free(service);
        return NULL;
    }
    if (builder_open(&service->builder, service, deliver_built) != 0) {
        again_dispose(&service->again);
        free(service);
        return NULL;
    }
    places_open(&service->places);
    built_open(&service->pages, LOCK_PAGES, PAGES_BYTES);
    built_open(&service->events, LOCK_EVENTS, BUILT_UNBOUNDED);
    live_open(&service->live);
    service->tree = ground->tree;
    service->room = ground->room;
    service->store = ground->store;
    service->counters = ground->counters;
    service->started = clock_now();
    lock_init(&service->rules_lock, LOCK_RULES);
    lock_init(&service->cutoff_lock, LOCK_CUTOFF);
    if (!service_set_rules(service, rules))
        service_close(&service);
    return service;
}

/* pending_done_fn */
static void everything_done(struct pending *pending)
{
    sem_post(pending->context);
}

bool service_change_everything(struct service *service)
{
    sem_t done;
    struct pending *pending = pending_everything(service, everything_done);
    if (pending == NULL)
        return false;
    sem_init(&done, 0, 0);
    pending->context = &done;
    pending_commit(pending);
    while (sem_wait(&done) != 0)
        ; /* a signal */
    sem_destroy(&done);
    bool changed = pending->edits[0].result == EDIT_CHANGED;
    pending_free(&pending);
    return changed;
}

void service_stop(struct service *service)
{
    again_close(&service->again);
    builder_close(&service->builder);
}

void service_close(struct service **pointer)
{
    struct service *service = *pointer;
    *pointer = NULL;
    if (service == NULL)
        return;
    builder_close(&service->builder); /* in case that nobody has stopped it */
    struct ruling *ruling = atomic_load(&service->ruling);
    while (ruling != NULL) {
        struct ruling *before = ruling->before;
        free(ruling);
        ruling = before;
    }
    lock_destroy(&service->rules_lock);
    lock_destroy(&service->cutoff_lock);
    again_dispose(&service->again);
    builder_dispose(&service->builder);
    places_dispose(&service->places);
    built_dispose(&service->pages);
    built_dispose(&service->events);
    live_close(&service->live);
    free(service);
}

/* --- what became of the held --- */

bool service_hangup(struct request *request)
{
    if (request->waiter.worker == 0 ||
        !room_leave(request->service->room, &request->waiter))
        return false;
    if (live_is_viewer(request)) {
        live_leave(request);
        return true;
    }
    counter_add(&request->service->counters->held_gone, 1);
    if (request->user != NULL) {
        stream_leave(request);
        return true;
    }
    hold_leave(request->service, request);
    deliver_forget(request);
    return true;
}

/* --- every request --- */

size_t service_wants_body(struct service *service, const struct cgi *cgi)
{
    return operation_body(cgi, service_rules(service));
}

static void allow(struct service *service, struct request *request,
                  const struct operation *operation)
{
    struct reply reply;
    reply_allow(&reply, allow_line(service, operation),
                allow_documents(service, operation) ? SERVICE_ACCEPT_PATCH : NULL);
    deliver_reply(service, request, &reply);
}

static void refuse_method(struct service *service, struct request *request,
                          const struct operation *operation)
{
    deliver_problem(service, request, 405,
                    "This method is not granted here; Allow names those that are.",
                    allow_line(service, operation));
}

static void method_serve(struct service *service, struct request *request,
                         const struct operation *operation)
{
    switch (operation->method) {
    case METHOD_GET:
    case METHOD_HEAD:
        read_serve(service, request, operation);
        return;
    case METHOD_OPTIONS:
        allow(service, request, operation);
        return;
    case METHOD_PUT:
    case METHOD_PATCH:
    case METHOD_POST:
    case METHOD_DELETE:
        if (operation->publishes) {
            publish_serve(service, request, operation);
            return;
        }
        break;
    case METHOD_QUERY:
        if (operation->below) {
            read_serve(service, request, operation);
            return;
        }
        break;
    case METHOD_OTHER:
        break;
    }
    refuse_method(service, request, operation);
}

static void operation_serve(struct service *service, struct request *request,
                            const struct operation *operation)
{
    if (operation->endpoint != ENDPOINT_NONE) {
        endpoint_serve(service, request, operation);
    } else if (operation->misled != NULL) {
        log_warn("%s", operation->misled);
        deliver_problem(service, request, 500, operation->misled, NULL);
    } else if (operation->reported.at != NULL) {
        report_serve(service, request, operation);
    } else if (operation->wrong != NULL && !operation_passes(operation)) {
        deliver_problem(service, request, 400, operation->wrong, NULL);
    } else {
        method_serve(service, request, operation);
    }
}

void service_serve(struct service *service, struct request *request,
                   const struct cgi *cgi)
{
    struct operation operation;
    nanos wall = cgi->expires.len > 0 ? clock_wall() : 0; /* else nobody looks at it */
    request->number = (uint32_t)atomic_fetch_add_explicit(&service->counters->requests, 1,
                                                          memory_order_relaxed) +
                      1;
    request->since = (struct instant){0};
    request->service = service;
    request->waiter.worker = 0;
    request->waiter.state = WAITER_FREE;
    request->head_only = false;
    request->target = NULL;
    request->user = NULL;
    request->feed = NULL;
    request->place = NULL;
    if (cgi->too_long) {
        deliver_problem(service, request, 431, "The request's headers are too long.",
                        NULL);
        return;
    }
    bool has_read = operation_read(&operation, cgi, service_rules(service), wall);
    request->head_only = operation.method == METHOD_HEAD;
    if (!has_read) {
        deliver_no_memory(service, request);
    } else {
        trace_asked(request, &operation);
        operation_serve(service, request, &operation);
        operation_dispose(&operation);
    }
}
