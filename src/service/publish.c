/* SPDX-License-Identifier: ISC */
/*
 * publish: PUT, PATCH, POST and DELETE become edits of the store. A method that is new
 * here says in publish_serve() what its edit is; what came of it is told in one place.
 */
#include <stdio.h>

#include "deliver.h"
#include "fcgiwait/json.h"
#include "fcgiwait/media.h"
#include "pending.h"

static const struct {
    int status;
    const char *detail;
} refusals[] = {
    [EDIT_MISSING] = {404, "There is no such resource; PUT makes one."},
    [EDIT_NOT_JSON] = {409, "The document is not JSON, so nothing can be merged into it; "
                            "PUT replaces it."},
    [EDIT_CONFLICT] = {412, "If-Match or If-None-Match does not hold for the resource as "
                            "it is now."},
    [EDIT_TOO_LARGE] = {413, "The document would be larger than limits.body allows."},
    [EDIT_FULL] = {507, "limits.resources is reached: no further resource can be made "
                        "here. Those that are there can be changed."},
    [EDIT_NO_ROOM] = {507, "The disk of the store is full, so nothing was changed; try "
                           "again once there is room."},
    [EDIT_FAILED] = {503, "The change could not be stored; try again."},
};

static void refuse(struct service *service, struct request *request,
                   enum edit_result result)
{
    if (result == EDIT_FAILED || result == EDIT_NO_ROOM)
        counter_add(&service->counters->publish_errors, 1);
    deliver_problem(service, request, refusals[result].status, refusals[result].detail,
                    result == EDIT_FAILED ? "Retry-After: 5\r\n" : NULL);
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
    default:
        refuse(service, pending->request, edit->result);
        break;
    }
    pending_free(&pending);
}

/* --- what may be published --- */

#define WHY 160 /* room for why not */

static bool is_json(struct text body, char why[WHY])
{
    struct json_error error;
    if (json_check(body, &error))
        return true;
    snprintf(why, WHY, "The body is declared as JSON and is not: at offset %zu, %s.",
             error.offset, error.what);
    return false;
}

/* 0, or the status to refuse with and why. */
static int check_body(const struct operation *operation, char why[WHY])
{
    size_t most = operation->rules->limit_body;
    /* One that was not kept is too large by the rules as they were then. */
    if (operation->body_length > most || operation->body.len < operation->body_length) {
        snprintf(why, WHY, "The document is too large: limits.body is %zu bytes.", most);
        return 413;
    }
    if (operation->length_is_wrong) {
        snprintf(why, WHY, "The body is not as long as Content-Length says.");
        return 400;
    }
    return 0;
}

static int check_put(const struct operation *operation, char why[WHY])
{
    int status = check_body(operation, why);
    if (status != 0)
        return status;
    if (operation->content_type.len > 0 &&
        !document_type_is_sound(operation->content_type)) {
        snprintf(why, WHY,
                 "Content-Type must be shorter than %d bytes, without control "
                 "characters.",
                 REPLY_TYPE_MAX);
        return 400;
    }
    return media_is_json(operation->content_type) && !is_json(operation->body, why) ? 400
                                                                                    : 0;
}

static int check_patch(const struct operation *operation, char why[WHY])
{
    if (!media_is(operation->content_type, TEXT(SERVICE_PATCH_TYPE))) {
        snprintf(why, WHY,
                 "A patch has to be a JSON merge patch: Content-Type " SERVICE_PATCH_TYPE
                 ".");
        return 415;
    }
    int status = check_body(operation, why);
    if (status != 0)
        return status;
    return is_json(operation->body, why) ? 0 : 400;
}

static int check_post(const struct operation *operation, char why[WHY])
{
    if (operation->body_length == 0)
        return 0;
    snprintf(why, WHY,
             "POST touches a resource and takes no body; PUT stores a document.");
    return 400;
}

static int check(const struct operation *operation, char why[WHY])
{
    switch (operation->method) {
    case METHOD_PUT:
        return check_put(operation, why);
    case METHOD_PATCH:
        return check_patch(operation, why);
    case METHOD_POST:
        return check_post(operation, why);
    default:
        return 0;
    }
}

/* --- the edit --- */

static struct document *document_of(const struct operation *operation)
{
    struct text type = operation->content_type;
    return document_new(type.len > 0 ? type : TEXT("application/octet-stream"),
                        operation->body);
}

/* NULL: out of memory. */
static struct pending *pending_of(struct service *service, struct request *request,
                                  const struct operation *operation)
{
    bool patches = operation->method == METHOD_PATCH;
    struct text patch = patches ? operation->body : TEXT("");
    struct pending *pending =
        pending_new(service, request, 1,
                    operation->path.len + patch.len + operation->if_match.len +
                        operation->if_none_match.len,
                    publish_done);
    if (pending == NULL)
        return NULL;
    struct edit *edit = &pending->edits[0];
    edit->path = pending_keep(pending, operation->path);
    edit->patch = pending_keep(pending, patch);
    edit->if_match = pending_keep(pending, operation->if_match);
    edit->if_none_match = pending_keep(pending, operation->if_none_match);
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
    char why[WHY];
    int status = check(operation, why);
    if (status != 0) {
        deliver_problem(service, request, status, why,
                        status == 415 ? SERVICE_ACCEPT_PATCH : NULL);
        return;
    }
    struct pending *pending = pending_of(service, request, operation);
    if (pending == NULL)
        deliver_no_memory(service, request);
    else
        pending_commit(pending);
}
