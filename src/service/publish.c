/* SPDX-License-Identifier: ISC */
/*
 * publish: PUT, PATCH, POST and DELETE become edits of the store. A method that is new
 * here says in publish_serve() what its edit is; what came of it is told in one place.
 */
#include <stdarg.h>
#include <stdio.h>

#include "allow.h"
#include "deliver.h"
#include "fcgiwait/json.h"
#include "fcgiwait/media.h"
#include "fcgiwait/traceparent.h"
#include "pending.h"

static const struct {
    int status;
    const char *detail;
} refusals[] = {
    [EDIT_MISSING] = {404, "There is no such resource; PUT makes one."},
    [EDIT_NOT_JSON] = {409, "The document is not JSON, so nothing can be merged into it; "
                            "PUT replaces it."},
    [EDIT_ELSEWHERE] = {405, "This store keeps no documents: they are an application's, "
                             "and its database tells of their changes. POST without a "
                             "body and without conditions touches a resource."},
    [EDIT_CONFLICT] = {412, "A condition does not hold."}, /* edit->why says which */
    [EDIT_TOO_LARGE] = {413, "The document would be larger than limits.body allows."},
    [EDIT_FULL] = {507, "limits.resources is reached: no further resource can be made "
                        "here. Those that are there can be changed."},
    [EDIT_NO_ROOM] = {507, "The disk of the store is full, so nothing was changed; try "
                           "again once there is room."},
    [EDIT_UNSURE] = {503, "The store was lost while it had the change: it may have "
                          "happened, or not. Read the resource before you try again."},
    [EDIT_FAILED] = {503, "The change could not be stored; try again."},
};

/* The header line that belongs to it, or NULL. */
static const char *extra_of(const struct pending *pending)
{
    enum edit_result result = pending->edits[0].result;
    if (refusals[result].status == 503)
        return "Retry-After: 5\r\n";
    return result == EDIT_ELSEWHERE ? pending->allow : NULL;
}

static void refuse(struct service *service, const struct pending *pending)
{
    const struct edit *edit = &pending->edits[0];
    enum edit_result result = edit->result;
    /* `why` stays where the store is lost after that was decided. */
    const char *detail = result == EDIT_CONFLICT && edit->why != NULL
                             ? edit->why
                             : refusals[result].detail;
    if (result == EDIT_FAILED || result == EDIT_UNSURE || result == EDIT_NO_ROOM)
        counter_add(&service->counters->publish_errors, 1);
    deliver_problem(service, pending->request, refusals[result].status, detail,
                    extra_of(pending));
}

/* pending_done_fn */
static void publish_done(struct pending *pending)
{
    struct service *service = pending->service;
    const struct edit *edit = &pending->edits[0];
    struct reply reply;
    switch (edit->result) {
    case EDIT_CREATED:
    case EDIT_CHANGED:
        counter_add(&service->counters->publishes, 1);
        /* fall through */
    case EDIT_SAME:
        reply_published(&reply, edit->result == EDIT_CREATED ? 201 : 204, edit->index);
        deliver_reply(service, pending->request, &reply);
        histogram_add(&service->counters->publish, clock_now().at - pending->began.at);
        break;
    case EDIT_KEPT:
        reply_kept(&reply, 202);
        deliver_reply(service, pending->request, &reply);
        break;
    default:
        refuse(service, pending);
        break;
    }
    pending_free(&pending);
}

/* --- what may be published --- */

struct objection {
    int status;
    const char *extra; /* a header line that says what would be right, or NULL */
    char why[160];
};

/* Always false, so that it can stand for the check that failed. */
__attribute__((format(printf, 4, 5))) static bool object(struct objection *objection,
                                                         int status, const char *extra,
                                                         const char *format, ...)
{
    va_list arguments;
    objection->status = status;
    objection->extra = extra;
    va_start(arguments, format);
    vsnprintf(objection->why, sizeof objection->why, format, arguments);
    va_end(arguments);
    return false;
}

static bool check_json(struct text body, struct objection *objection)
{
    struct json_error error;
    return json_check(body, &error) ||
           object(objection, 400, NULL,
                  "The body is declared as JSON and is not: at offset %zu, %s.",
                  error.offset, error.what);
}

/* A document is kept and sent as it came: nobody would say later that it is compressed.
 */
static bool check_encoding(const struct operation *operation, struct objection *objection)
{
    struct text coding = operation->content_encoding;
    return coding.len == 0 || text_is_like(coding, TEXT("identity")) ||
           object(objection, 415, "Accept-Encoding: identity\r\n",
                  "A document can't have a Content-Encoding here; send it as it is.");
}

