/* SPDX-License-Identifier: ISC */
/* Three machines, each an nginx and a fcgiwait, over one Redis: clients change machine
 * with every request, and can't tell. Then the engine goes away and comes back. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "redis_server.h"
#include "stack.h"

enum { MACHINES = 3 };

static struct redis_server server;
static struct stack stacks[MACHINES];

static char config[256];

static void make_config(const char *url, const char *more)
{
    snprintf(config, sizeof config,
             "store = { type = \"redis\"; url = \"%s\"; patience = \"3s\"; %s", url,
             more);
}

static int begin(const char *more)
{
    redis_server_start(&server, true);
    make_config(server.url, more);
    for (int i = 0; i < MACHINES; i++)
        stack_start(&stacks[i],
                    &(struct stack_options){.config = config, .logs_errors = true});
    return 0;
}

static int start(void **state)
{
    (void)state;
    return begin("};");
}

static int start_fenced(void **state)
{
    (void)state;
    return begin("reads = \"fenced\"; }; max_waiting = 2;");
}

/* Each at "debug", the last one's lines in JSON. */
static int start_debug(void **state)
{
    (void)state;
    redis_server_start(&server, true);
    for (int i = 0; i < MACHINES; i++) {
        make_config(server.url, i < MACHINES - 1
                                    ? "}; log_level = \"debug\";"
                                    : "}; log_level = \"debug\"; log_format = \"json\";");
        stack_start(&stacks[i], &(struct stack_options){.config = config});
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        stack_stop(&stacks[i]);
    redis_server_stop(&server);
    return 0;
}

static unsigned long long index_of(const struct answer *answer)
{
    char value[256];
    return strtoull(answer_header(answer, "X-Polling-Index", value), NULL, 10);
}

static unsigned long long put(int machine, const char *json)
{
    char index[24];
    long status = http_put(stacks[machine].port, "/a", json, index);
    must(status == 201 || status == 204, "PUT: %ld", status);
    return strtoull(index, NULL, 10);
}

static struct call *wait_at(int machine, unsigned long long index, const char *wait)
{
    char path[128];
    snprintf(path, sizeof path, "/a?index=%llu&wait=%s", index, wait);
    return call_start(&(struct http){.port = stacks[machine].port, .path = path});
}

/* Within a minute, of each machine: one may find the engine later than the others do. */
static void await_health(long status)
{
    for (int i = 0; i < MACHINES; i++) {
        long said = 0;
        for (double began = seconds_now(); said != status && seconds_now() - began < 60;
             sleep_ms(50)) {
            struct answer answer = http_get(stacks[i].port, "/fcgiwait/health", NULL);
            said = answer.status;
            answer_free(&answer);
        }
        assert_int_equal(said, status);
    }
}

/* At last, within a minute. */
static unsigned long long put_again(int machine, const char *json)
{
    char index[24];
    for (double began = seconds_now(); seconds_now() - began < 60; sleep_ms(100)) {
        long status = http_put(stacks[machine].port, "/a", json, index);
        if (status == 201 || status == 204)
            return strtoull(index, NULL, 10);
    }
    must(false, "no change goes through");
    return 0;
}

static void a_change_goes_to_those_who_wait_elsewhere(void **state)
{
    char body[32];
    (void)state;
    unsigned long long index = put(0, "{\"n\":0}");
    for (int i = 1; i <= 30; i++) {
        struct call *waiting = wait_at(i % MACHINES, index, "30s");
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        sleep_ms(20);
        unsigned long long next = put((i + 1) % MACHINES, body);
        struct answer answer = call_join(waiting);
        assert_int_equal(answer.status, 200);
        assert_true(index_of(&answer) == next && next > index);
        assert_string_equal(answer.body, body);
        answer_free(&answer);
        index = next;
    }
}

/* Asked at once, and elsewhere, with the index that was just given. */
static void no_answer_is_older_than_the_index_that_it_was_asked_with(void **state)
{
    char body[32];
    (void)state;
    for (int i = 1; i <= 200; i++) {
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        unsigned long long index = put(i % MACHINES, body);
        struct answer answer = call_join(wait_at((i + 1) % MACHINES, index, "20ms"));
        assert_true(index_of(&answer) >= index);
        assert_int_equal(answer.status, 304); /* it has not changed since */
        answer_free(&answer);
        char path[64];
        snprintf(path, sizeof path, "/a?index=%llu&wait=10s", index - 1);
        answer = http_get(stacks[(i + 2) % MACHINES].port, path, NULL);
        assert_int_equal(answer.status, 200);
        assert_true(index_of(&answer) == index);
        assert_string_equal(answer.body, body);
        answer_free(&answer);
    }
    /* One that was never given makes nobody wait. */
    struct answer answer = call_join(wait_at(0, put(0, "{}") + 1000, "30s"));
    assert_int_equal(answer.status, 200);
    must(answer.seconds < 10, "%f s", answer.seconds);
    answer_free(&answer);
}

static void reading_and_waiting_go_on_without_the_engine(void **state)
{
    char value[256], index[24];
    (void)state;
    unsigned long long last = put(0, "{\"n\":1}");
    struct answer answer = call_join(wait_at(1, last - 1, "10s"));
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    struct call *waiting = wait_at(1, last, "60s");
    redis_server_kill(&server);

    answer = http_get(stacks[1].port, "/a", NULL);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"n\":1}");
    answer_free(&answer);
    answer = http(&(struct http){.port = stacks[2].port,
                                 .method = "PUT",
                                 .path = "/publish/a",
                                 .headers = {"Content-Type: application/json"},
                                 .body = "{\"n\":2}"});
    assert_int_equal(answer.status, 503);
    must(answer_header(&answer, "Retry-After", value)[0] != '\0', "no Retry-After");
    must(answer.seconds < 20, "%f s", answer.seconds);
    answer_free(&answer);
    /* What another machine may know: nothing older is told. */
    answer = call_join(wait_at(2, last + 5, "2s"));
    assert_int_equal(answer.status, 304);
    assert_true(index_of(&answer) == last + 5);
    answer_free(&answer);

    await_health(503);
    answer = http(
        &(struct http){.port = stacks[2].port, .method = "POST", .path = "/publish/b"});
    assert_int_equal(answer.status, 202); /* kept; its index comes with the change */
    must(answer_header(&answer, "X-Polling-Index", value)[0] == '\0', "%s", value);
    must(answer_header(&answer, "ETag", value)[0] == '\0', "%s", value);
    answer_free(&answer);

    redis_server_restart(&server, false);
    await_health(200);
    unsigned long long next = put_again(0, "{\"n\":3}");
    assert_true(next > last + 5);
    answer = call_join(waiting); /* the engine is another one: everything has changed */
    assert_int_equal(answer.status, 200);
    assert_true(index_of(&answer) > last);
    answer_free(&answer);
    answer = call_join(wait_at(2, next, "50ms"));
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
    assert_int_equal(http_put(stacks[2].port, "/a", "{\"n\":3}", index), 204);
}

