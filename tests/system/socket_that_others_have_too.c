/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "stack.h"

/* Its listening socket, as others have it who hold it, too. */
static int shared_socket(const struct stack *stack)
{
    int process = (int)syscall(SYS_pidfd_open, stack->fcgiwait, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, process, 0, 0);
    close(process);
    if (fd < 0)
        skip(); /* not allowed here */
    return fd;
}

/* What systemd does whenever it runs a command of the unit. */
static void make_blocking(const struct stack *stack)
{
    int fd = shared_socket(stack), flags = fcntl(fd, F_GETFL);
    assert_true((flags & O_NONBLOCK) != 0);
    assert_int_equal(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK), 0);
    close(fd);
}

static void it_stops_though_the_socket_was_made_blocking(void **state)
{
    struct stack *stack = *state;
    make_blocking(stack);
    struct call *call =
        call_start(&(struct http){.port = stack->port, .path = "/none?index=0&wait=50"});
    await_waiting(stack, 1);
    make_blocking(stack);
    double start = seconds_now();
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 304);
    assert_true(seconds_now() - start < 30);
    answer_free(&answer);
}

static const struct stack_options on_tcp = {.web_servers = "127.0.0.1",
                                            .logs_errors = true};

static void it_stops_though_the_socket_was_shut_down(void **state)
{
    struct stack *stack = *state;
    int fd = shared_socket(stack);
    assert_int_equal(shutdown(fd, SHUT_RDWR), 0);
    close(fd);
    await_logged(stack, "no new connections for the moment");
    assert_int_equal(stack_end_fcgiwait(stack), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(it_stops_though_the_socket_was_made_blocking, NULL),
        stack_test(it_stops_though_the_socket_was_shut_down, &on_tcp),
    };
    return cmocka_run_group_tests_name("socket_that_others_have_too", tests, NULL, NULL);
}
