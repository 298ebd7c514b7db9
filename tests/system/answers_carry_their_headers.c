/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>
#include <json-c/json.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

static struct answer ask(const struct stack *stack, const char *method, const char *path)
{
    return http(&(struct http){.port = stack->port, .method = method, .path = path});
}

/* What every answer to a reader has. */
static void must_have_reading(const struct answer *answer, const char *index)
{
    char tag[64];
    snprintf(tag, sizeof tag, "\"%s\"", index);
    answer_must_have(answer, "X-Polling-Index", index);
    answer_must_have(answer, "ETag", tag);
    answer_must_have(answer, "Cache-Control", "no-store");
    answer_must_have(answer, "Vary", "Prefer");
}

static void a_200_has_all_of_them(void **state)
{
    struct stack *stack = *state;
    char index[24], modified[256];
    time_t before = time(NULL);
    http_put(stack->port, "/a", "{\"a\": 1}", index);
    struct answer answer = http_get(stack->port, "/a", NULL);
    assert_int_equal(answer.status, 200);
    must_have_reading(&answer, index);
    answer_must_have(&answer, "Content-Type", "application/json");
    answer_must_have(&answer, "Content-Length", "8");
    answer_must_have(&answer, "Preference-Applied", NULL);
    time_t changed =
        curl_getdate(answer_header(&answer, "Last-Modified", modified), NULL);
    must(changed >= before && changed <= time(NULL), "Last-Modified: %s", modified);
    assert_non_null(strstr(modified, " GMT"));
    answer_free(&answer);
}

static void a_304_has_no_body_and_no_type(void **state)
{
    struct stack *stack = *state;
    char index[24], path[64];
    http_put(stack->port, "/a", "{\"a\": 1}", index);
    snprintf(path, sizeof path, "/a?index=%s&wait=100ms", index);
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.body_len, 0);
    must_have_reading(&answer, index);
    answer_must_have(&answer, "Content-Type", NULL);
    answer_must_have(&answer, "Preference-Applied", NULL);
    answer_free(&answer);
}

/* nginx would take a body off a 304: look at what it gets. */
static void the_status_travels_as_a_cgi_header(void **state)
{
    static const struct {
        const char *path, *status;
    } rows[] = {
        {"/a", "200 OK"}, {"/a?index=%s&wait=0", "304 Not Modified"}, {"/none", NULL}};
    struct stack *stack = *state;
    struct records records = {0};
    char index[24], path[64];
    http_put(stack->port, "/a", "{}", index);
    for (size_t i = 0; i < 3; i++) {
        struct answer answer;
        int fd = fcgi_connect(stack);
        snprintf(path, sizeof path, rows[i].path, index);
        records_get(&records, 1, false, path);
        records_send(&records, fd);
        assert_true(fcgi_read_answer(fd, 1, &answer));
        answer_must_have(&answer, "Status",
                         rows[i].status != NULL ? rows[i].status : "404 Not Found");
        if (answer.status == 304) {
            assert_int_equal(answer.body_len, 0);
            answer_must_have(&answer, "Content-Type", NULL);
            answer_must_have(&answer, "Content-Length", NULL);
        }
        answer_free(&answer);
        close(fd);
    }
    records_free(&records);
}

static void a_404_is_a_problem_that_says_what_to_do(void **state)
{
    struct stack *stack = *state;
    struct answer answer = http_get(stack->port, "/none", NULL);
    assert_int_equal(answer.status, 404);
    must_have_reading(&answer, "0");
    answer_must_have(&answer, "Content-Type", "application/problem+json");
    json_object *problem = json_tokener_parse(answer.body);
    assert_non_null(problem);
    assert_int_equal(json_object_get_int(json_object_object_get(problem, "status")), 404);
    assert_non_null(json_object_object_get(problem, "type"));
    assert_non_null(json_object_object_get(problem, "title"));
    assert_non_null(json_object_object_get(problem, "detail"));
    json_object_put(problem);
    answer_free(&answer);
}

static void head_is_get_without_the_body(void **state)
{
    static const char *const names[] = {
        "X-Polling-Index", "ETag",          "Cache-Control", "Vary",
        "Content-Type",    "Last-Modified", "Content-Length"};
    static const char *const paths[] = {"/a", "/none", "/a?index=7", "/fcgiwait/health"};
    struct stack *stack = *state;
    http_put(stack->port, "/a", "{}", NULL);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct answer get = ask(stack, "GET", paths[i]);
        struct answer head = ask(stack, "HEAD", paths[i]);
        assert_int_equal(head.status, get.status);
        assert_int_equal(head.body_len, 0);
        for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
            char value[256];
            answer_must_have(&head, names[k], answer_header(&get, names[k], value));
        }
        answer_free(&get);
        answer_free(&head);
    }
}

static void options_says_what_is_granted(void **state)
{
    struct stack *stack = *state;
    struct answer answer = ask(stack, "OPTIONS", "/a");
    char allow[256];
    assert_int_equal(answer.status, 204);
    assert_int_equal(answer.body_len, 0);
    answer_must_have(&answer, "Allow", "GET, HEAD, OPTIONS");
    answer_free(&answer);
    answer = ask(stack, "OPTIONS", "/publish/a");
    answer_header(&answer, "Allow", allow);
    assert_int_equal(answer.status, 204);
    assert_non_null(strstr(allow, "GET, HEAD, OPTIONS, PUT"));
    assert_non_null(strstr(allow, "DELETE"));
    assert_non_null(strstr(allow, "POST"));
    answer_free(&answer);
}

