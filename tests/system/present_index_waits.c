/* SPDX-License-Identifier: ISC */
/* Who is held until something changes, and who is answered at once, for every spelling
 * of index and wait. */
#include <stdio.h>

#include "http.h"
#include "must.h"
#include "stack.h"

/* %s stands for the present index. */
struct spelling {
    const char *query;
    const char *headers[2];
};

/* The spelled request, with its texts in `bytes`. */
static struct http spell(const struct stack *stack, const struct spelling *spelling,
                         const char *index, char bytes[3][512])
{
    struct http request = {.port = stack->port, .path = bytes[0]};
    int len = snprintf(bytes[0], 512, "/a");
    snprintf(bytes[0] + len, (size_t)(512 - len), spelling->query, index);
    for (size_t i = 0; i < 2 && spelling->headers[i] != NULL; i++) {
        snprintf(bytes[i + 1], 512, spelling->headers[i], index);
        request.headers[i] = bytes[i + 1];
    }
    return request;
}

static const struct spelling held[] = {
    {"?index=%s&wait=50", {NULL}},
    {"?index=%s&wait=50s", {NULL}},
    {"?index=%s&wait=0h0m50.5s", {NULL}},
    {"?index=%s&wait=50000", {NULL}},
    {"?index=%s&wait=%%35%%30", {NULL}},
    {"?x=y&index=%s&z&wait=50", {NULL}},
    {"?index=%s&wait=50&index=7&wait=0", {NULL}},
    {"?index=%s", {NULL}},
    {"?index=%s&wait=soon", {NULL}},
    {"?index=%s&wait=-1", {NULL}},
    {"?index=%s", {"Prefer: wait=50"}},
    {"?wait=50", {"Prefer: index=%s"}},
    {"", {"Prefer: wait=50;index=%s"}},
    {"", {"Prefer: wait=50s;index=%s;"}},
    {"", {"Prefer: wait=50, index=\"%s\""}},
    {"", {"Prefer: index=%s"}},
    {"", {"Prefer: respond-async, WAIT=50, Index=%s, handling=lenient"}},
    {"", {"Prefer: wait=50, wait=0, index=%s, index=7"}},
    {"", {"Prefer: wait=50", "Prefer: index=%s"}},
    {"?index=%s", {"Prefer: modes=snapshot,delta;wait=50"}},
    {"?wait=50", {"If-None-Match: \"%s\""}},
    {"?wait=50", {"If-None-Match: \"x\", W/\"%s\" , \"7\""}},
    {"", {"Prefer: wait=50s", "If-None-Match: \"%s\""}},
    {"?wait=50", {"If-None-Match: *"}},
    /* the query before Prefer, Prefer before If-None-Match */
    {"?index=%s&wait=50", {"Prefer: wait=0;index=7", "If-None-Match: \"8\""}},
    {"", {"Prefer: wait=50;index=%s", "If-None-Match: \"8\""}},
};

static void the_present_index_is_held_until_a_change(void **state)
{
    struct stack *stack = *state;
    char index[24], bytes[3][512], body[64], value[256];
    for (size_t i = 0; i < sizeof held / sizeof *held; i++) {
        http_put(stack->port, "/a", "\"before\"", index);
        struct http request = spell(stack, &held[i], index, bytes);
        struct call *call = call_start(&request);
        await_waiting(stack, 1);
        snprintf(body, sizeof body, "\"change %zu\"", i);
        assert_int_equal(http_put(stack->port, "/a", body, index), 204);
        struct answer answer = call_join(call);
        must(answer.status == 200, "row %zu: %ld", i, answer.status);
        assert_string_equal(answer.body, body);
        assert_string_equal(answer_header(&answer, "X-Polling-Index", value), index);
        answer_free(&answer);
    }
}

