/* SPDX-License-Identifier: ISC */
/*
 * operation: reads a request's parameters, once. Nothing behind this file looks at struct
 * cgi: what a new parameter means is decided here, and kept as a value.
 */
#include "operation.h"

#include <stdlib.h>

#include "fcgiwait/duration.h"
#include "fcgiwait/path.h"
#include "fcgiwait/query.h"
#include "origin.h"

/* No index and no wait that we understand is longer. */
#define VALUE_MOST 64

struct said {
    bool given;
    char bytes[VALUE_MOST];
    struct text value; /* decoded; empty where it can't be */
};

static struct said *query_said(struct text query, struct text name, struct said *said)
{
    struct text raw;
    said->given = name.len > 0 && query_get(query, name, &raw);
    said->value = (struct text){said->bytes, 0};
    if (said->given &&
        !query_decode(raw, said->bytes, sizeof said->bytes, &said->value.len))
        said->value.len = 0;
    return said;
}

/* Only as we write it: a leading zero makes it another's. */
static uint64_t index_of(struct text value)
{
    uint64_t index;
    bool ours = text_number(value, INDEX_LIMIT - 1, &index) &&
                (value.len == 1 || value.at[0] != '0');
    return ours ? index : INDEX_NONE;
}

static void read_index(struct operation *operation, const struct cgi *cgi)
{
    struct said said;
    struct text value = cgi->prefer.index;
    bool resumes = operation->accept.len > 0 && cgi->last_event_id.len > 0;
    if (query_said(cgi->query, operation->names.index, &said)->given)
        value = said.value;
    if (resumes)
        value = text_trim(cgi->last_event_id);
    operation->has_index = resumes || said.given || cgi->prefer.has_index;
    operation->index = operation->has_index ? index_of(value) : INDEX_NONE;
}

static nanos location_max(const struct cgi *cgi, nanos most)
{
    nanos here;
    return duration_parse(cgi->wait_max, &here) && here < most ? here : most;
}

/* Seconds since 1970, perhaps with a fraction as a token's `exp` may have one. What can't
 * be read has passed: nobody is held by mistake. */
static nanos expiry_of(struct text t)
{
    uint64_t seconds;
    struct text whole = {t.at, 0}, rest = t;
    if (t.len == 0)
        return INT64_MAX;
    text_cut(&rest, '.', &whole);
    if (!text_number(whole, UINT64_MAX, &seconds))
        return 0;
    return seconds < INT64_MAX / NANOS_PER_SECOND ? (nanos)seconds * NANOS_PER_SECOND
                                                  : INT64_MAX;
}

nanos operation_until_expiry(const struct operation *operation, nanos span, nanos wall)
{
    if (operation->expires <= wall)
        return 0;
    return operation->expires - wall < span ? operation->expires - wall : span;
}

static void read_wait(struct operation *operation, const struct cgi *cgi, nanos wall)
{
    struct said said;
    nanos wait = operation->rules->wait_default;
    operation->expires = expiry_of(text_trim(cgi->expires));
    nanos most = operation_until_expiry(
        operation, location_max(cgi, operation->rules->wait_max), wall);
    if (query_said(cgi->query, operation->names.wait, &said)->given)
        duration_parse(said.value, &wait);
    else if (cgi->prefer.has_wait)
        wait = cgi->prefer.wait;
    operation->wait = wait < most ? wait : most;
    operation->wait_is_preferred = !said.given && cgi->prefer.has_wait;
    operation->has_wait = said.given || cgi->prefer.has_wait;
}

static void read_body(struct operation *operation, const struct cgi *cgi)
{
    uint64_t declared;
    operation->content_type = text_trim(cgi->content_type);
    operation->content_encoding = text_trim(cgi->content_encoding);
    operation->has_content_range = cgi->content_range.at != NULL;
    operation->body = cgi->body;
    operation->body_length = cgi->body_length;
    operation->length_is_wrong =
        cgi->content_length.len > 0 &&
        (!text_number(cgi->content_length, UINT64_MAX, &declared) ||
         declared != cgi->body_length);
}

static void read_report(struct operation *operation, const struct cgi *cgi)
{
    operation->reported = cgi->origin_status;
    operation->location = cgi->location;
    operation->content_location = cgi->content_location;
    operation->request_uri = cgi->request_uri;
    operation->host = cgi->host;
    operation->also = cgi->also;
    operation->again = cgi->again;
}

