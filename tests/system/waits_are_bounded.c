/* SPDX-License-Identifier: ISC */
/* How long a wait is: wait.default, wait.max, FCGIWAIT_WAIT_MAX and 0. */
#include <stdio.h>
#include <time.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define FAR 30 /* seconds: sooner than wait.max, however slow the machine is */

struct row {
    const char *query, *header; /* besides the index */
    double at_least;            /* seconds */
    const char *applied;        /* Preference-Applied; NULL: none */
};

/* All rows wait at the same time; each has to end with its own 304. */
static void wait_for_rows(const struct stack *stack, const struct row *rows, size_t count)
{
    struct call *calls[32];
    char paths[32][128];
    for (size_t i = 0; i < count; i++) {
        snprintf(paths[i], sizeof paths[i], "/a?index=0&%s", rows[i].query);
        calls[i] = call_start(&(struct http){
            .port = stack->port, .path = paths[i], .headers = {rows[i].header}});
    }
    for (size_t i = 0; i < count; i++) {
        struct answer answer = call_join(calls[i]);
        must(answer.status == 304, "row %zu: %ld", i, answer.status);
        must(answer.seconds >= rows[i].at_least && answer.seconds < FAR,
             "row %zu: %.3f s", i, answer.seconds);
        answer_must_have(&answer, "Preference-Applied", rows[i].applied);
        answer_free(&answer);
    }
}

static const struct stack_options short_default = {
    .config = "wait = { default = \"400ms\"; max = \"60s\"; };"};

static void a_wait_that_says_nothing_is_the_default(void **state)
{
    static const struct row rows[] = {
        {"", NULL, 0.3, NULL},
        {"wait", NULL, 0.3, NULL},
        {"wait=", NULL, 0.3, NULL},
        {"wait=soon", NULL, 0.3, NULL},
        {"wait=-1", NULL, 0.3, NULL},
        {"wait=-5s", NULL, 0.3, NULL},
        {"wait=1.5", NULL, 0.3, NULL},
        {"wait=5x", NULL, 0.3, NULL},
        {"wait=%2", NULL, 0.3, NULL},
        {"wait=soon", "Prefer: wait=50", 0.3, NULL},
        {"", "Prefer: wait", 0.3, NULL},
        {"", "Prefer: wait=", 0.3, NULL},
        {"", "Prefer: wait=soon", 0.3, NULL},
        {"", "Prefer: wait=-1", 0.3, NULL},
        {"", "Prefer: handling=lenient", 0.3, NULL},
        {"", "Prefer: \"", 0.3, NULL},
    };
    wait_for_rows(*state, rows, sizeof rows / sizeof *rows);
}

static void a_wait_that_is_asked_for_is_waited(void **state)
{
    static const struct row rows[] = {
        {"wait=1", NULL, 0.9, NULL},
        {"wait=1s", NULL, 0.9, NULL},
        {"wait=900ms", NULL, 0.8, NULL},
        {"wait=1.25s", NULL, 1.1, NULL},
        {"wait=1", "Prefer: wait=50", 0.9, NULL},
        {"", "Prefer: wait=1", 0.9, "wait=1"},
        {"", "Prefer: wait=1s", 0.9, "wait=1"},
        {"", "Prefer: Wait=\"1\"", 0.9, "wait=1"},
        {"", "Prefer: wait=1.25s", 1.1, "wait=1.25"},
        {"", "Prefer: respond-async, wait=1;", 0.9, "wait=1"},
        {"", "Prefer: wait=soon, wait=1", 0.9, "wait=1"},
    };
    wait_for_rows(*state, rows, sizeof rows / sizeof *rows);
}

static void a_wait_of_nothing_is_answered_at_once(void **state)
{
    static const struct row rows[] = {
        {"wait=0", NULL, 0, NULL},
        {"wait=0s", NULL, 0, NULL},
        {"wait=0ms", NULL, 0, NULL},
        {"", "Prefer: wait=0", 0, "wait=0"},
    };
    struct stack *stack = *state;
    wait_for_rows(stack, rows, sizeof rows / sizeof *rows);
    assert_int_equal(stack_status(stack, "held"), 0);
}

static const struct stack_options short_max = {.config = "wait = { max = \"500ms\"; };"};

static void a_longer_wait_than_the_longest_is_the_longest(void **state)
{
    static const struct row rows[] = {
        {"wait=50", NULL, 0.4, NULL},
        {"wait=1h", NULL, 0.4, NULL},
        {"wait=99999999999999999999999999", NULL, 0.4, NULL},
        {"wait=99999999999999999999h", NULL, 0.4, NULL},
        {"", "Prefer: wait=50", 0.4, "wait=0.5"},
        {"", NULL, 0.4, NULL},
    };
    wait_for_rows(*state, rows, sizeof rows / sizeof *rows);
}