/* And nobody waits for it at a stop. */
static void a_frozen_engine_holds_up_no_stop(void **state)
{
    (void)state;
    put(0, "{}");
    kill(server.pid, SIGSTOP);
    long long before = stack_status(&stacks[0], "requests");
    struct call *publishing =
        call_start(&(struct http){.port = stacks[0].port,
                                  .method = "PUT",
                                  .path = "/publish/a",
                                  .headers = {"Content-Type: application/json"},
                                  .body = "{\"n\":1}"});
    await_asked(&stacks[0], before, 1);
    double began = seconds_now();
    assert_int_equal(stack_end_fcgiwait(&stacks[0]), 0);
    must(seconds_now() - began < 15, "%f s", seconds_now() - began);
    struct answer answer = call_join(publishing);
    assert_int_equal(answer.status, 503);
    answer_free(&answer);
    kill(server.pid, SIGCONT);
    stack_start_fcgiwait(&stacks[0]);
}

/* One is ahead of what it has told, and one of those has hung up. */
static void nobody_waits_for_a_frozen_engine_at_a_stop(void **state)
{
    (void)state;
    unsigned long long ahead = put(0, "{}") + 1000;
    char path[64];
    snprintf(path, sizeof path, "/a?index=%llu&wait=60", ahead);
    kill(server.pid, SIGSTOP);
    long long before = stack_status(&stacks[0], "requests");
    struct call *waiting = wait_at(0, ahead, "60");
    struct answer answer =
        http(&(struct http){.port = stacks[0].port, .path = path, .timeout = 1});
    assert_int_equal(answer.status, 0);
    answer_free(&answer);
    await_asked(&stacks[0], before, 2);
    assert_int_equal(stack_end_fcgiwait(&stacks[0]), 0);
    assert_int_equal(stack_logged(&stacks[0], "did not take"), 0);
    answer = call_join(waiting);
    must(answer.status == 304 || answer.status == 503, "%ld", answer.status);
    answer_free(&answer);
    kill(server.pid, SIGCONT);
    stack_start_fcgiwait(&stacks[0]);
}

