/* SPDX-License-Identifier: ISC */
#include "clients.h"
#include "must.h"
#include "proc.h"
#include "reader.h"
#include "stack.h"

#define CLIENTS 300

/* Whoever has looked at the live page leaves nothing behind that ticks. */
static void look_at_the_page(const struct stack *stack)
{
    static const char *const headers[] = {NULL};
    struct reader reader;
    reader_open(&reader, stack->port, NULL, "/fcgiwait/page?events", headers, 0);
    for (int i = 0; i < 2; i++)
        must(reader_event(&reader) != NULL, "the page's numbers end");
    reader_close(&reader);
    await_status(stack, "viewers", 0);
}

/* While they wait nobody asks for the status either: that would be a request. */
static void with_requests_waiting_and_nothing_happening_it_sleeps(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
#ifdef __SANITIZE_THREAD__
    skip(); /* ThreadSanitizer has a thread of its own in the process, which ticks */
#endif
    look_at_the_page(stack);
    clients_open(&clients, stack->port, CLIENTS);
    clients_ask(&clients, "/a?index=0&wait=50");
    await_waiting(stack, CLIENTS);
    sleep_ms(1000); /* what the last status request left to do is done */
    assert_true(proc_sleeps(stack->fcgiwait, 5000));
    assert_int_equal(clients.asking, CLIENTS);
    long before = proc_switches(stack->fcgiwait);
    clients_hang_up(&clients);
    await_waiting(stack, 0); /* and it is awake again */
    assert_true(proc_switches(stack->fcgiwait) > before);
    clients_close(&clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_requests_waiting_and_nothing_happening_it_sleeps),
    };
    return cmocka_run_group_tests_name("silence_wakes_nobody", tests, stack_setup,
                                       stack_teardown) +
           cmocka_run_group_tests_name("silence_wakes_nobody, sqlite", tests,
                                       stack_setup_sqlite, stack_teardown);
}
