/* SPDX-License-Identifier: ISC */
#include "fcgiwait/service.h"

#include <stdlib.h>

#include "answer.h"
#include "fcgiwait/log.h"
#include "fcgiwait/path.h"
#include "origin.h"

#define READ_METHODS "GET, HEAD, OPTIONS"
#define PUBLISH_METHODS "GET, HEAD, OPTIONS, PUT, PATCH, POST, DELETE"

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

struct service *service_open(struct tree *tree, struct counters *counters,
                             const struct service_rules *rules)
{
    struct service *service = calloc(1, sizeof *service);
    if (service == NULL)
        return NULL;
    service->tree = tree;
    service->counters = counters;
    service->started = clock_now();
    lock_init(&service->rules_lock, LOCK_RULES);
    lock_init(&service->cutoff_lock, LOCK_CUTOFF);
    if (!service_set_rules(service, rules))
        service_close(&service);
    return service;
}

void service_set(struct service *service, struct room *room, struct store *store)
{
    service->room = room;
    service->store = store;
}

void service_close(struct service **pointer)
{
    struct service *service = *pointer;
    *pointer = NULL;
    if (service == NULL)
        return;
    struct ruling *ruling = atomic_load(&service->ruling);
    while (ruling != NULL) {
        struct ruling *before = ruling->before;
        free(ruling);
        ruling = before;
    }
    lock_destroy(&service->rules_lock);
    lock_destroy(&service->cutoff_lock);
    free(service);
}

/* --- what became of the held --- */

void service_answer(void *context, struct waiter *waiter, enum verdict verdict,
                    const struct present *news)
{
    struct service *service = context;
    struct request *request = (struct request *)waiter;
    counter_add(&service->counters->waiting, -1);
    switch (verdict) {
    case VERDICT_CHANGED:
        counter_add(&service->counters->held_changed, 1);
        answer_present(service, request, news);
        histogram_add(&service->counters->delivery, clock_wall() - news->changed);
        break;
    case VERDICT_EXPIRED:
        counter_add(&service->counters->held_expired, 1);
        answer_unchanged(service, request);
        break;
    case VERDICT_STOPPING:
        counter_add(&service->counters->held_stopped, 1);
        answer_unchanged(service, request);
        break;
    case VERDICT_HUNG_UP:
        counter_add(&service->counters->held_gone, 1);
        answer_forget(request);
        request->deliver(request, NULL);
        break;
    }
}

bool service_hangup(struct request *request)
{
    if (request->waiter.worker == NULL || !room_leave(&request->waiter))
        return false;
    counter_add(&request->service->counters->waiting, -1);
    counter_add(&request->service->counters->held_gone, 1);
    answer_forget(request);
    return true;
}

/* --- every request --- */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Two parts are put together in `joined`, which has `room` bytes: one more than a path
 * may have, so that a longer one is cut and refused for its length alone. */
static struct text resource_path(const struct cgi *cgi, char *joined, size_t room)
{
    if (cgi->resource.len > 0)
        return cgi->resource;
    if (cgi->path_info.len == 0)
        return cgi->script_name;
    if (cgi->script_name.len == 0)
        return cgi->path_info;
    size_t first = least(cgi->script_name.len, room);
    size_t second = least(cgi->path_info.len, room - first);
    memcpy(joined, cgi->script_name.at, first);
    memcpy(joined + first, cgi->path_info.at, second);
    return (struct text){joined, first + second};
}

static bool is_read(struct text method)
{
    return text_is(method, TEXT("GET")) || text_is(method, TEXT("HEAD"));
}

static bool is_write(struct text method)
{
    return text_is(method, TEXT("PUT")) || text_is(method, TEXT("PATCH")) ||
           text_is(method, TEXT("POST")) || text_is(method, TEXT("DELETE"));
}

static bool may_publish(const struct cgi *cgi)
{
    return text_is(cgi->access, TEXT("publish"));
}

size_t service_wants_body(struct service *service, const struct cgi *cgi)
{
    if (may_publish(cgi) && cgi->endpoint.len == 0 && cgi->origin_status.at == NULL &&
        (text_is(cgi->method, TEXT("PUT")) || text_is(cgi->method, TEXT("PATCH"))))
        return service_rules(service)->limit_body;
    return 0;
}

/* What is wrong with the web server's configuration; NULL: nothing. */
static const char *check_location(const struct cgi *cgi)
{
    if (cgi->access.len > 0 && !text_is(cgi->access, TEXT("read")) && !may_publish(cgi))
        return "FCGIWAIT_ACCESS in the web server's configuration must be read or "
               "publish.";
    if (cgi->origin_status.at != NULL && !may_publish(cgi))
        return "FCGIWAIT_ORIGIN_STATUS in the web server's configuration needs "
               "FCGIWAIT_ACCESS publish beside it.";
    return origin_check(cgi->origin);
}

/* `most` is how long a path may be: the rules may have changed since it was put together.
 */
static void resource_serve(struct service *service, struct request *request,
                           const struct cgi *cgi, struct text path, size_t most)
{
    bool publish = may_publish(cgi);
    const char *misled = check_location(cgi);
    const char *wrong = path_check(path, most);
    if (misled != NULL) {
        log_warn("%s", misled);
        answer_refuse(service, request, 500, misled, NULL);
    } else if (cgi->origin_status.at != NULL) {
        report_serve(service, request, cgi, path, most);
    } else if (wrong != NULL) {
        answer_refuse(service, request, 400, wrong, NULL);
    } else if (is_read(cgi->method)) {
        read_serve(service, request, cgi, path);
    } else if (text_is(cgi->method, TEXT("OPTIONS"))) {
        struct reply reply;
        reply_allow(&reply, publish ? PUBLISH_METHODS : READ_METHODS,
                    publish ? SERVICE_ACCEPT_PATCH : NULL);
        answer_deliver(service, request, &reply);
    } else if (publish && is_write(cgi->method)) {
        publish_serve(service, request, cgi, path);
    } else {
        answer_refuse(service, request, 405,
                      "This method is not granted here; Allow names those that are.",
                      publish ? "Allow: " PUBLISH_METHODS "\r\n"
                              : "Allow: " READ_METHODS "\r\n");
    }
}

void service_serve(struct service *service, struct request *request,
                   const struct cgi *cgi)
{
    counter_add(&service->counters->requests, 1);
    request->service = service;
    request->waiter.worker = NULL;
    request->waiter.state = WAITER_FREE;
    request->head_only = text_is(cgi->method, TEXT("HEAD"));
    request->target = NULL;
    if (cgi->too_long) {
        answer_refuse(service, request, 431, "The request's headers are too long.", NULL);
        return;
    }
    if (cgi->endpoint.len > 0) {
        endpoint_serve(service, request, cgi);
        return;
    }
    size_t most = service_rules(service)->limit_path;
    char joined[most + 1];
    resource_serve(service, request, cgi, resource_path(cgi, joined, most + 1), most);
}