static void a_sighup_moves_all_to_another_engine(void **state)
{
    struct redis_server other;
    (void)state;
    unsigned long long index = put(0, "{\"n\":1}");
    struct call *waiting = wait_at(1, index, "60s");
    redis_server_start(&other, false);
    make_config(other.url, "};");
    for (int i = 0; i < MACHINES; i++) {
        stack_configure(&stacks[i], config);
        kill(stacks[i].fcgiwait, SIGHUP);
    }
    struct answer answer = call_join(waiting);
    assert_int_equal(answer.status, 404); /* there it has never been */
    assert_true(index_of(&answer) == 0 || index_of(&answer) > index);
    answer_free(&answer);
    for (int i = 0; i < MACHINES; i++)
        await_logged(&stacks[i], "everything counts as changed");
    assert_true(put_again(2, "{\"n\":2}") > index);
    redis_server_await(&other, "HGET {fcgiwait}:docs /a", "{\"n\":2}");
    assert_int_equal(stack_logged(&stacks[0], "changes with a restart only"), 0);
    /* One that can't be stays where it is. */
    make_config("http://127.0.0.1/", "};");
    stack_configure(&stacks[0], config);
    kill(stacks[0].fcgiwait, SIGHUP);
    await_logged(&stacks[0], "the store stays where it is");
    put_again(0, "{\"n\":3}");
    redis_server_stop(&other);
}

#define TRACE "4bf92f3577b34da6a3ce929d0e0e4736"

static void a_trace_goes_with_its_change_to_all_machines(void **state)
{
    char line[128];
    (void)state;
    struct answer answer =
        http(&(struct http){.port = stacks[0].port,
                            .method = "PUT",
                            .path = "/publish/a",
                            .headers = {"Content-Type: application/json",
                                        "traceparent: 00-" TRACE "-00f067aa0ba902b7-01"},
                            .body = "{}"});
    assert_int_equal(answer.status, 201);
    unsigned long long index = index_of(&answer);
    answer_free(&answer);
    snprintf(line, sizeof line, "debug: change %llu: trace " TRACE ", /a\n", index);
    await_logged(&stacks[0], line);
    await_logged(&stacks[1], line);
    snprintf(line, sizeof line, "\"message\":\"change %llu: trace " TRACE ", /a\"}\n",
             index);
    await_logged(&stacks[2], line);
    assert_int_equal(stack_logged(&stacks[1], TRACE), 1); /* it was not asked */
    http_put(stacks[1].port, "/a", "[]", NULL);
}

/* A look that waits for the engine is none that waits for a change. */
static void fenced_reads_take_no_place_of_those_who_wait(void **state)
{
    enum { READERS = 20 };
    struct call *waiting[2], *readers[READERS];
    char body[32];
    (void)state;
    unsigned long long index = put(0, "{\"n\":0}");
    for (int i = 0; i < 2; i++)
        waiting[i] = wait_at(1, index, "60s");
    await_waiting(&stacks[1], 2);
    for (int i = 1; i <= 30; i++) { /* no answer is older than the publish before it */
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        char other[24];
        assert_true(http_put(stacks[0].port, "/b", body, other) < 300);
        struct answer answer = http_get(stacks[1].port, "/b", NULL);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, body);
        answer_free(&answer);
    }
    kill(server.pid, SIGSTOP);
    for (int i = 0; i < READERS; i++)
        readers[i] = call_start(&(struct http){
            .port = stacks[1].port, .path = "/b", .headers = {"Prefer: wait=20"}});
    sleep_ms(300);
    assert_int_equal(stack_status(&stacks[1], "waiting"), 2);
    kill(server.pid, SIGCONT);
    for (int i = 0; i < READERS; i++) {
        struct answer answer = call_join(readers[i]);
        assert_int_equal(answer.status, 200);
        answer_free(&answer);
    }
    assert_int_equal(stack_status(&stacks[1], "waiting"), 2);
    assert_int_equal(stack_status(&stacks[1], "refused"), 0);
    /* Who waits behind a fence does take one. */
    struct answer answer = call_join(wait_at(1, index, "5s"));
    assert_int_equal(answer.status, 503);
    answer_free(&answer);
    index = put(0, "{\"n\":1}");
    for (int i = 0; i < 2; i++) {
        answer = call_join(waiting[i]);
        assert_int_equal(answer.status, 200);
        assert_true(index_of(&answer) == index);
        answer_free(&answer);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_change_goes_to_those_who_wait_elsewhere),
        TEST(no_answer_is_older_than_the_index_that_it_was_asked_with),
        TEST(reading_and_waiting_go_on_without_the_engine),
        TEST(a_frozen_engine_holds_up_no_stop),
        TEST(nobody_waits_for_a_frozen_engine_at_a_stop),
        TEST(a_sighup_moves_all_to_another_engine),
        cmocka_unit_test_setup_teardown(a_trace_goes_with_its_change_to_all_machines,
                                        start_debug, stop),
        cmocka_unit_test_setup_teardown(fenced_reads_take_no_place_of_those_who_wait,
                                        start_fenced, stop),
    };
    if (!redis_server_can()) {
        printf("this needs redis-server, and a build with hiredis\n");
        return 77; /* skipped */
    }
    return cmocka_run_group_tests_name("machines_share_one_engine", tests, NULL, NULL);
}
