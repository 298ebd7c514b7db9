/* SPDX-License-Identifier: ISC */
/* 8,000 new requests at once: more than the listen queue holds. */
#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define CLIENTS 8000

static void a_burst_gets_not_one_502(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port,
                 CLIENTS); /* to nginx: its own queue is not in play */
    double start = seconds_now();
    clients_ask(&clients, "/a?index=0&wait=50");
    print_message("asked within %.3f s\n", seconds_now() - start);
    await_waiting(stack, CLIENTS);
    print_message("held within %.3f s\n", seconds_now() - start);
    http_put(stack->port, "/a", "1", NULL);
    clients_await(&clients);
    assert_int_equal(clients.answers[200], CLIENTS);
    assert_int_equal(clients.lost, 0);
    assert_true(stack_status(stack, "connections_accepted") >= CLIENTS);
    clients_close(&clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_gets_not_one_502),
    };
    return cmocka_run_group_tests_name("burst_is_accepted", tests, stack_setup,
                                       stack_teardown);
}
