/* SPDX-License-Identifier: ISC */
/*
 * report: a write that an existing API has answered, told by the web server
 * (FCGIWAIT_ORIGIN_STATUS). What was written is the API's; here it is a touch of the
 * path, and of all that the API's answer and the configuration name beside it. Nobody may
 * sleep through one that the store did not take: the next one wakes everybody.
 */
#include "deliver.h"
#include "fcgiwait/log.h"
#include "fcgiwait/path.h"
#include "fcgiwait/traceparent.h"
#include "naming.h"
#include "pending.h"

/* More names than this are a change of everything: nobody has to count them one by one.
 */
#define NAMES_MOST 256

/* pending_done_fn */
static void report_done(struct pending *pending)
{
    struct service *service = pending->service;
    const struct edit *failed = NULL;
    uint64_t newest = 0;
    for (size_t i = 0; i < pending->count; i++) {
        const struct edit *edit = &pending->edits[i];
        if (edit->result != EDIT_CHANGED && edit->result != EDIT_KEPT)
            failed = edit;
        else if (edit->result == EDIT_CHANGED && edit->index > newest)
            newest = edit->index;
    }
    if (failed != NULL) {
        atomic_store(&service->missed, true);
        counter_add(&service->counters->publish_errors, 1);
        log_error("a reported write to %.*s could not be stored; the next one will count "
                  "as a change of everything behind origins",
                  (int)failed->path.len, failed->path.at);
        deliver_problem(service, pending->request, 503, "The report could not be stored.",
                        "Retry-After: 5\r\n");
    } else {
        struct reply reply;
        counter_add(&service->counters->publishes, 1);
        if (newest > 0)
            reply_reported(&reply, newest);
        else
            reply_kept(&reply, 204);
        deliver_reply(service, pending->request, &reply);
    }
    pending_free(&pending);
}

/* Nobody can wait for a path that is refused, but for what it lies below. */
static struct text nearest_path(struct text path, size_t most)
{
    while (path.len > 1 && path.at[0] == '/' && path_check(path, most) != NULL)
        path = path_parent(path);
    return path;
}

/* `path` lasts as long as the pending. */
static void add(struct pending *pending, enum edit_kind kind, struct text path)
{
    for (size_t i = 0; i < pending->count; i++) {
        const struct edit *edit = &pending->edits[i];
        if (edit->kind == kind && text_is(edit->path, path))
            return;
    }
    pending->edits[pending->count++] = (struct edit){.kind = kind, .path = path};
}

/* --- what the answer names --- */

static void add_location(struct pending *pending, const struct operation *operation,
                         const struct naming *naming, struct text location)
{
    struct text path;
    if (location.len == 0 || !naming_resolve(naming, location, pending->bytes, &path))
        return; /* another host's, say */
    pending->bytes += naming_most(naming, location);
    add(pending, EDIT_TOUCH, nearest_path(path, operation->rules->limit_path));
}

/* --- FCGIWAIT_ALSO --- */

static bool next_name(struct text *rest, struct text *name)
{
    while (text_cut(rest, ' ', name)) {
        *name = text_trim(*name);
        if (name->len > 0)
            return true;
    }
    return false;
}

static size_t count_names(struct text rest)
{
    size_t count = 0;
    struct text name;
    while (count <= NAMES_MOST && next_name(&rest, &name))
        count++;
    return count;
}

/* `may_be_all`: of what there is, whoever it belongs to. */
static void add_name(struct pending *pending, const struct operation *operation,
                     const struct naming *naming, struct text name, bool may_be_all)
{
    bool below = name.len >= 2 && memcmp(name.at + name.len - 2, "/*", 2) == 0;
    struct text reference = {name.at, name.len - below}, path;
    if (name.at[0] != '/' || !naming_resolve(naming, reference, pending->bytes, &path)) {
        log_warn("FCGIWAIT_ALSO of a reported write to %.*s names \"%.*s\", which is no "
                 "path such as /a or /a/*",
                 (int)operation->path.len, operation->path.at, (int)name.len, name.at);
        return;
    }
    pending->bytes += naming_most(naming, reference);
    path = nearest_path(path, operation->rules->limit_path);
    if (!below)
        add(pending, EDIT_TOUCH, path);
    else if (may_be_all || path.len > 1)
        add(pending, EDIT_EVERYTHING, path_without_slash(path));
}