static bool check_body(const struct operation *operation, struct objection *objection)
{
    size_t most = operation->rules->limit_body;
    if (operation_is_too_large(operation))
        return object(objection, 413, NULL,
                      "The document is too large: limits.body is %zu bytes.", most);
    return !operation->length_is_wrong ||
           object(objection, 400, NULL,
                  "The body is not as long as Content-Length says.");
}

static bool check_put(const struct operation *operation, struct objection *objection)
{
    if (operation->has_content_range) /* RFC 9110 section 14.5 */
        return object(
            objection, 400, NULL,
            "PUT stores a whole document here, never a part of one; send all of "
            "it, without Content-Range.");
    if (!check_encoding(operation, objection) || !check_body(operation, objection))
        return false;
    if (operation->content_type.len > 0 &&
        !document_type_is_sound(operation->content_type))
        return object(objection, 400, NULL,
                      "Content-Type must be shorter than %d bytes, without control "
                      "characters.",
                      REPLY_TYPE_MAX);
    return !media_is_json(operation->content_type) ||
           check_json(operation->body, objection);
}

static bool check_patch(const struct operation *operation, struct objection *objection)
{
    if (!media_is(operation->content_type, TEXT(SERVICE_PATCH_TYPE)))
        return object(objection, 415, SERVICE_ACCEPT_PATCH,
                      "A patch has to be a JSON merge patch: Content-Type "
                      "" SERVICE_PATCH_TYPE ".");
    return check_encoding(operation, objection) && check_body(operation, objection) &&
           check_json(operation->body, objection);
}

static bool check_post(const struct operation *operation, struct objection *objection)
{
    return operation->body_length == 0 ||
           object(objection, 400, NULL,
                  "POST touches a resource and takes no body; PUT stores a document.");
}

static bool check(const struct operation *operation, struct objection *objection)
{
    switch (operation->method) {
    case METHOD_PUT:
        return check_put(operation, objection);
    case METHOD_PATCH:
        return check_patch(operation, objection);
    case METHOD_POST:
        return check_post(operation, objection);
    default:
        return true;
    }
}

/* --- the edit --- */

/* After check_put(). */
static struct document *document_of(const struct operation *operation)
{
    struct text type = operation->content_type;
    struct document *document = document_new(
        type.len > 0 ? type : TEXT("application/octet-stream"), operation->body);
    if (document != NULL && media_is_json(type))
        document_set_json(document);
    return document;
}

/* NULL: out of memory. */
static struct pending *pending_of(struct service *service, struct request *request,
                                  const struct operation *operation)
{
    bool patches = operation->method == METHOD_PATCH;
    struct text patch = patches ? operation->body : TEXT("");
    const struct conditions *conditions = &operation->conditions;
    struct text trace = traceparent_id(operation->traceparent);
    struct pending *pending =
        pending_new(service, request, 1,
                    operation->path.len + patch.len + conditions->if_match.len +
                        conditions->if_none_match.len +
                        conditions->if_unmodified_since.len + trace.len,
                    publish_done);
    if (pending == NULL)
        return NULL;
    struct edit *edit = &pending->edits[0];
    pending->allow = allow_line(service, operation);
    edit->path = pending_keep(pending, operation->path);
    edit->patch = pending_keep(pending, patch);
    edit->conditions.if_match = pending_keep(pending, conditions->if_match);
    edit->conditions.if_none_match = pending_keep(pending, conditions->if_none_match);
    edit->conditions.if_unmodified_since =
        pending_keep(pending, conditions->if_unmodified_since);
    edit->trace = pending_keep(pending, trace);
    edit->most = operation->rules->limit_body;
    if (operation->method == METHOD_PUT) {
        edit->kind = EDIT_PUT;
        edit->document = document_of(operation);
        if (edit->document == NULL)
            pending_free(&pending);
    } else {
        edit->kind = patches                              ? EDIT_PATCH
                     : operation->method == METHOD_DELETE ? EDIT_DELETE
                                                          : EDIT_TOUCH;
    }
    return pending;
}

void publish_serve(struct service *service, struct request *request,
                   const struct operation *operation)
{
    struct objection objection;
    if (!check(operation, &objection)) {
        deliver_problem(service, request, objection.status, objection.why,
                        objection.extra);
        return;
    }
    struct pending *pending = pending_of(service, request, operation);
    if (pending == NULL)
        deliver_no_memory(service, request);
    else
        pending_commit(pending);
}
