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
                                           .limit_path = 20,
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
    };
    return cmocka_run_group_tests_name("service/hangup", tests, NULL, NULL);
}
