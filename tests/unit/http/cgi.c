/* SPDX-License-Identifier: ISC */
#include "fcgiwait/cgi.h"

#include <stddef.h>

#include "must.h"

static struct text field(const struct cgi *cgi, size_t at)
{
    return *(const struct text *)((const char *)cgi + at);
}

static void every_parameter_has_its_place(void **state)
{
    static const struct {
        const char *name;
        size_t at;
    } rows[] = {
        {"REQUEST_METHOD", offsetof(struct cgi, method)},
        {"SCRIPT_NAME", offsetof(struct cgi, script_name)},
        {"PATH_INFO", offsetof(struct cgi, path_info)},
        {"QUERY_STRING", offsetof(struct cgi, query)},
        {"CONTENT_TYPE", offsetof(struct cgi, content_type)},
        {"CONTENT_LENGTH", offsetof(struct cgi, content_length)},
        {"HTTP_IF_MATCH", offsetof(struct cgi, if_match)},
        {"HTTP_IF_NONE_MATCH", offsetof(struct cgi, if_none_match)},
        {"FCGIWAIT_RESOURCE", offsetof(struct cgi, resource)},
        {"FCGIWAIT_ACCESS", offsetof(struct cgi, access)},
        {"FCGIWAIT_ENDPOINT", offsetof(struct cgi, endpoint)},
        {"FCGIWAIT_WAIT_MAX", offsetof(struct cgi, wait_max)},
        {"FCGIWAIT_ORIGIN", offsetof(struct cgi, origin)},
        {"FCGIWAIT_ORIGIN_STATUS", offsetof(struct cgi, origin_status)},
        {"FCGIWAIT_QUERY", offsetof(struct cgi, query_names)},
        {"FCGIWAIT_EXPIRES", offsetof(struct cgi, expires)},
        {"FCGIWAIT_CLIENT", offsetof(struct cgi, client)},
        {"FCGIWAIT_LOCATION", offsetof(struct cgi, location)},
        {"FCGIWAIT_CONTENT_LOCATION", offsetof(struct cgi, content_location)},
        {"FCGIWAIT_ALSO", offsetof(struct cgi, also)},
        {"FCGIWAIT_AGAIN", offsetof(struct cgi, again)},
        {"REQUEST_URI", offsetof(struct cgi, request_uri)},
        {"HTTP_HOST", offsetof(struct cgi, host)},
        {"HTTP_CONTENT_ENCODING", offsetof(struct cgi, content_encoding)},
        {"HTTP_CONTENT_RANGE", offsetof(struct cgi, content_range)},
        {"HTTP_IF_UNMODIFIED_SINCE", offsetof(struct cgi, if_unmodified_since)},
        {"HTTP_ACCEPT", offsetof(struct cgi, accept)},
        {"HTTP_TRACEPARENT", offsetof(struct cgi, traceparent)},
        {"HTTP_LAST_EVENT_ID", offsetof(struct cgi, last_event_id)},
        {"FCGIWAIT_SCOPE", offsetof(struct cgi, scope)},
        {"FCGIWAIT_STREAM", offsetof(struct cgi, stream)},
    };
    size_t count = sizeof rows / sizeof *rows;
    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct cgi cgi = {.too_long = false};
        cgi_add(&cgi, text_of(rows[i].name), TEXT("here"));
        for (size_t j = 0; j < count; j++) {
            struct text value = field(&cgi, rows[j].at);
            if (i == j ? !text_is(value, TEXT("here")) : value.at != NULL)
                fail_msg("%s lies in the place of %s", rows[i].name, rows[j].name);
        }
    }
}

/* A client's headers come as HTTP_*, and must not pass for what nginx says. */
static void what_is_not_known_is_passed_over(void **state)
{
    static const char *const names[] = {"",
                                        "HTTP_FCGIWAIT_ACCESS",
                                        "FCGIWAIT_ACCESS_",
                                        "fcgiwait_access",
                                        "HTTP_HOSTS",
                                        "FCGIWAIT",
                                        "REQUEST_METHO",
                                        "HTTP_PREFERS"};
    static const struct cgi nothing;
    struct cgi cgi = nothing;
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cgi_add(&cgi, text_of(names[i]), TEXT("publish"));
    assert_memory_equal(&cgi, &nothing, sizeof cgi);
}

static void a_repeated_parameter_counts_once(void **state)
{
    struct cgi cgi = {.too_long = false};
    (void)state;
    cgi_add(&cgi, TEXT("FCGIWAIT_ACCESS"), TEXT("read"));
    cgi_add(&cgi, TEXT("FCGIWAIT_ACCESS"), TEXT("publish"));
    assert_true(text_is(cgi.access, TEXT("read")));
}

/* An empty If-Match is one that holds for nothing, not none at all. */
static void an_empty_parameter_is_there(void **state)
{
    struct cgi cgi = {.too_long = false};
    (void)state;
    cgi_add(&cgi, TEXT("HTTP_IF_MATCH"), TEXT(""));
    assert_non_null(cgi.if_match.at);
    assert_int_equal(cgi.if_match.len, 0);
    assert_null(cgi.if_none_match.at);
}

static void several_prefer_headers_are_one_list(void **state)
{
    struct cgi cgi = {.too_long = false};
    (void)state;
    cgi_add(&cgi, TEXT("HTTP_PREFER"), TEXT("respond-async, wait=60"));
    cgi_add(&cgi, TEXT("HTTP_PREFER"), TEXT("index=7; wait=5"));
    assert_true(cgi.prefer.has_wait && cgi.prefer.wait == 60 * NANOS_PER_SECOND);
    assert_true(cgi.prefer.has_index && text_is(cgi.prefer.index, TEXT("7")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_has_its_place),
        cmocka_unit_test(what_is_not_known_is_passed_over),
        cmocka_unit_test(a_repeated_parameter_counts_once),
        cmocka_unit_test(an_empty_parameter_is_there),
        cmocka_unit_test(several_prefer_headers_are_one_list),
    };
    return cmocka_run_group_tests_name("http/cgi", tests, NULL, NULL);
}
