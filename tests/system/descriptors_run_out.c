/* SPDX-License-Identifier: ISC */
/* accept() fails with EMFILE: accepting pauses, everything else goes on. */
#include <unistd.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define FILES 64
#define CONNECTIONS 80

static const struct stack_options few_files = {.files = FILES, .logs_errors = true};

static void must_be_served(int fd, int id)
{
    struct records records = {0};
    struct answer answer;
    records_get(&records, id, true, "/a");
    assert_true(records_send(&records, fd));
    assert_true(fcgi_read_answer(fd, id, &answer));
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    records_free(&records);
}

static void await_pauses(const struct stack *stack)
{
    await_logged(stack, "no new connections for the moment");
    assert_int_equal(stack_descriptors(stack), FILES);
}

static void nobody_is_lost_while_descriptors_run_out(void **state)
{
    struct stack *stack = *state;
    int fds[CONNECTIONS];
    http_put(stack->port, "/a", "1", NULL);
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = fcgi_connect(stack);
    await_pauses(stack);
    must_be_served(fds[0], 1); /* whoever is in */
    struct call *call = call_start(&(struct http){.port = stack->port, .path = "/a"});
    must_be_served(fds[1], 1);
    for (int i = 2; i < CONNECTIONS; i++)
        close(fds[i]);
    struct answer answer = call_join(call); /* whoever waited outside */
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    must_be_served(fds[0], 2);
    close(fds[0]);
    close(fds[1]);
}

/* A tenth of a second each: a loop without a rest would count thousands. */
static void it_rests_between_its_attempts(void **state)
{
    struct stack *stack = *state;
    int fds[CONNECTIONS];
    for (int i = 0; i < CONNECTIONS; i++)
        fds[i] = fcgi_connect(stack);
    await_pauses(stack);
    sleep_ms(1000);
    assert_int_equal(stack_logged(stack, "no new connections"), 1); /* once a minute */
    for (int i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    long long pauses = stack_status(stack, "accept_pauses");
    must(pauses >= 1 && pauses < 200, "%lld pauses", pauses);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(nobody_is_lost_while_descriptors_run_out, &few_files),
        stack_test(it_rests_between_its_attempts, &few_files),
    };
    return cmocka_run_group_tests_name("descriptors_run_out", tests, NULL, NULL);
}
