#include <stdio.h>
#include <stdlib.h>

#include "crowd.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define CLIENTS 6
#define DEPARTURES 90

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
static void poll_until(const struct stack *stack, struct crowd *crowd, const char *path,
                       long long gone)
{
    for (double start = seconds_now();
         stack_status(stack, "held_gone") < gone ||
         stack_logged(stack, "fastcgi_read_timeout") == 0;) {
        must(seconds_now() - start < 60, "waits are not cut off, or nobody says so");
        crowd_ask(crowd, path);
        crowd_turn(crowd, 200);
    }
}

static void a_timeout_shorter_than_the_wait_is_named_once(void **state)
{
    struct stack *stack = *state;
    struct crowd crowd;
    char path[64];
    poll_path(stack, path);
    crowd_open(&crowd, stack->port, CLIENTS);
    poll_until(stack, &crowd, path, CLIENTS + 1); /* in the second round */
    assert_int_equal(stack_logged(stack, "closed from outside after 5"), 1);
    assert_int_equal(stack_logged(stack, "fastcgi_read_timeout of 5"), 1);
    poll_until(stack, &crowd, path, stack_status(stack, "held_gone") + CLIENTS);
    assert_int_equal(stack_logged(stack, "fastcgi_read_timeout"), 1);
    assert_true(crowd.answers[504] >= CLIENTS);
    crowd_close(&crowd);
}

static void leave(struct crowd *crowd, double *leave_at, int *gone)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->clients[i].state == CLIENT_ASKING && seconds_now() > leave_at[i]) {
            client_hang_up(crowd, &crowd->clients[i]);
            ++*gone;
        }
}

static void come(struct crowd *crowd, double *leave_at, const char *path)
{
    for (size_t i = 0; i < crowd->count; i++)
        if (crowd->clients[i].state != CLIENT_ASKING) {
            client_ask(crowd, &crowd->clients[i], path);
            leave_at[i] = seconds_now() + 0.2 + 5 * drand48();
        }
}

static void clients_that_leave_as_they_like_are_not_named(void **state)
{
    struct stack *stack = *state;
    struct crowd crowd;
    double leave_at[3 * CLIENTS] = {0};
    char path[64];
    int gone = 0;
    poll_path(stack, path);
    srand48(1);
    crowd_open(&crowd, stack->port, 3 * CLIENTS);
    for (double start = seconds_now(); gone < DEPARTURES;) {
        must(seconds_now() - start < 120, "only %d clients could leave", gone);
        come(&crowd, leave_at, path);
        crowd_turn(&crowd, 20);
        leave(&crowd, leave_at, &gone);
    }
    crowd_close(&crowd);
    await_waiting(stack, 0);
    assert_true(stack_status(stack, "held_gone") >= DEPARTURES);
    assert_int_equal(stack_logged(stack, "fastcgi_read_timeout"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(a_timeout_shorter_than_the_wait_is_named_once, &short_timeout),
        stack_test(clients_that_leave_as_they_like_are_not_named, NULL),
    };
    return cmocka_run_group_tests_name("short_timeout_is_named", tests, NULL, NULL);
}
