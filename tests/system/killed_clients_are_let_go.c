/* SPDX-License-Identifier: ISC */
#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define CLIENTS 1000

/* What nginx keeps open for its own next requests: a few of each worker's. */
#define KEPT 8

static void all_are_forgotten_at_once(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    await_waiting(stack, 0);
    size_t before = stack_descriptors(stack);
    for (int round = 0; round < 3; round++) {
        clients_open(&clients, stack->port, CLIENTS);
        clients_ask(&clients, "/a?index=0&wait=50");
        await_waiting(stack, CLIENTS);
        assert_true(stack_descriptors(stack) >= before + CLIENTS - KEPT);
        double start = seconds_now();
        clients_close(&clients);
        await_waiting(stack, 0);
        double took = seconds_now() - start;
        must(took < 10, "%.1f s", took); /* 2 s on a machine of one's own */
        for (start = seconds_now(); stack_descriptors(stack) > before + KEPT; sleep_ms(5))
            must(seconds_now() - start < 10, "%zu descriptors, and %zu at the start",
                 stack_descriptors(stack), before);
    }
    assert_int_equal(stack_status(stack, "held_gone"), 3 * CLIENTS);
    assert_int_equal(http_put(stack->port, "/a", "1", NULL), 201);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_forgotten_at_once),
    };
    return cmocka_run_group_tests_name("killed_clients_are_let_go", tests, stack_setup,
                                       stack_teardown);
}