struct preferring {
    const char *query, *headers[2]; /* %s stands for the present index */
    long status;
    const char *applied;
};

static const struct preferring preferring[] = {
    {"?index=%s", {"Prefer: wait=200ms"}, 304, "wait=0.2"},
    {"", {"Prefer: wait=200ms;index=%s"}, 304, "wait=0.2"},
    {"", {"Prefer: wait=200ms", "If-None-Match: \"%s\""}, 304, "wait=0.2"},
    {"?index=7", {"Prefer: wait=50"}, 200, "wait=50"},
    {"?index=7", {"Prefer: wait=500"}, 200, "wait=60"},
    /* nothing of it was honoured */
    {"", {"Prefer: wait=50"}, 200, NULL},
    {"?index=%s&wait=200ms", {"Prefer: wait=50"}, 304, NULL},
    {"?index=7", {"Prefer: wait=soon"}, 200, NULL},
    {"?index=%s&wait=0", {"Prefer: index=7"}, 304, NULL},
    {"", {"If-None-Match: \"%s\""}, 304, NULL},
};

static void preference_applied_stands_where_prefers_wait_was_honoured(void **state)
{
    struct stack *stack = *state;
    char index[24];
    http_put(stack->port, "/a", "{}", index);
    for (size_t i = 0; i < sizeof preferring / sizeof *preferring; i++) {
        const struct preferring *row = &preferring[i];
        char path[64] = "/a", headers[2][64];
        struct http request = {.port = stack->port, .path = path};
        snprintf(path + 2, sizeof path - 2, row->query, index);
        for (size_t k = 0; k < 2 && row->headers[k] != NULL; k++) {
            snprintf(headers[k], sizeof headers[k], row->headers[k], index);
            request.headers[k] = headers[k];
        }
        struct answer answer = http(&request);
        must(answer.status == row->status, "row %zu: %ld", i, answer.status);
        answer_must_have(&answer, "Preference-Applied", row->applied);
        answer_must_have(&answer, "Vary", "Prefer");
        answer_free(&answer);
    }
}

static void a_held_answer_carries_them_too(void **state)
{
    struct stack *stack = *state;
    char index[24], header[64];
    http_put(stack->port, "/a", "1", index);
    snprintf(header, sizeof header, "Prefer: wait=50;index=%s", index);
    struct call *call = call_start(
        &(struct http){.port = stack->port, .path = "/a", .headers = {header}});
    await_waiting(stack, 1);
    http_put(stack->port, "/a", "2", index);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 200);
    must_have_reading(&answer, index);
    answer_must_have(&answer, "Preference-Applied", "wait=50");
    answer_must_have(&answer, "Content-Type", "application/json");
    answer_free(&answer);
}

static void a_document_keeps_the_type_that_it_was_given(void **state)
{
    static const char *const types[] = {"text/plain; charset=utf-8", "image/svg+xml",
                                        "application/problem+json",
                                        "application/vnd.example+json;v=2"};
    struct stack *stack = *state;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char header[128];
        snprintf(header, sizeof header, "Content-Type: %s", types[i]);
        struct answer answer = http(&(struct http){.port = stack->port,
                                                   .method = "PUT",
                                                   .path = "/publish/typed",
                                                   .headers = {header},
                                                   .body = "{}"});
        assert_true(answer.status == 201 || answer.status == 204);
        answer_free(&answer);
        answer = http_get(stack->port, "/typed", NULL);
        answer_must_have(&answer, "Content-Type", types[i]);
        assert_string_equal(answer.body, "{}");
        answer_free(&answer);
    }
}

static const struct stack_options cached = {
    .config = "cache_control = \"private, max-age=0\";"};
static const struct stack_options uncached = {.config = "cache_control = \"\";"};

static void must_be_cached_as(const struct stack *stack, const char *value)
{
    http_put(stack->port, "/a", "{}", NULL);
    static const char *const paths[] = {"/a", "/none", "/none?index=0&wait=0"};
    for (size_t i = 0; i < 3; i++) {
        struct answer answer = http_get(stack->port, paths[i], NULL);
        answer_must_have(&answer, "Cache-Control", value);
        answer_free(&answer);
    }
}

static void cache_control_is_configurable(void **state)
{
    must_be_cached_as(*state, "private, max-age=0");
}

static void an_empty_cache_control_sends_none(void **state)
{
    must_be_cached_as(*state, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_200_has_all_of_them),
        cmocka_unit_test(a_304_has_no_body_and_no_type),
        cmocka_unit_test(the_status_travels_as_a_cgi_header),
        cmocka_unit_test(a_404_is_a_problem_that_says_what_to_do),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(options_says_what_is_granted),
        cmocka_unit_test(preference_applied_stands_where_prefers_wait_was_honoured),
        cmocka_unit_test(a_held_answer_carries_them_too),
        cmocka_unit_test(a_document_keeps_the_type_that_it_was_given),
    };
    const struct CMUnitTest configured[] = {
        stack_test(cache_control_is_configurable, &cached),
        stack_test(an_empty_cache_control_sends_none, &uncached),
    };
    return cmocka_run_group_tests_name("answers_carry_their_headers", tests, stack_setup,
                                       stack_teardown) +
           cmocka_run_group_tests_name("cache_control", configured, NULL, NULL);
}
