/* SPDX-License-Identifier: ISC */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

static void reload(const struct stack *stack, const char *config, const char *says)
{
    size_t before = stack_logged(stack, says);
    stack_configure(stack, config);
    kill(stack->fcgiwait, SIGHUP);
    for (double start = seconds_now(); stack_logged(stack, says) == before; sleep_ms(5))
        must(seconds_now() - start < 60, "never logged: %s", says);
}

static void must_answer(const struct stack *stack, const char *path, long status)
{
    struct answer answer = http_get(stack->port, path, NULL);
    must(answer.status == status, "%s: %ld", path, answer.status);
    answer_free(&answer);
}

static void must_cache_as(const struct stack *stack, const char *value)
{
    struct answer answer = http_get(stack->port, "/none", NULL);
    answer_must_have(&answer, "Cache-Control", value);
    answer_free(&answer);
}

/* Who waits goes on waiting as long as it was promised. */
static void live_keys_change_on_sighup(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port, 20);
    clients_ask(&clients, "/held?index=0&wait=50");
    await_waiting(stack, 20);
    reload(stack,
           "wait = { default = \"100ms\"; max = \"200ms\"; };\n"
           "max_waiting = 21;\n"
           "limits = { body = 10; path = 20; resources = 2; };\n"
           "cache_control = \"private\";\n"
           "drain = \"1ms\";\n",
           "configuration read again");
    must_answer(stack, "/none?index=0", 304); /* or its 50 s would be too long */
    must_answer(stack, "/none?index=0&wait=50", 304);
    must_answer(stack, "/this/path/is/longer/than/that", 400);
    must_cache_as(stack, "private");
    assert_int_equal(stack_status(stack, "max_waiting"), 21);
    assert_int_equal(http_put(stack->port, "/1", "12345678901", NULL), 413);
    assert_int_equal(http_put(stack->port, "/1", "1", NULL), 201);
    assert_int_equal(http_put(stack->port, "/2", "2", NULL), 201);
    assert_int_equal(http_put(stack->port, "/3", "3", NULL), 507);
    assert_int_equal(stack_status(stack, "waiting"), 20);
    reload(stack, "max_waiting = 20;", "configuration read again");
    must_answer(stack, "/none?index=0&wait=50", 503);
    must_cache_as(stack, "no-store"); /* what is not set any more is as it came */
    assert_int_equal(http_put(stack->port, "/held", "1", NULL), 201);
    clients_await(&clients);
    assert_int_equal(clients.answers[200], 20);
    clients_close(&clients);
}

static void the_log_level_changes(void **state)
{
    struct stack *stack = *state;
    stack_configure(stack, "log_level = \"error\"; max_waiting = 7;");
    kill(stack->fcgiwait, SIGHUP);
    await_status(stack, "max_waiting", 7);
    assert_int_equal(stack_logged(stack, "configuration read again"), 0);
    reload(stack, "log_level = \"info\";", "configuration read again");
}

static void the_log_becomes_json(void **state)
{
    reload(*state, "log_format = \"json\";",
           "\"level\":\"info\",\"message\":\"configuration read again\"}");
    reload(*state, "log_format = \"text\";", "info: configuration read again");
}

static const struct stack_options errors = {.config = "cache_control = \"old\";",
                                            .logs_errors = true};

static const struct {
    const char *config, *says;
} bad[] = {
    {"cache_control = \"new\"; max_wating = 7;", "fcgiwait.conf:2: max_wating"},
    {"cache_control = \"new\";\nwait = { max = \"long\"; };",
     "fcgiwait.conf:3: wait.max"},
    {"cache_control = \"new\";\nlimits = { body = -1; };",
     "fcgiwait.conf:3: limits.body"},
    {"cache_control = \"new\";\n\nthreads = {", "fcgiwait.conf:"},
};

static void a_bad_file_changes_nothing(void **state)
{
    struct stack *stack = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        reload(stack, bad[i].config, bad[i].says);
        must_cache_as(stack, "old");
    }
    assert_int_equal(stack_logged(stack, "stays as it was"), 4);
    reload(stack, "cache_control = \"new\";", "configuration read again");
    must_cache_as(stack, "new");
}

static void what_needs_a_restart_says_so(void **state)
{
    reload(*state, "threads = 7;", "threads changes with a restart only");
    assert_true(stack_status(*state, "threads") != 7);
    reload(*state, "store = { type = \"memory\"; publication = \"other\"; };",
           "store.publication changes with a restart only");
    reload(*state,
           "store = { type = \"memory\"; tables = ({ name = \"a\"; path = \"/a\"; }); };",
           "store.tables changes with a restart only");
    reload(*state, "store = { type = \"memory\"; url = \"redis://127.0.0.1:1\"; };",
           "store.url changes with a restart only");
}

static const struct stack_options with_option = {.option = "cache_control=option"};

static void options_of_the_command_line_stay_above_the_file(void **state)
{
    struct stack *stack = *state;
    must_cache_as(stack, "option");
    reload(stack, "cache_control = \"file\"; max_waiting = 1;",
           "configuration read again");
    must_cache_as(stack, "option");
    assert_int_equal(stack_status(stack, "max_waiting"), 1);
}

/* The configuration comes from a pipe: whoever opens that for writing knows that the
 * program has got as far as to read it. */
static void a_reload_while_it_starts_is_not_its_end(void **state)
{
    struct stack *stack = *state;
    char pipe[128];
    int status;
    stack_path(stack, "pipe.conf", pipe);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const char *const argv[] = {getenv("FCGIWAIT"), "-c", pipe, NULL};
    pid_t pid = stack_run(stack, "early.log", argv);
    int fd = open(pipe, O_WRONLY);
    assert_true(fd >= 0);
    kill(pid, SIGHUP);
    sleep_ms(100);
    assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(live_keys_change_on_sighup, NULL),
        stack_test(the_log_level_changes, NULL),
        stack_test(the_log_becomes_json, NULL),
        stack_test(a_bad_file_changes_nothing, &errors),
        stack_test(what_needs_a_restart_says_so, NULL),
        stack_test(a_reload_while_it_starts_is_not_its_end, NULL),
        stack_test(options_of_the_command_line_stay_above_the_file, &with_option),
    };
    return cmocka_run_group_tests_name("reload_applies_live_keys", tests, NULL, NULL);
}
