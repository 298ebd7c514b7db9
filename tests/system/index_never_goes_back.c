/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>

#include "http.h"
#include "must.h"
#include "stack.h"

static void an_index_is_never_given_twice_over_restarts(void **state)
{
    struct stack *stack = *state;
    long long last = 0;
    for (int life = 0; life < 4; life++) {
        char index[24];
        for (int i = 0; i < 5; i++) {
            http_publish(stack->port, "POST", "/a", index);
            assert_true(atoll(index) > last);
            assert_true(atoll(index) < 1LL << 53);
            last = atoll(index);
        }
        assert_int_equal(stack_end_fcgiwait(stack), 0);
        stack_start_fcgiwait(stack);
        assert_true(stack_status(stack, "index") >= last);
    }
}

/* Nobody is held on an index of a former life, and nobody is told that it is still the
 * present one. */
static void an_index_of_a_former_life_means_nothing(void **state)
{
    struct stack *stack = *state;
    char old[24], new[24], path[64];
    http_put(stack->port, "/a", "1", old);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    stack_start_fcgiwait(stack);
    snprintf(path, sizeof path, "/a?index=%s&wait=50", old);
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 404);
    answer_must_have(&answer, "X-Polling-Index", "0");
    answer_free(&answer);
    http_put(stack->port, "/a", "1", new);
    answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 200);
    answer_must_have(&answer, "X-Polling-Index", new);
    answer_free(&answer);
}

static const struct stack_options sqlite = {.sqlite = true};

static void a_store_that_was_emptied_starts_above_its_former_life(void **state)
{
    struct stack *stack = *state;
    char old[24], new[24], command[256];
    http_put(stack->port, "/a", "1", old);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    snprintf(command, sizeof command, "rm %s/store.db*", stack->dir);
    assert_int_equal(system(command), 0);
    stack_start_fcgiwait(stack);
    http_put(stack->port, "/a", "1", new);
    assert_true(atoll(new) > atoll(old));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(an_index_is_never_given_twice_over_restarts, NULL),
        stack_test(an_index_is_never_given_twice_over_restarts, &sqlite),
        stack_test(an_index_of_a_former_life_means_nothing, NULL),
        stack_test(a_store_that_was_emptied_starts_above_its_former_life, &sqlite),
    };
    return cmocka_run_group_tests_name("index_never_goes_back", tests, NULL, NULL);
}
