/* SPDX-License-Identifier: ISC */
/*
 * publish: PUT, PATCH, POST and DELETE become edits of the store.
 *
 * What an edit needs is copied into one allocation, since a store may answer later and on
 * another thread.
 */
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "fcgiwait/json.h"
#include "fcgiwait/media.h"

struct publishing {
    struct edit edit; /* first: the store gives edits back */
    struct service *service;
    struct request *request;
    char bytes[];
};

static void publish_done(struct edit *edit);

static struct text keep(char **at, struct text t)
{
    if (t.at == NULL)
        return t;
    struct text kept = {*at, t.len};
    memcpy(*at, t.at, t.len);
    *at += t.len;
    return kept;
}

static struct publishing *publishing_new(const struct cgi *cgi, struct text path,
                                         struct text patch)
{
    struct publishing *publishing =
        calloc(1, sizeof *publishing + path.len + patch.len + cgi->if_match.len +
                      cgi->if_none_match.len);
    if (publishing == NULL)
        return NULL;
    char *at = publishing->bytes;
    publishing->edit.path = keep(&at, path);
    publishing->edit.patch = keep(&at, patch);
    publishing->edit.if_match = keep(&at, cgi->if_match);
    publishing->edit.if_none_match = keep(&at, cgi->if_none_match);
    publishing->edit.done = publish_done;
    return publishing;
}

static void publishing_free(struct publishing *publishing)
{
    document_unref(&publishing->edit.document);
    free(publishing);
}

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
    answer_refuse(service, request, refusals[result].status, refusals[result].detail,
                  result == EDIT_FAILED ? "Retry-After: 5\r\n" : NULL);
}

static void answer(struct service *service, struct request *request,
                   const struct edit *edit)
{
    struct reply reply;
    switch (edit->result) {
    case EDIT_CREATED:
    case EDIT_CHANGED:
        counter_add(&service->counters->publishes, 1);
        counter_set(&service->counters->index, (int64_t)store_index(service->store));
        /* fall through */
    case EDIT_SAME:
        reply_published(&reply, edit->result == EDIT_CREATED ? 201 : 204, edit->index);
        answer_deliver(service, request, &reply);
        break;
    default:
        refuse(service, request, edit->result);
        break;
    }
}

static void publish_done(struct edit *edit)
{
    struct publishing *publishing = (struct publishing *)edit;
    answer(publishing->service, publishing->request, edit);
    publishing_free(publishing);
}

/* --- what may be published --- */

#define WHY 160 /* room for why not */

static bool type_is_sound(struct text type)
{
    for (size_t i = 0; i < type.len; i++)
        if ((unsigned char)type.at[i] < 0x20 || type.at[i] == 0x7f)
            return false;
    return type.len < REPLY_TYPE_MAX;
}

static bool length_is_wrong(const struct cgi *cgi)
{
    uint64_t declared;
    if (cgi->content_length.len == 0)
        return false;
    return !text_number(cgi->content_length, UINT64_MAX, &declared) ||
           declared != cgi->body_length;
}

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
static int check_body(const struct service_rules *rules, const struct cgi *cgi,
                      char why[WHY])
{
    /* One that was not kept is too large by the rules as they were then. */
    if (cgi->body_length > rules->limit_body || cgi->body.len < cgi->body_length) {
        snprintf(why, WHY, "The document is too large: limits.body is %zu bytes.",
                 rules->limit_body);
        return 413;
    }
    if (length_is_wrong(cgi)) {
        snprintf(why, WHY, "The body is not as long as Content-Length says.");
        return 400;
    }
    return 0;
}

static int check_put(const struct service_rules *rules, const struct cgi *cgi,
                     struct text type, char why[WHY])
{
    int status = check_body(rules, cgi, why);
    if (status != 0)
        return status;
    if (!type_is_sound(type)) {
        snprintf(why, WHY,
                 "Content-Type must be shorter than %d bytes, without control "
                 "characters.",
                 REPLY_TYPE_MAX);
        return 400;
    }
    return media_is_json(type) && !is_json(cgi->body, why) ? 400 : 0;
}

static int check_patch(const struct service_rules *rules, const struct cgi *cgi,
                       char why[WHY])
{
    if (!media_is(text_trim(cgi->content_type), TEXT(SERVICE_PATCH_TYPE))) {
        snprintf(why, WHY,
                 "A patch has to be a JSON merge patch: Content-Type " SERVICE_PATCH_TYPE
                 ".");
        return 415;
    }
    int status = check_body(rules, cgi, why);
    if (status != 0)
        return status;
    return is_json(cgi->body, why) ? 0 : 400;
}

/* --- the methods: each takes `publishing` over --- */

static void give_up(struct publishing *publishing, int status, const char *why,
                    const char *extra)
{
    answer_refuse(publishing->service, publishing->request, status, why, extra);
    publishing_free(publishing);
}

static void put_serve(struct publishing *publishing, const struct cgi *cgi)
{
    struct edit *edit = &publishing->edit;
    char why[WHY];
    struct text type = text_trim(cgi->content_type);
    if (type.len == 0)
        type = TEXT("application/octet-stream");
    int status = check_put(service_rules(publishing->service), cgi, type, why);
    if (status != 0) {
        give_up(publishing, status, why, NULL);
        return;
    }
    edit->kind = EDIT_PUT;
    edit->document = document_new(type, cgi->body);
    if (edit->document != NULL) {
        store_commit(publishing->service->store, edit);
    } else {
        edit->result = EDIT_FAILED;
        publish_done(edit);
    }
}

static void patch_serve(struct publishing *publishing, const struct cgi *cgi)
{
    const struct service_rules *rules = service_rules(publishing->service);
    char why[WHY];
    int status = check_patch(rules, cgi, why);
    if (status != 0) {
        give_up(publishing, status, why, status == 415 ? SERVICE_ACCEPT_PATCH : NULL);
        return;
    }
    publishing->edit.kind = EDIT_PATCH;
    publishing->edit.most = rules->limit_body;
    store_commit(publishing->service->store, &publishing->edit);
}

static void post_serve(struct publishing *publishing, const struct cgi *cgi)
{
    if (cgi->body_length > 0) {
        give_up(publishing, 400,
                "POST touches a resource and takes no body; PUT stores a document.",
                NULL);
        return;
    }
    publishing->edit.kind = EDIT_TOUCH;
    store_commit(publishing->service->store, &publishing->edit);
}

void publish_serve(struct service *service, struct request *request,
                   const struct cgi *cgi, struct text path)
{
    bool patches = text_is(cgi->method, TEXT("PATCH"));
    struct publishing *publishing =
        publishing_new(cgi, path, patches ? cgi->body : TEXT(""));
    if (publishing == NULL) {
        answer_refuse(service, request, 503, "Out of memory; try again.",
                      "Retry-After: 5\r\n");
        return;
    }
    publishing->service = service;
    publishing->request = request;
    if (text_is(cgi->method, TEXT("PUT"))) {
        put_serve(publishing, cgi);
    } else if (patches) {
        patch_serve(publishing, cgi);
    } else if (text_is(cgi->method, TEXT("POST"))) {
        post_serve(publishing, cgi);
    } else {
        publishing->edit.kind = EDIT_DELETE;
        store_commit(service->store, &publishing->edit);
    }
}