static const struct stack_options location_max = {
    .config = "wait = { default = \"50s\"; };",
    .location = "fastcgi_param FCGIWAIT_WAIT_MAX 1s;"};

static void a_location_can_lower_the_longest(void **state)
{
    static const struct row rows[] = {
        {"wait=50", NULL, 0.9, NULL},
        {"", "Prefer: wait=50", 0.9, "wait=1"},
        {"wait=200ms", NULL, 0.15, NULL},
        {"", NULL, 0.9, NULL},
    };
    wait_for_rows(*state, rows, sizeof rows / sizeof *rows);
}

static void a_location_can_not_raise_the_longest(void **state)
{
    static const char *const values[] = {"50s", "later", "-1", ""};
    struct stack *stack = *state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        const char *const pairs[] = {
            "REQUEST_METHOD",    "GET",     "SCRIPT_NAME", "/a",
            "QUERY_STRING",      "index=0", "HTTP_PREFER", "wait=40",
            "FCGIWAIT_WAIT_MAX", values[i], NULL};
        struct answer answer = fcgi_ask(stack, pairs);
        assert_int_equal(answer.status, 304);
        answer_must_have(&answer, "Preference-Applied", "wait=0.5");
        answer_free(&answer);
    }
}

/* A busy machine may hold any one of them up, but not all. */
static void an_answer_does_not_come_later_than_the_wait(void **state)
{
    struct stack *stack = *state;
    double least = 1;
    for (int i = 0; i < 60 && least > 0.5; i++) {
        struct answer answer = http_get(stack->port, "/a?index=0&wait=500ms", NULL);
        assert_int_equal(answer.status, 304);
        if (answer.seconds < least)
            least = answer.seconds;
        answer_free(&answer);
    }
    must(least > 0.4 && least <= 0.5, "%.3f s", least);
}

static const struct stack_options much_jitter = {.config = "wait = { jitter = 1.0; };"};

/* Forty that ask for two seconds: each ends somewhere within them. */
static void jitter_spreads_what_began_together(void **state)
{
    struct stack *stack = *state;
    struct call *calls[40];
    double first = 100, last = 0;
    for (size_t i = 0; i < 40; i++)
        calls[i] =
            call_start(&(struct http){.port = stack->port, .path = "/a?index=0&wait=2s"});
    for (size_t i = 0; i < 40; i++) {
        struct answer answer = call_join(calls[i]);
        assert_int_equal(answer.status, 304);
        first = answer.seconds < first ? answer.seconds : first;
        last = answer.seconds > last ? answer.seconds : last;
        answer_free(&answer);
    }
    must(first < 1.2 && last > first + 0.5 && last < FAR, "from %.2f to %.2f s", first,
         last);
}

static const struct stack_options deadline = {
    .location = "fastcgi_param FCGIWAIT_EXPIRES $arg_exp;"};

/* As where a token ends. */
static void no_wait_goes_past_the_deadline(void **state)
{
    struct stack *stack = *state;
    char path[128];
    time_t now = time(NULL);
    snprintf(path, sizeof path, "/a?index=0&wait=50&exp=%lld", (long long)now + 3);
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 304);
    must(answer.seconds > 1 && answer.seconds < FAR, "%.3f s", answer.seconds);
    answer_free(&answer);
    snprintf(path, sizeof path, "/a?index=0&wait=50&exp=%lld", (long long)now - 1);
    answer = http_get(stack->port, path, "Prefer: wait=50");
    assert_int_equal(answer.status, 304);
    must(answer.seconds < FAR, "%.3f s", answer.seconds);
    answer_free(&answer);
    struct call *call = call_start(
        &(struct http){.port = stack->port, .path = "/a?index=0&wait=50&exp="});
    await_waiting(stack, 1); /* none is given */
    assert_int_equal(http_put(stack->port, "/a", "1", NULL), 201);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(a_wait_that_says_nothing_is_the_default, &short_default),
        stack_test(a_wait_that_is_asked_for_is_waited, NULL),
        stack_test(a_wait_of_nothing_is_answered_at_once, NULL),
        stack_test(a_longer_wait_than_the_longest_is_the_longest, &short_max),
        stack_test(a_location_can_lower_the_longest, &location_max),
        stack_test(a_location_can_not_raise_the_longest, &short_max),
        stack_test(no_wait_goes_past_the_deadline, &deadline),
        stack_test(jitter_spreads_what_began_together, &much_jitter),
        stack_test(an_answer_does_not_come_later_than_the_wait, NULL),
    };
    return cmocka_run_group_tests_name("waits_are_bounded", tests, NULL, NULL);
}
