/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "http.h"
#include "must.h"
#include "stack.h"

static void a_wait_that_brings_nothing_ends_in_time_with_304(void **state)
{
    struct stack *stack = *state;
    char path[128], index[24], value[256];
    assert_int_equal(http_put(stack->port, "/a", "{}", index), 201);
    snprintf(path, sizeof path, "/a?index=%s&wait=2s", index);
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 304);
    assert_string_equal(answer_header(&answer, "X-Polling-Index", value), index);
    assert_int_equal(answer.body_len, 0);
    assert_true(answer.seconds > 1.5);
    assert_true(answer.seconds < 12);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_that_brings_nothing_ends_in_time_with_304),
    };
    return cmocka_run_group_tests_name("wait_expires_with_304", tests, stack_setup,
                                       stack_teardown);
}
