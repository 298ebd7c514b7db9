/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "stack.h"

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

static void must_read(const struct stack *stack, const char *path, const char *body,
                      const char *index)
{
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, body != NULL ? 200 : 404);
    if (body != NULL)
        assert_string_equal(answer.body, body);
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
}

static struct call *wait_on(const struct stack *stack, const char *path,
                            const char *index)
{
    char url[128];
    snprintf(url, sizeof url, "%s?index=%s&wait=50", path, index);
    struct call *call = call_start(&(struct http){.port = stack->port, .path = url});
    await_waiting(stack, 1);
    return call;
}

static void put_makes_and_replaces(void **state)
{
    struct stack *stack = *state;
    static const char type[] = "Content-Type: text/plain";
    char index[256], tag[256], expected[300];
    struct answer answer = put(stack, "/publish/a/b", type, "one", 0);
    assert_int_equal(answer.status, 201);
    answer_header(&answer, "X-Polling-Index", index);
    snprintf(expected, sizeof expected, "\"%s\"", index);
    assert_string_equal(answer_header(&answer, "ETag", tag), expected);
    assert_int_equal(answer.body_len, 0);
    answer_free(&answer);
    must_read(stack, "/a/b", "one", index);
    answer = put(stack, "/publish/a/b", type, "two", 0);
    assert_int_equal(answer.status, 204);
    answer_header(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    must_read(stack, "/a/b", "two", index);
    must_read(stack, "/a", NULL, "0");
}

static void delete_removes(void **state)
{
    struct stack *stack = *state;
    char index[24], again[24];
    assert_int_equal(http_put(stack->port, "/d", "1", NULL), 201);
    assert_int_equal(http_publish(stack->port, "DELETE", "/d", index), 204);
    must_read(stack, "/d", NULL, index);
    assert_int_equal(http_publish(stack->port, "DELETE", "/d", NULL), 404);
    must_read(stack, "/d", NULL, index);
    assert_int_equal(http_put(stack->port, "/d", "2", again), 201);
    assert_true(atoll(again) > atoll(index));
    assert_int_equal(http_publish(stack->port, "DELETE", "/never", NULL), 404);
    must_read(stack, "/never", NULL, "0");
}

static void post_touches(void **state)
{
    struct stack *stack = *state;
    char index[24], touched[24];
    http_put(stack->port, "/t", "\"same\"", index);
    struct call *call = wait_on(stack, "/t", index);
    assert_int_equal(http_publish(stack->port, "POST", "/t", touched), 204);
    assert_true(atoll(touched) > atoll(index));
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "\"same\"");
    answer_must_have(&answer, "X-Polling-Index", touched);
    answer_free(&answer);
}

static void post_touches_what_does_not_exist(void **state)
{
    struct stack *stack = *state;
    char index[24];
    struct call *call = wait_on(stack, "/t/none", "0");
    assert_int_equal(http_publish(stack->port, "POST", "/t/none", index), 204);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 404);
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
}

static void post_takes_no_body(void **state)
{
    struct stack *stack = *state;
    char index[24];
    http_put(stack->port, "/t", "1", index);
    struct answer answer = http(&(struct http){
        .port = stack->port, .method = "POST", .path = "/publish/t", .body = "2"});
    assert_int_equal(answer.status, 400);
    answer_must_have(&answer, "Content-Type", "application/problem+json");
    answer_free(&answer);
    must_read(stack, "/t", "1", index);
}

static void the_same_document_wakes_nobody(void **state)
{
    struct stack *stack = *state;
    char index[24], same[24];
    http_put(stack->port, "/s", "{\"a\": 1}", index);
    struct call *call = wait_on(stack, "/s", index);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(http_put(stack->port, "/s", "{\"a\": 1}", same), 204);
        assert_string_equal(same, index);
    }
    assert_int_equal(stack_status(stack, "waiting"), 1);
    assert_false(call_done(call));
    struct answer answer =
        put(stack, "/publish/s", "Content-Type: text/plain", "{\"a\": 1}", 0);
    assert_int_equal(answer.status, 204); /* other bytes or another type do */
    answer_free(&answer);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    answer_must_have(&answer, "Content-Type", "text/plain");
    answer_free(&answer);
}

