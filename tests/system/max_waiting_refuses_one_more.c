/* SPDX-License-Identifier: ISC */
#include <stdlib.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

static void must_be_refused(const struct stack *stack)
{
    char value[256];
    struct answer answer = http_get(stack->port, "/a?index=0&wait=50", NULL);
    assert_int_equal(answer.status, 503);
    assert_true(atol(answer_header(&answer, "Retry-After", value)) > 0);
    answer_must_have(&answer, "Content-Type", "application/problem+json");
    answer_free(&answer);
}

/* Whatever need not wait: a GET, publishes, a 304 at once, the status. */
static void must_go_through(const struct stack *stack)
{
    char index[24];
    assert_int_equal(http_put(stack->port, "/other", "1", index), 201);
    struct answer answer = http_get(stack->port, "/other", NULL);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    answer = http_get(stack->port, "/a?index=0&wait=0", NULL);
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
    assert_int_equal(http_publish(stack->port, "POST", "/other", NULL), 204);
    assert_int_equal(http_publish(stack->port, "DELETE", "/other", NULL), 204);
}

static const struct stack_options five = {.config = "max_waiting = 5;"};

static void one_more_than_max_waiting_gets_503(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port, 5);
    clients_ask(&clients, "/a?index=0&wait=50");
    await_waiting(stack, 5);
    must_be_refused(stack);
    must_go_through(stack);
    assert_int_equal(stack_status(stack, "refused"), 1);
    client_hang_up(&clients, &clients.clients[2]); /* a place is free again */
    await_waiting(stack, 4);
    client_ask(&clients, &clients.clients[2], "/a?index=0&wait=50");
    await_waiting(stack, 5);
    must_be_refused(stack);
    assert_int_equal(http_put(stack->port, "/a", "1", NULL), 201);
    clients_await(&clients);
    assert_int_equal(clients.answers[200], 5);
    clients_close(&clients);
}

static const struct stack_options none = {.config = "max_waiting = 0;"};

static void a_max_waiting_of_0_holds_nobody(void **state)
{
    must_be_refused(*state);
    must_go_through(*state);
}

static const struct stack_options few_files = {.config = "max_waiting = 10000;",
                                               .files = 600};

/* nginx keeps a connection for each waiter; those and no more fit the limit. */
static void what_does_not_fit_the_descriptors_is_reported_and_not_held(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    long long most = stack_status(stack, "max_waiting");
    assert_int_equal(stack_logged(stack, "warn: max_waiting = 10000 does not fit"), 1);
    assert_true(most > 0 && most < 600);
    clients_open(&clients, stack->port, 500);
    clients_ask(&clients, "/a?index=0&wait=50");
    await_waiting(stack, most);
    while (clients.asking > (size_t)most)
        clients_turn(&clients, 1000);
    assert_int_equal(clients.answers[503], 500 - most);
    must_go_through(stack);
    assert_int_equal(http_put(stack->port, "/a", "1", NULL), 201);
    clients_await(&clients);
    assert_int_equal(clients.answers[200], most);
    assert_int_equal(stack_status(stack, "accept_pauses"), 0);
    clients_close(&clients);
}

static const struct stack_options two_each = {
    .config = "limits = { waiting_per_client = 2; };",
    .location = "fastcgi_param FCGIWAIT_CLIENT $binary_remote_addr$http_from;"};

static int status_for(const struct stack *stack, const char *from, char retry[256])
{
    struct answer answer = http_get(stack->port, "/a?index=0&wait=50", from);
    int status = answer.status;
    answer_header(&answer, "Retry-After", retry);
    answer_free(&answer);
    return status;
}

static void one_client_does_not_take_the_places_of_others(void **state)
{
    struct stack *stack = *state;
    struct call *held[3];
    char retry[256];
    for (int i = 0; i < 3; i++)
        held[i] = call_start(&(struct http){.port = stack->port,
                                            .path = "/a?index=0&wait=50",
                                            .headers = {i < 2 ? "From: a" : "From: b"}});
    await_waiting(stack, 3);
    assert_int_equal(status_for(stack, "From: a", retry), 429);
    assert_true(atol(retry) > 0);
    assert_int_equal(stack_status(stack, "refused_client"), 1);
    assert_int_equal(stack_status(stack, "refused"), 0);
    assert_int_equal(http_put(stack->port, "/a", "1", NULL), 201);
    for (int i = 0; i < 3; i++) {
        struct answer answer = call_join(held[i]);
        assert_int_equal(answer.status, 200);
        answer_free(&answer);
    }
    assert_int_equal(status_for(stack, "From: a", retry), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(one_more_than_max_waiting_gets_503, &five),
        stack_test(a_max_waiting_of_0_holds_nobody, &none),
        stack_test(one_client_does_not_take_the_places_of_others, &two_each),
        stack_test(what_does_not_fit_the_descriptors_is_reported_and_not_held,
                   &few_files),
    };
    return cmocka_run_group_tests_name("max_waiting_refuses_one_more", tests, NULL, NULL);
}
