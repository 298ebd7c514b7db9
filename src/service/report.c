/* SPDX-License-Identifier: ISC */
/*
 * report: a write that an existing API has answered, told by the web server
 * (FCGIWAIT_ORIGIN_STATUS). What was written is the API's; here it is a touch. Nobody may
 * sleep through one that the store did not take: the next one wakes everybody.
 */
#include "deliver.h"
#include "fcgiwait/log.h"
#include "fcgiwait/path.h"
#include "pending.h"

/* pending_done_fn */
static void report_done(struct pending *pending)
{
    struct service *service = pending->service;
    const struct edit *edit = &pending->edits[0];
    if (edit->result == EDIT_CHANGED) {
        struct reply reply;
        counter_add(&service->counters->publishes, 1);
        reply_reported(&reply, edit->index);
        deliver_reply(service, pending->request, &reply);
    } else {
        atomic_store(&service->missed, true);
        counter_add(&service->counters->publish_errors, 1);
        log_error("a reported write to %.*s could not be stored; the next one will count "
                  "as a change of everything behind origins",
                  (int)edit->path.len, edit->path.at);
        deliver_problem(service, pending->request, 503, "The report could not be stored.",
                        "Retry-After: 5\r\n");
    }
    pending_free(&pending);
}

static void touch(struct service *service, struct request *request, struct text path)
{
    struct pending *pending = pending_new(service, request, 1, path.len, report_done);
    if (pending == NULL) {
        atomic_store(&service->missed, true);
        deliver_no_memory(service, request);
        return;
    }
    struct edit *edit = &pending->edits[0];
    edit->kind = EDIT_TOUCH;
    edit->path = pending_keep(pending, path);
    if (atomic_exchange(&service->missed, false)) {
        edit->kind = EDIT_EVERYTHING;
        edit->path = TEXT("/");
    }
    pending_commit(pending);
}

/* Nobody can wait for a path that is refused, but for what it lies below. */
static struct text nearest_path(struct text path, size_t most)
{
    while (path.len > 1 && path.at[0] == '/' && path_check(path, most) != NULL)
        path = path_parent(path);
    return path;
}

static void deliver_untouched(struct service *service, struct request *request,
                              struct text path)
{
    struct present present;
    struct reply reply;
    store_catch_up(service->store);
    tree_look(service->tree, path, SCOPE_BELOW, &present);
    reply_reported(&reply, present.index);
    present_dispose(&present);
    deliver_reply(service, request, &reply);
}

void report_serve(struct service *service, struct request *request,
                  const struct operation *operation)
{
    uint64_t status;
    size_t most = operation->rules->limit_path;
    struct text path = nearest_path(operation->path, most), said = operation->reported;
    const char *wrong = path_check(path, most);
    if (wrong != NULL) {
        log_warn("a reported write touches nothing: its path is %.*s. %s", (int)path.len,
                 path.at, wrong);
        deliver_problem(service, request, 400, wrong, NULL);
    } else if (said.len != 3 || !text_number(said, 999, &status) || status < 100) {
        log_warn("a reported write to %.*s touches nothing: FCGIWAIT_ORIGIN_STATUS is "
                 "\"%.*s\", not three digits such as those of nginx's $status",
                 (int)path.len, path.at, (int)said.len, said.at);
        deliver_problem(service, request, 400,
                        "FCGIWAIT_ORIGIN_STATUS must be a status of three digits, such "
                        "as 200; nothing was touched.",
                        NULL);
    } else if (status / 100 == 2) {
        touch(service, request, path);
    } else {
        deliver_untouched(service, request, path);
    }
}