static void every_change_has_a_higher_index(void **state)
{
    static const char *const resources[] = {"/i/a", "/i/b", "/i/a", "/i/c/d", "/i/b"};
    static const char *const methods[] = {"POST", "PUT", "DELETE"};
    struct stack *stack = *state;
    long long last = 0;
    for (size_t i = 0; i < 15; i++) {
        const char *method = methods[i / 5], *resource = resources[i % 5];
        char index[24], body[24];
        snprintf(body, sizeof body, "%zu", i);
        long status = strcmp(method, "PUT") == 0
                          ? http_put(stack->port, resource, body, index)
                          : http_publish(stack->port, method, resource, index);
        if (status == 404)
            continue;
        assert_true(status == 201 || status == 204);
        assert_true(atoll(index) > last);
        assert_true(atoll(index) < 1LL << 53);
        last = atoll(index);
    }
    assert_int_equal(stack_status(stack, "index"), last);
}

static void any_bytes_come_back_as_they_were(void **state)
{
    struct stack *stack = *state;
    size_t len = 1048576; /* limits.body */
    char *bytes = malloc(len);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(i * 31 + i / 251);
    struct answer answer = put(stack, "/publish/bytes", "Content-Type: x/y", bytes, len);
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    answer = http_get(stack->port, "/bytes", NULL);
    assert_int_equal(answer.body_len, len);
    assert_memory_equal(answer.body, bytes, len);
    answer_free(&answer);
    free(bytes);
}

static void an_empty_document_of_no_type_is_one(void **state)
{
    struct stack *stack = *state;
    char index[256];
    struct answer answer = put(stack, "/publish/empty", NULL, "", 0);
    assert_int_equal(answer.status, 201);
    answer_header(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    must_read(stack, "/empty", "", index);
    answer = http_get(stack->port, "/empty", NULL);
    answer_must_have(&answer, "Content-Type", "application/octet-stream");
    answer_free(&answer);
}

static void nobody_publishes_where_it_is_not_granted(void **state)
{
    static const char *const methods[] = {"PUT", "POST", "DELETE", "PATCH", "MOVE"};
    struct stack *stack = *state;
    char index[24];
    http_put(stack->port, "/g", "1", index);
    for (size_t i = 0; i < 5; i++) {
        struct answer answer = http(&(struct http){
            .port = stack->port,
            .method = methods[i],
            .path = "/g",
            .headers = {"FCGIWAIT_ACCESS: publish", "FCGIWAIT-ACCESS: publish"},
            .body = "2"});
        must(answer.status == 405, "%s: %ld", methods[i], answer.status);
        answer_must_have(&answer, "Allow", "GET, HEAD, OPTIONS");
        answer_must_have(&answer, "Content-Type", "application/problem+json");
        answer_free(&answer);
    }
    must_read(stack, "/g", "1", index);
}

static void a_method_that_nobody_knows_is_405_with_those_that_are(void **state)
{
    struct stack *stack = *state;
    char allow[256];
    struct answer answer =
        http(&(struct http){.port = stack->port, .method = "MOVE", .path = "/publish/g"});
    assert_int_equal(answer.status, 405);
    answer_header(&answer, "Allow", allow);
    assert_non_null(strstr(allow, "PUT"));
    assert_non_null(strstr(allow, "DELETE"));
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(put_makes_and_replaces),
        cmocka_unit_test(delete_removes),
        cmocka_unit_test(post_touches),
        cmocka_unit_test(post_touches_what_does_not_exist),
        cmocka_unit_test(post_takes_no_body),
        cmocka_unit_test(the_same_document_wakes_nobody),
        cmocka_unit_test(every_change_has_a_higher_index),
        cmocka_unit_test(any_bytes_come_back_as_they_were),
        cmocka_unit_test(an_empty_document_of_no_type_is_one),
        cmocka_unit_test(nobody_publishes_where_it_is_not_granted),
        cmocka_unit_test(a_method_that_nobody_knows_is_405_with_those_that_are),
    };
    return cmocka_run_group_tests_name("publishing_changes_the_resource", tests,
                                       stack_setup, stack_teardown) +
           cmocka_run_group_tests_name("publishing_changes_the_resource, sqlite", tests,
                                       stack_setup_sqlite, stack_teardown);
}
