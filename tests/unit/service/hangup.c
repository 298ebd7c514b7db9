/* SPDX-License-Identifier: ISC */
/* Requests that are hung up again and again after the same time are told of, once. The
 * clock is the test's, and so is the log (--wrap, tests/Makefile.am). */
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"

static _Atomic int64_t ahead; /* of the real clock */
static int warnings;
static char warning[512];

struct instant __real_clock_now(void);
struct instant __wrap_clock_now(void);
void __wrap_log_warn(const char *format, ...);

struct instant __wrap_clock_now(void)
{
    return (struct instant){__real_clock_now().at + ahead};
}

void __wrap_log_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(warning, sizeof warning, format, args);
    va_end(args);
    warnings++;
}

static const struct service_rules rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                           .wait_max = 3600 * NANOS_PER_SECOND,
                                           .max_waiting = 100,
                                           .limit_body = 100,
                                           .limit_path = 20,
                                           .stream_max = 3600 * NANOS_PER_SECOND,
                                           .stream_heartbeat = 3600 * NANOS_PER_SECOND,
                                           .cache_control = "no-store"};

static int start(void **state)
{
    *state = malloc(sizeof(struct service_rig));
    service_rig_open(*state, &rules);
    warnings = 0;
    return 0;
}

static void hang_up_after(struct service_rig *service_rig, nanos span)
{
    struct visit visit;
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = TEXT("/a"),
                      .query = TEXT("index=0&wait=3600")};
    service_rig_serve(service_rig, &visit, &cgi);
    ahead += span;
    assert_true(service_hangup(&visit.request));
    service_hung_up(&visit.request);
}

static void a_timeout_in_between_is_named(void **state)
{
    struct service_rig *service_rig = *state;
    for (int i = 0; i < 8; i++)
        hang_up_after(service_rig, 30 * NANOS_PER_SECOND);
    assert_int_equal(warnings, 2); /* within four minutes */
    assert_non_null(strstr(warning, "after 30 s"));
    assert_non_null(strstr(warning, "fastcgi_read_timeout"));
}

/* --- streams --- */

/* It rests again a moment after it was heard: the silence begins with that. */
static void await_rest(struct service_rig *service_rig)
{
    static struct tree_most most;
    for (int ms = 0;; ms++) {
        tree_most(service_rig->tree, &most);
        if (most.count > 0)
            return;
        must(ms < 20000 && nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL) == 0,
             "it does not rest");
    }
}

static void stream_and_hang_up(struct service_rig *service_rig, nanos before, nanos after)
{
    struct visit visit;
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = TEXT("/a"),
                      .accept = TEXT("application/x-ndjson")};
    service_rig_serve(service_rig, &visit, &cgi);
    visit_must_say(&visit, "{");
    ahead += before;
    service_rig_put(service_rig, "/a", service_rig->counters.publishes % 2 ? "1" : "2");
    visit_must_say(&visit, "document");
    await_rest(service_rig);
    ahead += after;
    if (visit_hang_up(&visit))
        service_hung_up(&visit.request);
    else
        must_come(&visit.answered, "it does not end");
}

static void a_timeout_shorter_than_the_heartbeat_is_named(void **state)
{
    struct service_rig *service_rig = *state;
    for (int i = 1; i < 8; i++) /* after something was said, at any time */
        stream_and_hang_up(service_rig, i * 7 * NANOS_PER_SECOND, 12 * NANOS_PER_SECOND);
    assert_in_range(warnings, 1, 2);
    assert_non_null(strstr(warning, "after 12 s of silence"));
    assert_non_null(strstr(warning, "stream.heartbeat"));
}

static void a_bound_of_the_whole_answer_is_named(void **state)
{
    struct service_rig *service_rig = *state;
    for (int i = 1; i < 8; i++)
        stream_and_hang_up(service_rig, i * 7 * NANOS_PER_SECOND,
                           (60 - i * 7) * NANOS_PER_SECOND);
    assert_in_range(warnings, 1, 3);
    assert_non_null(strstr(warning, "after 60 s"));
    assert_non_null(strstr(warning, "stream.max"));
}

static void streams_that_end_as_their_readers_like_are_no_reason(void **state)
{
    struct service_rig *service_rig = *state;
    for (int i = 1; i < 12; i++)
        stream_and_hang_up(service_rig, i * 5 * NANOS_PER_SECOND,
                           (13 - i) * 11 * NANOS_PER_SECOND);
    assert_int_equal(warnings, 0);
}

static void who_comes_to_the_end_of_the_wait_is_no_reason(void **state)
{
    struct service_rig *service_rig = *state;
    for (int i = 0; i < 8; i++) {
        struct visit visit;
        struct cgi cgi = {.method = TEXT("GET"),
                          .script_name = TEXT("/a"),
                          .query = TEXT("index=0&wait=3600")};
        service_rig_serve(service_rig, &visit, &cgi);
        /* Nobody looks at the clock before the worker does, and it sleeps. */
        ahead += 3600 * NANOS_PER_SECOND - 60 * NANOS_PER_MS;
        if (service_hangup(&visit.request))
            service_hung_up(&visit.request);
        else
            visit_await(&visit);
    }
    assert_int_equal(warnings, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, service_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_timeout_in_between_is_named),
        TEST(who_comes_to_the_end_of_the_wait_is_no_reason),
        TEST(a_timeout_shorter_than_the_heartbeat_is_named),
        TEST(a_bound_of_the_whole_answer_is_named),
        TEST(streams_that_end_as_their_readers_like_are_no_reason),
    };
    return cmocka_run_group_tests_name("service/hangup", tests, NULL, NULL);
}
