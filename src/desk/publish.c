/*
 * publish: PUT, POST and DELETE become edits of the store.
 *
 * What an edit needs is copied into one allocation, since a store may answer later and on
 * another thread.
 */
#include <stdlib.h>

#include "desk_private.h"
#include "fcgiwait/json.h"

#include <stdio.h>

struct publishing {
    struct edit edit; /* first: the store gives edits back */
    struct desk *desk;
    struct request *request;
    char bytes[];
};

static struct text keep(char **at, struct text t)
{
    if (t.at == NULL)
        return t;
    struct text kept = {*at, t.len};
    memcpy(*at, t.at, t.len);
    *at += t.len;
    return kept;
}

static struct publishing *publishing_new(const struct cgi *cgi, struct text path)
{
    struct publishing *publishing = calloc(
        1, sizeof *publishing + path.len + cgi->if_match.len + cgi->if_none_match.len);
    if (publishing == NULL)
        return NULL;
    char *at = publishing->bytes;
    publishing->edit.path = keep(&at, path);
    publishing->edit.if_match = keep(&at, cgi->if_match);
    publishing->edit.if_none_match = keep(&at, cgi->if_none_match);
    return publishing;
}

static void publishing_free(struct publishing *publishing)
{
    document_unref(&publishing->edit.document);
    free(publishing);
}

static void answer(struct desk *desk, struct request *request, const struct edit *edit)
{
    struct reply reply;
    switch (edit->result) {
    case EDIT_CREATED:
    case EDIT_CHANGED:
        counter_add(&desk->counters->publishes, 1);
        counter_set(&desk->counters->index, (int64_t)store_index(desk->store));
        /* fall through */
    case EDIT_SAME:
        reply_published(&reply, edit->result == EDIT_CREATED ? 201 : 204, edit->index);
        desk_deliver(desk, request, &reply);
        break;
    case EDIT_MISSING:
        desk_refuse(desk, request, 404, "There is no such resource to delete.", NULL);
        break;
    case EDIT_CONFLICT:
        desk_refuse(
            desk, request, 412,
            "If-Match or If-None-Match does not hold for the resource as it is now.",
            NULL);
        break;
    case EDIT_FULL:
        desk_refuse(desk, request, 507,
                    "limits.resources is reached: no further resource can be made here.",
                    NULL);
        break;
    case EDIT_FAILED:
        counter_add(&desk->counters->publish_errors, 1);
        desk_refuse(desk, request, 503, "The change could not be stored; try again.",
                    "Retry-After: 5\r\n");
        break;
    }
}

static void publish_done(struct edit *edit)
{
    struct publishing *publishing = (struct publishing *)edit;
    answer(publishing->desk, publishing->request, edit);
    publishing_free(publishing);
}

/* application/json and every +json type (RFC 6839), parameters aside. */
static bool is_json(struct text type)
{
    struct text rest = type, essence;
    text_cut(&rest, ';', &essence);
    essence = text_trim(essence);
    if (text_is_like(essence, TEXT("application/json")))
        return true;
    struct text tail = {essence.at + essence.len - 5, 5};
    return essence.len > 5 && text_is_like(tail, TEXT("+json"));
}

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

/* 0, or the status to refuse with and why; `why` has room for 160 bytes. */
static int check_put(const struct desk_rules *rules, const struct cgi *cgi,
                     struct text type, char why[160])
{
    struct json_error error;
    if (cgi->body_length > rules->limit_body) {
        snprintf(why, 160, "The document is too large: limits.body is %zu bytes.",
                 rules->limit_body);
        return 413;
    }
    if (length_is_wrong(cgi)) {
        snprintf(why, 160, "The body is not as long as Content-Length says.");
        return 400;
    }
    if (!type_is_sound(type)) {
        snprintf(
            why, 160,
            "Content-Type must be shorter than %d bytes, without control characters.",
            REPLY_TYPE_MAX);
        return 400;
    }
    if (is_json(type) && !json_check(cgi->body, &error)) {
        snprintf(why, 160, "The body is declared as JSON and is not: at offset %zu, %s.",
                 error.offset, error.what);
        return 400;
    }
    return 0;
}

static void put_serve(struct desk *desk, struct publishing *publishing,
                      const struct cgi *cgi)
{
    char why[160];
    struct text type = text_trim(cgi->content_type);
    if (type.len == 0)
        type = TEXT("application/octet-stream");
    int status = check_put(desk_rules(desk), cgi, type, why);
    if (status == 0) {
        publishing->edit.document = document_new(type, cgi->body);
        if (publishing->edit.document != NULL) {
            store_commit(desk->store, &publishing->edit);
            return;
        }
        publishing->edit.result = EDIT_FAILED;
        answer(desk, publishing->request, &publishing->edit);
    } else {
        desk_refuse(desk, publishing->request, status, why, NULL);
    }
    publishing_free(publishing);
}

static void post_serve(struct desk *desk, struct publishing *publishing,
                       const struct cgi *cgi)
{
    if (cgi->body_length > 0) {
        desk_refuse(desk, publishing->request, 400,
                    "POST touches a resource and takes no body; PUT stores a document.",
                    NULL);
        publishing_free(publishing);
        return;
    }
    store_commit(desk->store, &publishing->edit);
}

void publish_serve(struct desk *desk, struct request *request, const struct cgi *cgi,
                   struct text path)
{
    struct publishing *publishing = publishing_new(cgi, path);
    if (publishing == NULL) {
        desk_refuse(desk, request, 503, "Out of memory; try again.",
                    "Retry-After: 5\r\n");
        return;
    }
    struct edit *edit = &publishing->edit;
    publishing->desk = desk;
    publishing->request = request;
    edit->done = publish_done;
    if (text_is(cgi->method, TEXT("PUT"))) {
        edit->kind = EDIT_PUT;
        put_serve(desk, publishing, cgi);
    } else if (text_is(cgi->method, TEXT("POST"))) {
        edit->kind = EDIT_TOUCH;
        post_serve(desk, publishing, cgi);
    } else {
        edit->kind = EDIT_DELETE;
        store_commit(desk->store, edit);
    }
}
