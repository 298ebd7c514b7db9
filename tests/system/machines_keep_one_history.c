/* SPDX-License-Identifier: ISC */
/*
 * Three machines over Redis under load, while machines are killed, engines die, and hosts
 * are cut off from each other: whatever clients see, at one machine or another, is one
 * history (history.h), and at its end all of them have the same.
 *
 * Short; at full length with FCGIWAIT_FULL=1. Hosts are network namespaces; where these
 * are not permitted all is on one host, and a host that is cut off is a Redis that is
 * paused.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd.h"
#include "history.h"
#include "hosts.h"
#include "http.h"
#include "must.h"
#include "redis_server.h"
#include "stack.h"

enum { MACHINES = 3, PATHS = 100, FIRST = MACHINES, SECOND, THIRD, HOSTS };

static struct redis_server engines[2], sentinels[3];
static struct stack stacks[MACHINES];
static struct crowd crowd;
static bool full, with_sentinel, strict;
static unsigned seed = 1;
static int64_t values; /* published so far */

static int below(int most)
{
    return rand_r(&seed) % most;
}

/* --- the machines --- */

static void make_url(char url[256])
{
    if (with_sentinel)
        snprintf(url, 256, "redis+sentinel://%s:%d,%s:%d,%s:%d/mymaster/0",
                 sentinels[0].address, sentinels[0].port, sentinels[1].address,
                 sentinels[1].port, sentinels[2].address, sentinels[2].port);
    else
        snprintf(url, 256, "%s", engines[0].url);
}

static void start_machines(void)
{
    static char config[512];
    char url[256];
    make_url(url);
    snprintf(
        config, sizeof config,
        "store = { type = \"redis\"; url = \"%s\"; patience = \"2s\"; replicas = %d; };",
        url, strict ? 1 : 0);
    for (int i = 0; i < MACHINES; i++) {
        host_takes_fcgiwait(i);
        stack_start(&stacks[i],
                    &(struct stack_options){.config = config, .logs_errors = true});
    }
}

static void kill_machine(int machine)
{
    kill(stacks[machine].fcgiwait, SIGKILL);
    waitpid(stacks[machine].fcgiwait, NULL, 0);
    host_takes_fcgiwait(machine);
    stack_start_fcgiwait(&stacks[machine]);
}

static void start_crowd(int publishers, int pollers, int streams, int pause_ms)
{
    struct crowd_options options = {.machines = MACHINES,
                                    .paths = PATHS,
                                    .publishers = publishers,
                                    .pollers = pollers,
                                    .streams = streams,
                                    .pause_ms = pause_ms,
                                    .values = values};
    for (int i = 0; i < MACHINES; i++)
        options.ports[i] = stacks[i].port;
    crowd_start(&crowd, &options);
}

static int start_alone(const char *append)
{
    with_sentinel = false;
    redis_server_start_on(&engines[0], FIRST, append);
    start_machines();
    return 0;
}

static int start(void **state)
{
    (void)state;
    return start_alone("always");
}

static int start_everysec(void **state)
{
    (void)state;
    return start_alone("everysec");
}

static int start_pair(const char *append)
{
    with_sentinel = true;
    redis_server_start_on(&engines[0], FIRST, append);
    redis_server_start_on(&engines[1], SECOND, append);
    redis_server_replicate(&engines[1], &engines[0]);
    for (int i = 0; i < 3; i++)
        redis_server_watch(&sentinels[i], FIRST + i, &engines[0], 2);
    for (int i = 0; i < 3; i++)
        redis_server_await_watch(&sentinels[i]);
    start_machines();
    return 0;
}

static int start_sentinel(void **state)
{
    (void)state;
    return start_pair("everysec");
}

/* Nothing counts as done that one engine alone has. */
static int start_strict(void **state)
{
    (void)state;
    strict = true;
    return start_pair("always");
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        stack_stop(&stacks[i]);
    for (int i = 0; with_sentinel && i < 3; i++)
        redis_server_stop(&sentinels[i]);
    for (int i = 0; i < (with_sentinel ? 2 : 1); i++)
        redis_server_stop(&engines[i]);
    strict = false;
    return 0;
}

