/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "http.h"
#include "must.h"
#include "stack.h"

static struct call *wait_for(const struct stack *stack, const char *resource,
                             const char *index)
{
    char path[128];
    snprintf(path, sizeof path, "%s?index=%s&wait=50", resource, index);
    return call_start(&(struct http){.port = stack->port, .path = path});
}

static void must_be_missing(const struct answer *answer, const char *index)
{
    assert_int_equal(answer->status, 404);
    answer_must_have(answer, "X-Polling-Index", index);
    answer_must_have(answer, "Content-Type", "application/problem+json");
}

static void what_has_never_existed_has_index_0_and_can_be_made(void **state)
{
    struct stack *stack = *state;
    char index[24];
    struct answer answer = http_get(stack->port, "/new", NULL);
    must_be_missing(&answer, "0");
    answer_free(&answer);
    struct call *call = wait_for(stack, "/new", "0");
    await_waiting(stack, 1);
    assert_int_equal(http_put(stack->port, "/new", "[1]", index), 201);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "[1]");
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
}

static void a_deletion_is_a_change_that_answers_404(void **state)
{
    struct stack *stack = *state;
    char index[24];
    http_put(stack->port, "/old", "1", index);
    struct call *call = wait_for(stack, "/old", index);
    await_waiting(stack, 1);
    assert_int_equal(http_publish(stack->port, "DELETE", "/old", index), 204);
    struct answer answer = call_join(call);
    must_be_missing(&answer, index);
    answer_free(&answer);
    call = wait_for(stack, "/old", index);
    await_waiting(stack, 1);
    assert_int_equal(http_put(stack->port, "/old", "2", index), 201);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_free(&answer);
}

static void the_wait_for_what_never_comes_expires_with_304(void **state)
{
    struct stack *stack = *state;
    struct answer answer = http_get(stack->port, "/never?index=0&wait=300ms", NULL);
    assert_int_equal(answer.status, 304);
    answer_must_have(&answer, "X-Polling-Index", "0");
    answer_must_have(&answer, "ETag", "\"0\"");
    answer_free(&answer);
}

static void a_change_elsewhere_wakes_nobody(void **state)
{
    struct stack *stack = *state;
    struct call *call = wait_for(stack, "/x/y", "0");
    await_waiting(stack, 1);
    http_put(stack->port, "/x", "1", NULL);
    http_put(stack->port, "/x/", "1", NULL);
    http_put(stack->port, "/x/y/", "1", NULL);
    http_put(stack->port, "/x/y/z", "1", NULL);
    http_put(stack->port, "/x/yy", "1", NULL);
    assert_int_equal(stack_status(stack, "waiting"), 1);
    assert_false(call_done(call));
    http_put(stack->port, "/x/y", "1", NULL);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_never_existed_has_index_0_and_can_be_made),
        cmocka_unit_test(a_deletion_is_a_change_that_answers_404),
        cmocka_unit_test(the_wait_for_what_never_comes_expires_with_304),
        cmocka_unit_test(a_change_elsewhere_wakes_nobody),
    };
    return cmocka_run_group_tests_name("missing_resource_can_be_waited_for", tests,
                                       stack_setup, stack_teardown) +
           cmocka_run_group_tests_name("missing_resource_can_be_waited_for, sqlite",
                                       tests, stack_setup_sqlite, stack_teardown);
}