static const struct spelling at_once[] = {
    {"", {NULL}},
    {"?wait=50", {NULL}},
    {"", {"Prefer: wait=50"}},
    {"?index=1&wait=50", {NULL}},
    {"?index=9007199254740991&wait=50", {NULL}},
    {"?index=%s0&wait=50", {NULL}},
    {"?index=0%s&wait=50", {NULL}},
    {"?index=0&wait=50", {NULL}},
    {"?index=abc&wait=50", {NULL}},
    {"?index=&wait=50", {NULL}},
    {"?index&wait=50", {NULL}},
    {"?index=-1&wait=50", {NULL}},
    {"?index=%%zz&wait=50", {NULL}},
    {"?index=%s%%20&wait=50", {NULL}},
    {"?INDEX=%s&wait=50", {NULL}},
    {"?wait=50", {"Prefer: index=abc"}},
    {"", {"Prefer: wait=50; index=\"%s"}},
    {"?wait=50", {"If-None-Match: \"7\""}},
    {"?wait=50", {"If-None-Match: %s"}},
    {"", {"If-None-Match: \"7\", W/\"8\""}},
    /* the query before Prefer, Prefer before If-None-Match */
    {"?index=7&wait=50", {"Prefer: index=%s"}},
    {"", {"Prefer: wait=50;index=7", "If-None-Match: \"%s\""}},
};

/* Held, each of these would get a 304. */
static void any_other_index_is_answered_at_once(void **state)
{
    struct stack *stack = *state;
    char index[24], bytes[3][512], value[256];
    http_put(stack->port, "/a", "\"now\"", index);
    for (size_t i = 0; i < sizeof at_once / sizeof *at_once; i++) {
        struct http request = spell(stack, &at_once[i], index, bytes);
        struct answer answer = http(&request);
        must(answer.status == 200, "row %zu: %ld", i, answer.status);
        assert_string_equal(answer.body, "\"now\"");
        assert_string_equal(answer_header(&answer, "X-Polling-Index", value), index);
        answer_free(&answer);
    }
    assert_int_equal(stack_status(stack, "held_expired"), 0);
}

static void an_index_from_an_answer_can_be_waited_on(void **state)
{
    struct stack *stack = *state;
    char index[256], path[320];
    http_put(stack->port, "/a", "\"now\"", NULL);
    struct answer answer = http_get(stack->port, "/a", NULL);
    answer_header(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    snprintf(path, sizeof path, "/a?index=%s&wait=50", index);
    struct call *call =
        call_start(&(struct http){.port = stack->port, .path = path, .method = "HEAD"});
    await_waiting(stack, 1);
    http_put(stack->port, "/a", "\"then\"", NULL);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_len, 0);
    answer_must_have(&answer, "Content-Length", "6");
    answer_free(&answer);
}

/* Who has read one resource can go on with another from there, whether it is older, was
 * never there, or was deleted; and after a restart of a store that survives. */
static void an_index_from_another_resource_waits_too(void **state)
{
    static const char *const paths[] = {"/old", "/never", "/deleted"};
    struct stack *stack = *state;
    char index[24], url[128];
    http_put(stack->port, "/old", "1", NULL);
    http_put(stack->port, "/deleted", "1", NULL);
    http_publish(stack->port, "DELETE", "/deleted", index);
    http_put(stack->port, "/new", "\"at the end\"", index);
    http_put(stack->port, "/new", "\"or so\"", index);
    for (size_t i = 0; i < 3; i++) {
        snprintf(url, sizeof url, "%s?index=%s&wait=50", paths[i], index);
        struct call *call = call_start(&(struct http){.port = stack->port, .path = url});
        await_waiting(stack, 1);
        http_put(stack->port, paths[i], "\"changed\"", index);
        struct answer answer = call_join(call);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, "\"changed\"");
        answer_free(&answer);
    }
    snprintf(url, sizeof url, "/old?index=%s9&wait=50", index);
    struct answer answer = http_get(stack->port, url, NULL); /* nobody has given that */
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_present_index_is_held_until_a_change),
        cmocka_unit_test(any_other_index_is_answered_at_once),
        cmocka_unit_test(an_index_from_an_answer_can_be_waited_on),
        cmocka_unit_test(an_index_from_another_resource_waits_too),
    };
    return cmocka_run_group_tests_name("present_index_waits", tests, stack_setup,
                                       stack_teardown) +
           cmocka_run_group_tests_name("present_index_waits, sqlite", tests,
                                       stack_setup_sqlite, stack_teardown);
}