static enum endpoint endpoint_of(struct text name)
{
    if (name.len == 0)
        return ENDPOINT_NONE;
    if (text_is(name, TEXT("health")))
        return ENDPOINT_HEALTH;
    if (text_is(name, TEXT("status")))
        return ENDPOINT_STATUS;
    if (text_is(name, TEXT("page")))
        return ENDPOINT_PAGE;
    return text_is(name, TEXT("metrics")) ? ENDPOINT_METRICS : ENDPOINT_UNKNOWN;
}

static bool may_publish(const struct cgi *cgi)
{
    return text_is(cgi->access, TEXT("publish"));
}

static bool is_below(const struct cgi *cgi)
{
    return text_is(cgi->scope, TEXT("below"));
}

static const char *check_location(const struct cgi *cgi)
{
    if (cgi->access.len > 0 && !text_is(cgi->access, TEXT("read")) && !may_publish(cgi))
        return "FCGIWAIT_ACCESS in the web server's configuration must be read or "
               "publish.";
    if (cgi->scope.len > 0 && !text_is(cgi->scope, TEXT("resource")) && !is_below(cgi))
        return "FCGIWAIT_SCOPE in the web server's configuration must be resource or "
               "below.";
    if (cgi->stream.len > 0 && !text_is(cgi->stream, TEXT("on")) &&
        !text_is(cgi->stream, TEXT("off")))
        return "FCGIWAIT_STREAM in the web server's configuration must be on or off.";
    if (cgi->origin_status.at != NULL && !may_publish(cgi))
        return "FCGIWAIT_ORIGIN_STATUS in the web server's configuration needs "
               "FCGIWAIT_ACCESS publish beside it.";
    return origin_check(cgi->origin);
}

static void read_location(struct operation *operation, const struct cgi *cgi)
{
    operation->publishes = may_publish(cgi);
    operation->below = is_below(cgi);
    operation->minimal = cgi->prefer.minimal;
    if (!operation->below || !query_get(cgi->query, TEXT("only"), &operation->only))
        operation->only.at = NULL;
    operation->misled = check_location(cgi);
    operation->stream_is_off = text_is(cgi->stream, TEXT("off"));
    operation->accept = accept_names_stream(cgi->accept) ? cgi->accept : TEXT("");
    operation->origin = cgi->origin;
    operation->client = cgi->client;
    if (!query_names_parse(cgi->query_names, &operation->names) &&
        operation->misled == NULL)
        operation->misled =
            "FCGIWAIT_QUERY in the web server's configuration must be two "
            "names, such as index,wait, or off.";
}

static bool read_path(struct operation *operation, const struct cgi *cgi)
{
    bool named = cgi->resource.len > 0;
    struct text first = named ? cgi->resource : cgi->script_name;
    struct text second = named ? TEXT("") : cgi->path_info;
    size_t len = first.len + second.len;
    operation->far = len > OPERATION_NEAR ? malloc(len) : NULL;
    char *at = len > OPERATION_NEAR ? operation->far : operation->near;
    if (at == NULL)
        return false;
    text_put(text_put(at, first), second);
    operation->path = (struct text){at, len};
    operation->wrong = path_check(operation->path, operation->rules->limit_path);
    return true;
}

size_t operation_body(const struct cgi *cgi, const struct service_rules *rules)
{
    enum method method = method_parse(cgi->method);
    bool has_document = method == METHOD_PUT || method == METHOD_PATCH;
    bool wanted =
        (has_document && may_publish(cgi)) || (method == METHOD_QUERY && is_below(cgi));
    return wanted && cgi->endpoint.len == 0 && cgi->origin_status.at == NULL
               ? rules->limit_body
               : 0;
}

bool operation_read(struct operation *operation, const struct cgi *cgi,
                    const struct service_rules *rules, nanos wall)
{
    operation->rules = rules;
    operation->asked = (struct instant){0};
    operation->method = method_parse(cgi->method);
    operation->endpoint = endpoint_of(cgi->endpoint);
    operation->query = cgi->query;
    operation->traceparent = cgi->traceparent;
    operation->conditions =
        (struct conditions){cgi->if_match, cgi->if_none_match, cgi->if_unmodified_since};
    read_report(operation, cgi);
    read_location(operation, cgi);
    read_index(operation, cgi);
    read_wait(operation, cgi, wall);
    read_body(operation, cgi);
    return read_path(operation, cgi);
}

void operation_dispose(struct operation *operation)
{
    free(operation->far);
    operation->far = NULL;
}
