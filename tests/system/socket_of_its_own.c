/* SPDX-License-Identifier: ISC */
/* fcgiwait -s opens its socket itself: nginx polls through it, and nothing is left. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(nginx_polls_through_it, NULL),
        stack_test(no_socket_takes_the_place_of_standard_error, NULL),
    };
    return cmocka_run_group_tests_name("socket_of_its_own", tests, NULL, NULL);
}
