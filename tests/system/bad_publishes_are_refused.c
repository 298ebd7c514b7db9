/* SPDX-License-Identifier: ISC */
/* What can't be published says why, and changes nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

static void must_be_problem(const struct answer *answer, long status, const char *says)
{
    must(answer->status == status, "%ld, not %ld", answer->status, status);
    answer_must_have(answer, "Content-Type", "application/problem+json");
    json_object *problem = json_tokener_parse(answer->body);
    assert_non_null(problem);
    const char *detail =
        json_object_get_string(json_object_object_get(problem, "detail"));
    must(detail != NULL && strstr(detail, says) != NULL, "\"%s\" does not say \"%s\"",
         detail, says);
    json_object_put(problem);
}

static struct answer put(const struct stack *stack, const char *path, const char *type,
                         const char *body, size_t len)
{
    return http(&(struct http){.port = stack->port,
                               .method = "PUT",
                               .path = path,
                               .headers = {type},
                               .body = body,
                               .body_len = len});
}

static void must_still_be(const struct stack *stack, const char *path, const char *index)
{
    struct answer answer = http_get(stack->port, path, NULL);
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
}

struct text_row {
    const char *json;
    const char *offset; /* NULL: it is JSON */
};

static const struct text_row texts[] = {
    {"{}", NULL},
    {" [1, -2.5e3, \"\\u00fc\\n\", true, false, null, {\"a\": {}}] \n", NULL},
    {"\"\xc3\xbc\"", NULL},
    {"0", NULL},
    {"", "offset 0"},
    {"{\"a\": 1,}", "offset 8"},
    {"{\"a\" 1}", "offset 5"},
    {"[1, 2", "offset 5"},
    {"[1] x", "offset 4"},
    {"{} {}", "offset 3"},
    {"{'a': 1}", "offset 1"},
    {"nul", "offset"},
    {"NaN", "offset"},
    {"[Infinity]", "offset"},
    {"\"a\nb\"", "offset 2"},
    {"\"\xff\"", "offset 1"},
    {"[1.]", "offset 3"},
    {"[00]", "offset 1"},
    {"-02.5", "offset 1"},
    {"-.5", "offset 1"},
    {"{\"a\": 1.}", "offset 8"},
    {"[0, -0.0E+00, 100e05, 2]", NULL},
    {"[1e]", "offset"},
    {"\"\\x\"", "offset"},
    {"True", "offset"},
    {"/* no */ 1", "offset"},
    {"// no\n1", "offset"},
};

static void what_is_declared_as_json_has_to_be(void **state)
{
    static const char *const types[] = {"Content-Type: application/json",
                                        "Content-Type: Application/JSON; charset=utf-8",
                                        "Content-Type: application/problem+json"};
    struct stack *stack = *state;
    char index[24];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t k = 0; k < 3; k++) {
            http_put(stack->port, "/a", "\"before\"", index);
            struct answer answer =
                put(stack, "/publish/a", types[k], texts[i].json, strlen(texts[i].json));
            if (texts[i].offset == NULL) {
                must(answer.status == 204, "row %zu: %ld", i, answer.status);
            } else {
                must(answer.status == 400, "row %zu: %ld", i, answer.status);
                must_be_problem(&answer, 400, texts[i].offset);
                must_still_be(stack, "/a", index);
            }
            answer_free(&answer);
        }
}

static void other_types_may_be_anything(void **state)
{
    struct stack *stack = *state;
    struct answer answer =
        put(stack, "/publish/other", "Content-Type: application/jsonp", "{,", 0);
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
}

static void what_is_too_large_is_413(void **state)
{
    struct stack *stack = *state;
    size_t most = 1048576; /* limits.body */
    char *bytes = calloc(1, 4 * most);
    struct answer answer =
        put(stack, "/publish/large", "Content-Type: x/y", bytes, most + 1);
    must_be_problem(&answer, 413, "1048576");
    answer_free(&answer);
    answer = put(stack, "/publish/large", "Content-Type: application/json", bytes,
                 4 * most); /* too large before it is no JSON */
    must_be_problem(&answer, 413, "1048576");
    answer_free(&answer);
    must_still_be(stack, "/large", "0");
    answer = put(stack, "/publish/large", "Content-Type: x/y", bytes, most);
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    free(bytes);
}

static struct answer ask_raw(const struct stack *stack, const char *script,
                             const char *info, const char *method)
{
    const char *const pairs[] = {
        "REQUEST_METHOD",  method,    "SCRIPT_NAME",  script, "PATH_INFO", info,
        "FCGIWAIT_ACCESS", "publish", "CONTENT_TYPE", "x/y",  NULL};
    return fcgi_ask(stack, pairs);
}

static const char *const bad_paths[] = {
    "",       "a",     "//",     "//a",   "/a//b", "/a//",
    "/.",     "/..",   "/a/.",   "/a/..", "/./a",  "/../a",
    "/a/../", "/a\nb", "/a\x7f", "/\x01", "/a\tb", "/a\r\nX-Polling-Index: 7"};

static void a_path_that_is_none_is_400(void **state)
{
    static const char *const methods[] = {"GET",    "HEAD", "PUT",
                                          "DELETE", "POST", "OPTIONS"};
    struct stack *stack = *state;
    for (size_t i = 0; i < sizeof bad_paths / sizeof *bad_paths; i++)
        for (size_t k = 0; k < 6; k++) {
            struct answer answer = ask_raw(stack, bad_paths[i], "", methods[k]);
            must(answer.status == 400, "%s \"%s\": %ld", methods[k], bad_paths[i],
                 answer.status);
            answer_must_have(&answer, "X-Polling-Index", NULL);
            if (k != 1)
                must_be_problem(&answer, 400, "path");
            answer_free(&answer);
        }
    struct answer answer = put(stack, "/publish/a//b", NULL, "x", 0); /* through nginx */
    must_be_problem(&answer, 400, "//");
    answer_free(&answer);
    answer = http_get(stack->port, "/a%0ab", NULL);
    must_be_problem(&answer, 400, "control");
    answer_free(&answer);
}

