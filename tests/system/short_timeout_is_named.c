/* SPDX-License-Identifier: ISC */
#include <stdio.h>
#include <stdlib.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define CLIENTS 6
#define DEPARTURES 90

/* A machine that stands still makes timeouts longer, and those leave together who did not
 * mean to. */
#define GOES 3

static const struct stack_options short_timeout = {
    .location = "fastcgi_read_timeout 5s;",
};

static void poll_path(const struct stack *stack, char path[64])
{
    char index[24];
    assert_int_equal(http_put(stack->port, "/a", "{}", index), 201);
    snprintf(path, 64, "/a?index=%s&wait=15s", index);
}

/* Whoever has been answered asks again, until so many were hung up, and the log has a
 * line for it. A busy machine notices late, and may need some more of them. */
static void poll_until(const struct stack *stack, struct clients *clients,
                       const char *path, long long gone)
{
    for (double start = seconds_now();
         stack_status(stack, "held_gone") < gone ||
         stack_logged(stack, "fastcgi_read_timeout") == 0;) {
        must(seconds_now() - start < 60, "waits are not cut off, or nobody says so");
        clients_ask(clients, path);
        clients_turn(clients, 200);
    }
}

/* With nothing remembered, and nothing in its log. */
static void begin_anew(struct stack *stack)
{
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    stack_start_fcgiwait(stack);
}

/* True: it is named as what it is. */
static bool name_a_short_timeout(const struct stack *stack)
{
    struct clients clients;
    char path[64];
    poll_path(stack, path);
    clients_open(&clients, stack->port, CLIENTS);
    poll_until(stack, &clients, path, CLIENTS + 1); /* in the second round */
    bool named = stack_logged(stack, "closed from outside after 5") == 1 &&
                 stack_logged(stack, "fastcgi_read_timeout of 5") == 1;
    poll_until(stack, &clients, path, stack_status(stack, "held_gone") + CLIENTS);
    assert_int_equal(stack_logged(stack, "fastcgi_read_timeout"), 1);
    assert_true(clients.answers[504] >= CLIENTS);
    clients_close(&clients);
    return named;
}

static void a_timeout_shorter_than_the_wait_is_named_once(void **state)
{
    bool named = name_a_short_timeout(*state);
    for (int i = 1; i < GOES && !named; i++) {
        begin_anew(*state);
        named = name_a_short_timeout(*state);
    }
    assert_true(named);
}

static void leave(struct clients *clients, double *leave_at, int *tombstones)
{
    for (size_t i = 0; i < clients->count; i++)
        if (clients->clients[i].state == CLIENT_ASKING && seconds_now() > leave_at[i]) {
            client_hang_up(clients, &clients->clients[i]);
            ++*tombstones;
        }
}

static void come(struct clients *clients, double *leave_at, const char *path)
{
    for (size_t i = 0; i < clients->count; i++)
        if (clients->clients[i].state != CLIENT_ASKING) {
            client_ask(clients, &clients->clients[i], path);
            leave_at[i] = seconds_now() + 0.2 + 5 * drand48();
        }
}

/* True: nobody is blamed for it. */
static bool leave_as_they_like(const struct stack *stack)
{
    struct clients clients;
    double leave_at[3 * CLIENTS] = {0};
    char path[64];
    int gone = 0;
    poll_path(stack, path);
    clients_open(&clients, stack->port, 3 * CLIENTS);
    for (double start = seconds_now(); gone < DEPARTURES;) {
        must(seconds_now() - start < 120, "only %d clients could leave", gone);
        come(&clients, leave_at, path);
        clients_turn(&clients, 20);
        leave(&clients, leave_at, &gone);
    }
    clients_close(&clients);
    await_waiting(stack, 0);
    assert_true(stack_status(stack, "held_gone") >= DEPARTURES);
    return stack_logged(stack, "fastcgi_read_timeout") == 0;
}

static void clients_that_leave_as_they_like_are_not_named(void **state)
{
    srand48(1);
    bool good = leave_as_they_like(*state);
    for (int i = 1; i < GOES && !good; i++) {
        begin_anew(*state);
        good = leave_as_they_like(*state);
    }
    assert_true(good);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(a_timeout_shorter_than_the_wait_is_named_once, &short_timeout),
        stack_test(clients_that_leave_as_they_like_are_not_named, NULL),
    };
    return cmocka_run_group_tests_name("short_timeout_is_named", tests, NULL, NULL);
}
