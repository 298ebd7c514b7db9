/* SPDX-License-Identifier: ISC */
/*
 * report: a write that an existing API has answered, told by the web server
 * (FCGIWAIT_ORIGIN_STATUS). What was written is the API's; here it is a touch. Nobody may
 * sleep through one that the store did not take: the next one wakes everybody.
 */
#include <stdlib.h>

#include "answer.h"
#include "fcgiwait/log.h"
#include "fcgiwait/path.h"

struct report {
    struct edit edit; /* first: the store gives edits back */
    struct service *service;
    struct request *request;
    char path[];
};

static void report_done(struct edit *edit)
{
    struct report *report = (struct report *)edit;
    struct service *service = report->service;
    if (edit->result == EDIT_CHANGED) {
        struct reply reply;
        counter_add(&service->counters->publishes, 1);
        reply_published(&reply, 204, edit->index);
        answer_deliver(service, report->request, &reply);
    } else {
        atomic_store(&service->missed, true);
        counter_add(&service->counters->publish_errors, 1);
        log_error("a reported write to %.*s could not be stored; the next one will count "
                  "as a change of everything behind origins",
                  (int)edit->path.len, edit->path.at);
        answer_refuse(service, report->request, 503, "The report could not be stored.",
                      "Retry-After: 5\r\n");
    }
    free(report);
}

static void touch(struct service *service, struct request *request, struct text path)
{
    struct report *report = calloc(1, sizeof *report + path.len);
    if (report == NULL) {
        answer_refuse(service, request, 503, "Out of memory; try again.",
                      "Retry-After: 5\r\n");
        return;
    }
    memcpy(report->path, path.at, path.len);
    report->edit = (struct edit){
        .kind = EDIT_TOUCH, .path = {report->path, path.len}, .done = report_done};
    if (atomic_exchange(&service->missed, false)) {
        report->edit.kind = EDIT_EVERYTHING;
        report->edit.path = TEXT("/");
    }
    report->service = service;
    report->request = request;
    store_commit(service->store, &report->edit);
}

/* Nobody can wait for a path that is refused, but for what it lies below. */
static struct text nearest_path(struct text path, size_t most)
{
    while (path.len > 1 && path.at[0] == '/' && path_check(path, most) != NULL)
        path = path_parent(path);
    return path;
}

static void answer_untouched(struct service *service, struct request *request,
                             struct text path)
{
    struct present present;
    struct reply reply;
    store_catch_up(service->store);
    tree_look(service->tree, path, SCOPE_BELOW, &present);
    reply_published(&reply, 204, present.index);
    present_dispose(&present);
    answer_deliver(service, request, &reply);
}

void report_serve(struct service *service, struct request *request, const struct cgi *cgi,
                  struct text path, size_t most)
{
    uint64_t status;
    path = nearest_path(path, most);
    const char *wrong = path_check(path, most);
    if (wrong != NULL) {
        log_warn("a reported write touches nothing: its path is %.*s. %s", (int)path.len,
                 path.at, wrong);
        answer_refuse(service, request, 400, wrong, NULL);
    } else if (cgi->origin_status.len != 3 ||
               !text_number(cgi->origin_status, 999, &status) || status < 100) {
        log_warn("a reported write to %.*s touches nothing: FCGIWAIT_ORIGIN_STATUS is "
                 "\"%.*s\", not three digits such as those of nginx's $status",
                 (int)path.len, path.at, (int)cgi->origin_status.len,
                 cgi->origin_status.at);
        answer_refuse(service, request, 400,
                      "FCGIWAIT_ORIGIN_STATUS must be a status of three digits, such as "
                      "200; nothing was touched.",
                      NULL);
    } else if (status / 100 == 2) {
        touch(service, request, path);
    } else {
        answer_untouched(service, request, path);
    }
}