static void dots_within_a_segment_are_letters(void **state)
{
    static const char *const paths[] = {"/...",         "/.a", "/a.",
                                        "/a..b/c.json", "/~",  "/a b"};
    struct stack *stack = *state;
    for (size_t i = 0; i < 6; i++) {
        struct answer answer = ask_raw(stack, paths[i], "", "PUT");
        must(answer.status == 201, "\"%s\": %ld", paths[i], answer.status);
        answer_free(&answer);
    }
}

static void a_path_that_is_too_long_is_400(void **state)
{
    struct stack *stack = *state;
    char path[2000];
    memset(path, 'a', sizeof path);
    path[0] = path[500] = '/';
    path[1024] = '\0'; /* limits.path */
    struct answer answer = ask_raw(stack, path, "", "PUT");
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    answer = ask_raw(stack, path, "b", "PUT"); /* in two parts */
    must_be_problem(&answer, 400, "limits.path");
    answer_free(&answer);
    path[1024] = 'a';
    path[1025] = '\0';
    answer = ask_raw(stack, path, "", "PUT");
    must_be_problem(&answer, 400, "limits.path");
    answer_free(&answer);
    answer = http_get(stack->port, path, NULL);
    must_be_problem(&answer, 400, "limits.path");
    answer_free(&answer);
}

static void script_name_and_path_info_make_the_path(void **state)
{
    struct stack *stack = *state;
    char index[24];
    http_put(stack->port, "/made/of/two", "1", index);
    const char *const pairs[] = {
        "REQUEST_METHOD",    "GET",          "SCRIPT_NAME", "/x", "PATH_INFO", "/y",
        "FCGIWAIT_RESOURCE", "/made/of/two", NULL};
    struct answer answer = ask_raw(stack, "/made", "/of/two", "GET");
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    answer = ask_raw(stack, "", "/made/of/two", "GET");
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    answer = fcgi_ask(stack, pairs); /* unless FCGIWAIT_RESOURCE names it */
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
}

static const struct stack_options two_resources = {.config =
                                                       "limits = { resources = 2; };"};

static void more_resources_than_there_can_be_are_507(void **state)
{
    struct stack *stack = *state;
    assert_int_equal(http_put(stack->port, "/1", "1", NULL), 201);
    assert_int_equal(http_put(stack->port, "/2", "1", NULL), 201);
    struct answer answer = put(stack, "/publish/3", "Content-Type: x/y", "1", 0);
    must_be_problem(&answer, 507, "limits.resources");
    answer_free(&answer);
    must_still_be(stack, "/3", "0");
    assert_int_equal(http_publish(stack->port, "POST", "/4", NULL), 204); /* makes none */
    assert_int_equal(stack_status(stack, "resources"), 2);
    /* those that are there go on */
    assert_int_equal(http_put(stack->port, "/1", "2", NULL), 204);
    assert_int_equal(http_publish(stack->port, "POST", "/2", NULL), 204);
    assert_int_equal(http_publish(stack->port, "DELETE", "/2", NULL), 204);
    assert_int_equal(http_put(stack->port, "/3", "2", NULL), 201);
}

static void a_body_that_is_cut_short_is_400(void **state)
{
    struct stack *stack = *state;
    const char *const pairs[] = {"REQUEST_METHOD",
                                 "PUT",
                                 "SCRIPT_NAME",
                                 "/cut",
                                 "FCGIWAIT_ACCESS",
                                 "publish",
                                 "CONTENT_TYPE",
                                 "text/plain",
                                 "CONTENT_LENGTH",
                                 "10",
                                 NULL};
    struct answer answer = fcgi_ask(stack, pairs);
    must_be_problem(&answer, 400, "Content-Length");
    answer_free(&answer);
    must_still_be(stack, "/cut", "0");
}

static void a_wrong_nginx_configuration_is_500_and_says_so(void **state)
{
    static const char *const names[] = {"FCGIWAIT_ACCESS", "FCGIWAIT_ENDPOINT"};
    struct stack *stack = *state;
    for (size_t i = 0; i < 2; i++) {
        const char *const pairs[] = {"REQUEST_METHOD", "GET",   "SCRIPT_NAME", "/a",
                                     names[i],         "wrong", NULL};
        struct answer answer = fcgi_ask(stack, pairs);
        must_be_problem(&answer, 500, names[i]);
        answer_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_declared_as_json_has_to_be),
        cmocka_unit_test(other_types_may_be_anything),
        cmocka_unit_test(what_is_too_large_is_413),
        cmocka_unit_test(a_path_that_is_none_is_400),
        cmocka_unit_test(dots_within_a_segment_are_letters),
        cmocka_unit_test(a_path_that_is_too_long_is_400),
        cmocka_unit_test(script_name_and_path_info_make_the_path),
        cmocka_unit_test(a_body_that_is_cut_short_is_400),
        cmocka_unit_test(a_wrong_nginx_configuration_is_500_and_says_so),
    };
    const struct CMUnitTest limited[] = {
        stack_test(more_resources_than_there_can_be_are_507, &two_resources),
    };
    return cmocka_run_group_tests_name("bad_publishes_are_refused", tests, stack_setup,
                                       stack_teardown) +
           cmocka_run_group_tests_name("limits.resources", limited, NULL, NULL);
}