/* As resources are called here, and where URLs are called otherwise, as URLs: it may come
 * from the configuration or from the API. All below a tenant's root is what is in front
 * of its URLs, and not the other tenants'. */
static void add_names(struct pending *pending, const struct operation *operation,
                      const struct naming *naming)
{
    const struct naming plain = {.base = operation->path};
    struct text rest = operation->also, name;
    while (next_name(&rest, &name)) {
        add_name(pending, operation, naming, name, true);
        if (naming->front.len + naming->off.len > 0)
            add_name(pending, operation, &plain, name, naming->front.len == 0);
    }
}

/* --- the report --- */

/* What lies there is named again by the touches behind: of what is older than a change of
 * everything nobody knows whether it still is (feed_known_from()). */
static void everything_first(struct pending *pending)
{
    size_t first = 0;
    for (size_t i = 0; i < pending->count; i++) {
        const struct edit edit = pending->edits[i];
        if (edit.kind != EDIT_EVERYTHING)
            continue;
        memmove(&pending->edits[first + 1], &pending->edits[first],
                (i - first) * sizeof edit);
        pending->edits[first++] = edit;
    }
}

static size_t bytes_for(const struct operation *operation, size_t names)
{
    size_t each = operation->path.len + operation->request_uri.len + 1;
    return each + 2 * each + operation->location.len + operation->content_location.len +
           2 * (names * each + operation->also.len) + operation->traceparent.len;
}

/* NULL: out of memory. */
static struct pending *pending_of(struct service *service, struct request *request,
                                  const struct operation *operation)
{
    struct naming naming;
    size_t names = count_names(operation->also);
    bool too_many = names > NAMES_MOST;
    if (too_many)
        names = 0;
    struct pending *pending = pending_new(service, request, 4 + 2 * names,
                                          bytes_for(operation, names), report_done);
    if (pending == NULL)
        return NULL;
    pending->count = 0;
    naming_of(&naming, operation->path, operation->request_uri, operation->host,
              pending->bytes);
    pending->bytes += operation->request_uri.len + 1;
    if (too_many || atomic_exchange(&service->missed, false))
        add(pending, EDIT_EVERYTHING, TEXT("/"));
    struct text path = nearest_path(operation->path, operation->rules->limit_path);
    add(pending, EDIT_TOUCH, pending_keep(pending, path));
    add_location(pending, operation, &naming, operation->location);
    add_location(pending, operation, &naming, operation->content_location);
    if (!too_many)
        add_names(pending, operation, &naming);
    everything_first(pending);
    struct text trace = traceparent_id(operation->traceparent);
    trace = pending_keep(pending, trace);
    for (size_t i = 0; i < pending->count; i++)
        pending->edits[i].trace = trace;
    return pending;
}

/* Before the pending is on its way, and may be gone. */
static void repeat(const struct pending *pending, const struct operation *operation)
{
    nanos times[AGAIN_TIMES];
    size_t count;
    if (!again_parse(operation->again, times, &count))
        log_warn("FCGIWAIT_AGAIN of a reported write to %.*s is \"%.*s\", not up to %d "
                 "times of at most 10m such as 400ms,2s",
                 (int)operation->path.len, operation->path.at, (int)operation->again.len,
                 operation->again.at, AGAIN_TIMES);
    for (size_t i = 0; i < count; i++)
        again_add(&pending->service->again, pending_copy(pending, again_done),
                  instant_after(clock_now(), times[i]));
}

static void touch(struct service *service, struct request *request,
                  const struct operation *operation)
{
    struct pending *pending = pending_of(service, request, operation);
    if (pending == NULL) {
        atomic_store(&service->missed, true);
        deliver_no_memory(service, request);
        return;
    }
    repeat(pending, operation);
    pending_commit(pending);
}

static void deliver_untouched(struct service *service, struct request *request,
                              struct text path)
{
    struct present present;
    struct reply reply;
    store_reached(service->store, 0);
    tree_look(service->tree, path, SCOPE_BELOW, &present);
    reply_reported(&reply, present.index);
    present_dispose(&present);
    deliver_reply(service, request, &reply);
}

/* What a cache would take as a sign that it holds something old (RFC 9111 section 4.4). A
 * redirect that says to ask the same again elsewhere has done nothing. */
static bool has_written(uint64_t status)
{
    return status / 100 == 2 || (status / 100 == 3 && status != 307 && status != 308);
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
    } else if (has_written(status)) {
        touch(service, request, operation);
    } else {
        deliver_untouched(service, request, path);
    }
}
