/* SPDX-License-Identifier: ISC */
/* fcgiwait -s opens its socket itself: nginx polls through it, and nothing is left. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "program.h"
#include "stack.h"

static void nginx_polls_through_it(void **state)
{
    struct stack *stack = *state;
    char config[128];
    stack_path(stack, "fcgiwait.conf", config);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    unlink(stack->socket);
    umask(0); /* the web server is another user */
    const char *const argv[] = {getenv("FCGIWAIT"), "-c", config, "-s",
                                stack->socket,      NULL};
    pid_t pid = stack_run(stack, "own.log", argv);
    /* It listens a moment after the socket is there. */
    for (double start = seconds_now(); http_put(stack->port, "/a", "1", NULL) != 201;)
        must(seconds_now() - start < 60, "nobody listens");
    struct answer answer = http_get(stack->port, "/a", NULL);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    struct call *call =
        call_start(&(struct http){.port = stack->port, .path = "/none?index=0&wait=50"});
    await_waiting(stack, 1);
    assert_int_equal(http_put(stack->port, "/none", "1", NULL), 201);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    struct run run = program_run("-c %s -s %s", config, stack->socket);
    run_must(&run, 64, "somebody serves it already");
    assert_int_equal(stack_end(&pid), 0);
    assert_int_not_equal(access(stack->socket, F_OK), 0);
    stack_start_fcgiwait(stack);
}

/* A closed standard error is not where the socket gets its number. */
static void no_socket_takes_the_place_of_standard_error(void **state)
{
    struct stack *stack = *state;
    char config[128], link[64], at[64] = "";
    stack_path(stack, "fcgiwait.conf", config);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    unlink(stack->socket);
    umask(0);
    const char *const argv[] = {"sh",
                                "-c",
                                "exec \"$0\" \"$@\" >&- 2>&-",
                                getenv("FCGIWAIT"),
                                "-c",
                                config,
                                "-s",
                                stack->socket,
                                NULL};
    pid_t pid = stack_run(stack, "closed.log", argv);
    for (double start = seconds_now(); http_put(stack->port, "/b", "1", NULL) != 201;)
        must(seconds_now() - start < 60, "nobody listens");
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
        must(readlink(link, at, sizeof at - 1) > 0, "%s", link);
        assert_string_equal(at, "/dev/null");
    }
    assert_int_equal(stack_end(&pid), 0);
    stack_start_fcgiwait(stack);
}

/* Of those who come while nobody accepts. */
static void the_queue_stays_as_long_as_was_asked_for(void **state)
{
    struct stack *stack = *state;
    char config[128], address[160];
    int fds[8], status, connected = 0;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    stack_path(stack, "fcgiwait.conf", config);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    unlink(stack->socket);
    umask(0);
    snprintf(address, sizeof address, "%s:1", stack->socket);
    const char *const argv[] = {getenv("FCGIWAIT"), "-c", config, "-s", address, NULL};
    pid_t pid = stack_run(stack, "queue.log", argv);
    for (double start = seconds_now(); http_put(stack->port, "/c", "1", NULL) != 201;)
        must(seconds_now() - start < 60, "nobody listens");
    kill(pid, SIGSTOP);
    must(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "no stop");
    strcpy(at.sun_path, stack->socket);
    for (int i = 0; i < 8; i++) {
        fds[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connected += connect(fds[i], (struct sockaddr *)&at, sizeof at) == 0;
    }
    kill(pid, SIGCONT);
    for (int i = 0; i < 8; i++)
        close(fds[i]);
    assert_in_range(connected, 1, 3);
    assert_int_equal(stack_end(&pid), 0);
    stack_start_fcgiwait(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(nginx_polls_through_it, NULL),
        stack_test(no_socket_takes_the_place_of_standard_error, NULL),
        stack_test(the_queue_stays_as_long_as_was_asked_for, NULL),
    };
    return cmocka_run_group_tests_name("socket_of_its_own", tests, NULL, NULL);
}
