/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "stack.h"

static struct stack stack;

static int start(void **state)
{
    (void)state;
    stack_start(&stack, &(struct stack_options){.config = "limits = { body = 1000; };"});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    stack_stop(&stack);
    return 0;
}

static struct answer patch(const char *path, const char *type, const char *body)
{
    char header[128];
    snprintf(header, sizeof header, "Content-Type: %s", type);
    return http(&(struct http){.port = stack.port,
                               .method = "PATCH",
                               .path = path,
                               .headers = {header},
                               .body = body});
}

/* A refusal that says why: `about` stands in it. */
static void must_refuse(struct answer answer, long status, const char *about)
{
    char value[256];
    assert_int_equal(answer.status, status);
    assert_string_equal(answer_header(&answer, "Content-Type", value),
                        "application/problem+json");
    must(strstr(answer.body, about) != NULL, "%s", answer.body);
    answer_free(&answer);
}

static void a_patch_wakes_who_waits_with_the_merged_document(void **state)
{
    char index[24], path[128], value[256], next[256];
    (void)state;
    http_put(stack.port, "/a", "{\"a\": 1, \"b\": 12345678901234567890123}", index);
    snprintf(path, sizeof path, "/a?index=%s&wait=60s", index);
    struct call *call = call_start(&(struct http){.port = stack.port, .path = path});
    await_waiting(&stack, 1);
    struct answer answer =
        patch("/publish/a", "application/merge-patch+json; charset=utf-8",
              "{\"a\":null,\"c\":[null]}");
    assert_int_equal(answer.status, 204);
    answer_header(&answer, "X-Polling-Index", next);
    assert_string_not_equal(next, index);
    answer_free(&answer);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer_header(&answer, "X-Polling-Index", value), next);
    assert_string_equal(answer_header(&answer, "Content-Type", value),
                        "application/json");
    assert_string_equal(answer.body, "{\"b\":12345678901234567890123,\"c\":[null]}");
    answer_free(&answer);
}

static void a_patch_that_changes_nothing_wakes_nobody(void **state)
{
    char index[24], path[128], value[256];
    (void)state;
    http_put(stack.port, "/same", "{ \"a\": 1 }", index);
    snprintf(path, sizeof path, "/same?index=%s&wait=2s", index);
    struct call *call = call_start(&(struct http){.port = stack.port, .path = path});
    await_waiting(&stack, 1);
    struct answer answer =
        patch("/publish/same", "application/merge-patch+json", "{\"a\":1}");
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "X-Polling-Index", value), index);
    answer_free(&answer);
    answer = call_join(call);
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
}

static void what_cannot_be_merged_is_refused(void **state)
{
    static const char merge[] = "application/merge-patch+json";
    char value[256], large[2000] = "{\"a\":\"";
    (void)state;
    must_refuse(patch("/publish/none", merge, "{}"), 404, "PUT");
    http_put(stack.port, "/b", "{\"b\":1}", NULL);
    must_refuse(patch("/publish/b", merge, "{\"b\":}"), 400, "offset 5");
    must_refuse(patch("/publish/b", merge, ""), 400, "JSON");
    must_refuse(patch("/b", merge, "{}"), 405, "Allow");
    memset(large + strlen(large), 'x', 1200);
    strcat(large, "\"}");
    must_refuse(patch("/publish/b", merge, large), 413, "limits.body");
    strcpy(large + 996, "\"}");
    must_refuse(patch("/publish/b", merge, large), 413, "limits.body");
    struct answer answer = patch("/publish/b", "application/json-patch+json", "[]");
    assert_string_equal(answer_header(&answer, "Accept-Patch", value), merge);
    must_refuse(answer, 415, merge);
    answer = http_get(stack.port, "/b", NULL);
    assert_string_equal(answer.body, "{\"b\":1}");
    answer_free(&answer);
}

static void a_document_that_is_no_json_takes_no_patch(void **state)
{
    (void)state;
    struct answer answer = http(&(struct http){.port = stack.port,
                                               .method = "PUT",
                                               .path = "/publish/text",
                                               .headers = {"Content-Type: text/plain"},
                                               .body = "{}"});
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    must_refuse(patch("/publish/text", "application/merge-patch+json", "{\"a\":1}"), 409,
                "not JSON");
}

static void options_say_what_a_patch_is(void **state)
{
    char value[256];
    (void)state;
    struct answer answer = http(
        &(struct http){.port = stack.port, .method = "OPTIONS", .path = "/publish/a"});
    assert_int_equal(answer.status, 204);
    assert_string_equal(answer_header(&answer, "Accept-Patch", value),
                        "application/merge-patch+json");
    must(strstr(answer_header(&answer, "Allow", value), "PATCH") != NULL, "%s", value);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_patch_wakes_who_waits_with_the_merged_document),
        cmocka_unit_test(a_patch_that_changes_nothing_wakes_nobody),
        cmocka_unit_test(what_cannot_be_merged_is_refused),
        cmocka_unit_test(a_document_that_is_no_json_takes_no_patch),
        cmocka_unit_test(options_say_what_a_patch_is),
    };
    return cmocka_run_group_tests_name("patch_merges", tests, start, stop);
}