/* --- the end --- */

static int64_t read_path(int machine, int path, unsigned long long *index)
{
    char url[64], value[256];
    snprintf(url, sizeof url, "/r/%d", path);
    struct answer answer = http_get(stacks[machine].port, url, NULL);
    const char *body = answer.body != NULL ? strstr(answer.body, "{\"n\":") : NULL;
    int64_t number = answer.status == 200 && body != NULL ? atoll(body + 5) : 0;
    *index = strtoull(answer_header(&answer, "X-Polling-Index", value), NULL, 10);
    answer_free(&answer);
    return number;
}

static bool is_same(int path, int64_t *value)
{
    unsigned long long index, other;
    *value = read_path(0, path, &index);
    for (int i = 1; i < MACHINES; i++)
        if (read_path(i, path, &other) != *value || other != index)
            return false;
    return true;
}

/* Within five seconds; how many it took. */
static double converge(void)
{
    double began = seconds_now();
    int64_t value;
    for (int path = 0; path < PATHS; path++)
        while (!is_same(path, &value)) {
            must(seconds_now() - began < 5, "machines differ at /r/%d", path);
            sleep_ms(10);
        }
    return seconds_now() - began;
}

static void tell(const char *name, double share, size_t count, const double *delays)
{
    size_t at = (size_t)(share * (double)count);
    if (count > 0)
        printf("  %s: %.2f ms\n", name, 1000 * delays[at < count ? at : count - 1]);
}

static void tell_delays(void)
{
    for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        size_t count;
        double *delays = history_delays(&crowd.history, elsewhere, &count);
        printf("  %zu deliveries %s\n", count,
               elsewhere ? "on other machines" : "on the machine of the publish");
        tell("median", 0.5, count, delays);
        tell("99 of 100", 0.99, count, delays);
        free(delays);
    }
}

/* No publish under way, and everything as one: after that nothing may be wrong. */
static void end(bool may_forget)
{
    int64_t value;
    crowd_stop(&crowd);
    values = crowd.values;
    crowd.history.may_forget = may_forget;
    double took = converge();
    printf("  %zu published, %zu answers, %zu told by streams; as one after %.2f s\n",
           atomic_load(&crowd.published), atomic_load(&crowd.answered),
           atomic_load(&crowd.told), took);
    tell_delays();
    assert_int_equal(history_check(&crowd.history), 0);
    for (int path = 0; path < PATHS; path++) {
        must(is_same(path, &value), "/r/%d moves", path);
        must(history_may_end_with(&crowd.history, path, value), "/r/%d ends with %lld",
             path, (long long)value);
    }
    crowd_free(&crowd);
}

/* --- what happens meanwhile --- */

static void nothing_happens(void **state)
{
    (void)state;
    start_crowd(16, full ? 1000 : 100, full ? 300 : 30, full ? 200 : 50);
    sleep_ms(full ? 600000 : 2000);
    end(false);
}

static void machines_are_killed(void **state)
{
    (void)state;
    start_crowd(16, full ? 300 : 60, full ? 60 : 20, 50);
    for (int i = 0; i < (full ? 100 : 3); i++) {
        sleep_ms(200 + below(400));
        double began = seconds_now();
        kill_machine(below(MACHINES));
        history_note_trouble(&crowd.history, began, seconds_now() + 1);
    }
    end(false);
}

static void kill_engine(void)
{
    double began = seconds_now();
    redis_server_restart(&engines[0], false);
    history_note_trouble(&crowd.history, began, seconds_now() + 5);
}

static void a_durable_engine_is_killed(void **state)
{
    (void)state;
    start_crowd(16, full ? 300 : 60, full ? 60 : 20, 50);
    for (int i = 0; i < (full ? 50 : 2); i++) {
        sleep_ms(300 + below(700));
        kill_engine();
    }
    sleep_ms(1000);
    end(false);
}

