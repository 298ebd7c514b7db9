/* SPDX-License-Identifier: ISC */
#include <stdio.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define CLIENTS 1000

/* What nginx keeps open for its own next requests: a few of each worker's. */
#define KEPT 8

/* How long it takes until all of them are forgotten. */
static double kill_all(const struct stack *stack, size_t before)
{
    struct clients clients;
    clients_open(&clients, stack->port, CLIENTS);
    clients_ask(&clients, "/a?index=0&wait=50");
    await_waiting(stack, CLIENTS);
    assert_true(stack_descriptors(stack) >= before + CLIENTS - KEPT);
    double start = seconds_now();
    clients_close(&clients);
    await_waiting(stack, 0);
    while (stack_descriptors(stack) > before + KEPT) {
        must(seconds_now() - start < 60, "%zu descriptors, and %zu at the start",
             stack_descriptors(stack), before);
        sleep_ms(5);
    }
    return seconds_now() - start;
}

static void all_are_forgotten_at_once(void **state)
{
    struct stack *stack = *state;
    double least = 60;
    await_waiting(stack, 0);
    size_t before = stack_descriptors(stack);
    for (int round = 0; round < 3; round++) {
        double took = kill_all(stack, before);
        printf("%d of them within %.2f s\n", CLIENTS, took);
        least = took < least ? took : least;
    }
    must(least < 10, "%.1f s", least); /* 2 s on a machine of one's own */
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