static void an_engine_that_may_forget_is_killed(void **state)
{
    (void)state;
    start_crowd(16, full ? 300 : 60, full ? 60 : 20, 50);
    for (int i = 0; i < (full ? 50 : 2); i++) {
        sleep_ms(1000 + below(700));
        kill_engine();
    }
    sleep_ms(1000);
    end(true);
    for (int i = 0; i < MACHINES; i++)
        assert_true(stack_status(&stacks[i], "engine_resets") >= (full ? 50 : 2));
}

/* --- hosts that are cut off --- */

/* The engine that Sentinel has at present. */
static int master(void)
{
    for (;;)
        for (int i = 0; i < 2; i++)
            if (redis_server_says(&engines[i], "ROLE", "master"))
                return i;
}

/* The master from everything but the machines, until another one is made. */
static void cut_master(bool machines_too)
{
    int old = master(), host = FIRST + old, other = 1 - old;
    if (!hosts_can_cut()) {
        kill(engines[old].pid, SIGSTOP);
        redis_server_await(&engines[other], "ROLE", "master");
        sleep_ms(500);
        kill(engines[old].pid, SIGCONT);
        return;
    }
    for (int i = 0; i < HOSTS; i++)
        if (i != host && (i >= FIRST || machines_too))
            hosts_cut(host, i);
    redis_server_await(&engines[other], "ROLE", "master");
    sleep_ms(500 + below(1000));
    for (int i = 0; i < HOSTS; i++)
        if (i != host && (i >= FIRST || machines_too))
            hosts_heal(host, i);
}

static void cut_machine(int machine, int seconds)
{
    if (!hosts_can_cut())
        return;
    for (int i = FIRST; i < HOSTS; i++)
        hosts_cut(machine, i);
    sleep_ms(1000 * seconds);
    for (int i = FIRST; i < HOSTS; i++)
        hosts_heal(machine, i);
}

/* A step of a schedule; all is healed behind it. */
static void disturb(void)
{
    double began = seconds_now();
    switch (below(5)) {
    case 0:
        cut_machine(below(MACHINES), 1 + below(4));
        break;
    case 1:
        cut_master(true);
        break;
    case 2:
        cut_master(false);
        break;
    case 3:
        redis_server_restart(&engines[master()], false);
        break;
    default:
        kill_machine(below(MACHINES));
        break;
    }
    history_note_trouble(&crowd.history, began, seconds_now() + 5);
}

/* Both engines know each other again: or the next cut leaves nobody to turn to. */
static void await_replica(void)
{
    for (double began = seconds_now();; sleep_ms(50)) {
        must(seconds_now() - began < 60, "the replica does not come back");
        int now = master();
        if (redis_server_says(&engines[1 - now], "INFO replication",
                              "master_link_status:up"))
            return;
    }
}

static void hosts_are_cut_off(void **state)
{
    (void)state;
    printf("  %s\n", hosts_can_cut() ? "hosts are network namespaces"
                                     : "no namespaces here: engines are paused");
    start_crowd(8, full ? 100 : 40, full ? 40 : 10, 50);
    sleep_ms(1000);
    double began = seconds_now();
    cut_master(false);
    history_note_trouble(&crowd.history, began, seconds_now() + 5);
    sleep_ms(full ? 5000 : 1500);
    end(!strict);
}

static void a_machine_is_away_for_long(void **state)
{
    (void)state;
    start_crowd(8, full ? 100 : 40, full ? 40 : 10, 50);
    for (int i = 0; i < (full ? 2 : 1); i++) {
        double began = seconds_now();
        cut_machine(0, !full ? 2 : i == 0 ? 10 : 60);
        history_note_trouble(&crowd.history, began, seconds_now() + 5);
        sleep_ms(full ? 5000 : 1500);
    }
    end(false);
}

static void schedules_by_chance(void **state)
{
    (void)state;
    for (int schedule = 0; schedule < 10; schedule++) {
        printf("  schedule %d%s\n", schedule, strict ? ", with a replica each" : "");
        seed = (strict ? 2000 : 1000) + (unsigned)schedule;
        start_crowd(8, 60, 20, 50);
        for (int i = 0; i < 3; i++) {
            sleep_ms(500 + below(1500));
            disturb();
            await_replica();
        }
        sleep_ms(5000);
        end(!strict);
    }
}

/* --- the history itself: what is wrong is found --- */

static size_t found_in(const struct event *events, size_t count)
{
    struct history history = {.events = NULL};
    for (size_t i = 0; i < count; i++)
        history_add(&history, &events[i]);
    size_t found = history_check(&history);
    history_free(&history);
    return found;
}

#define FOUND_IN(...)                                                                    \
    found_in((const struct event[]){__VA_ARGS__},                                        \
             sizeof((const struct event[]){__VA_ARGS__}) / sizeof(struct event))
#define PUT(p, s, e, i, v)                                                               \
    {                                                                                    \
        .kind = EVENT_PUBLISHED, .path = (p), .start = (s), .end = (e), .index = (i),    \
        .value = (v)                                                                     \
    }
#define GET(p, s, e, b, i, v)                                                            \
    {                                                                                    \
        .kind = EVENT_READ, .path = (p), .start = (s), .end = (e), .brought = (b),       \
        .index = (i), .value = (v)                                                       \
    }

static void what_is_wrong_is_found(void **state)
{
    (void)state;
    assert_int_equal(FOUND_IN(PUT(0, 1, 2, 5, 1), GET(0, 0, 2, 4, 5, 1),
                              PUT(1, 1, 3, 6, 2), GET(0, 3, 20, 5, 5, 0)),
                     0);
    assert_int_equal(FOUND_IN(PUT(0, 1, 2, 5, 1), PUT(1, 1, 2, 5, 2)), 1);
    assert_int_equal(FOUND_IN(PUT(0, 1, 2, 5, 1), PUT(0, 3, 4, 4, 2)), 1);
    assert_int_equal(FOUND_IN(PUT(0, 1, 2, 5, 1), GET(0, 2, 3, 6, 5, 1)), 1);
    assert_int_equal(FOUND_IN(PUT(0, 1, 2, 5, 1), GET(0, 2, 3, 0, 6, 9)), 1);
    assert_int_equal(FOUND_IN(PUT(0, 1, 2, 5, 1), GET(0, 0, 20, 4, 4, 0)), 1);
    assert_int_equal(
        FOUND_IN({.kind = EVENT_REFUSED, .end = 1, .value = 1}, GET(0, 2, 3, 0, 6, 1)),
        1);
}

static int set_up(void **state)
{
    (void)state;
    full = getenv("FCGIWAIT_FULL") != NULL;
    setvbuf(stdout, NULL, _IOLBF, 0);
    hosts_open(HOSTS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    hosts_close();
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_found),
        cmocka_unit_test_setup_teardown(nothing_happens, start, stop),
        cmocka_unit_test_setup_teardown(machines_are_killed, start, stop),
        cmocka_unit_test_setup_teardown(a_durable_engine_is_killed, start, stop),
        cmocka_unit_test_setup_teardown(an_engine_that_may_forget_is_killed,
                                        start_everysec, stop),
        cmocka_unit_test_setup_teardown(hosts_are_cut_off, start_sentinel, stop),
        cmocka_unit_test_setup_teardown(hosts_are_cut_off, start_strict, stop),
        cmocka_unit_test_setup_teardown(a_machine_is_away_for_long, start_sentinel, stop),
    };
    const struct CMUnitTest long_ones[] = {
        cmocka_unit_test_setup_teardown(schedules_by_chance, start_sentinel, stop),
        cmocka_unit_test_setup_teardown(schedules_by_chance, start_strict, stop),
    };
    if (!redis_server_can()) {
        printf("this needs redis-server, and a build with hiredis\n");
        return 77; /* skipped */
    }
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    int failed = cmocka_run_group_tests_name("machines_keep_one_history", tests, set_up,
                                             tear_down);
    if (full)
        failed += cmocka_run_group_tests_name("machines_keep_one_history, schedules",
                                              long_ones, set_up, tear_down);
    return failed;
}
