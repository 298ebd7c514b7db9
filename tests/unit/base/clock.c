/* SPDX-License-Identifier: ISC */
#include "fcgiwait/clock.h"

#include <limits.h>
#include <time.h>

#include "fcgiwait/lock.h"
#include "must.h"

static struct instant at(nanos span)
{
    return (struct instant){span};
}

static void what_is_left_is_rounded_up_to_milliseconds(void **state)
{
    static const struct {
        nanos left;
        int ms;
    } rows[] = {
        {0, 0},
        {1, 1},
        {NANOS_PER_MS - 1, 1},
        {NANOS_PER_MS, 1},
        {NANOS_PER_MS + 1, 2},
        {60 * NANOS_PER_SECOND, 60000},
        {-1, 0},
        {-60 * NANOS_PER_SECOND, 0},
        {(nanos)INT_MAX * NANOS_PER_MS, INT_MAX},
        {(nanos)INT_MAX * NANOS_PER_MS + 1, INT_MAX},
        {INT64_MAX / 2, INT_MAX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct instant now = at(77 * NANOS_PER_SECOND);
        int ms = instant_left_ms(at(now.at + rows[i].left), now);
        if (ms != rows[i].ms)
            fail_msg("%lld ns are %d ms", (long long)rows[i].left, ms);
    }
}

static void never_is_waited_for_without_end(void **state)
{
    (void)state;
    assert_int_equal(instant_left_ms(INSTANT_NEVER, at(0)), -1);
    assert_int_equal(instant_left_ms(INSTANT_NEVER, INSTANT_NEVER), -1);
    assert_int_equal(instant_left_ms(at(5), INSTANT_NEVER), 0);
}

static void a_span_too_long_leads_to_never(void **state)
{
    (void)state;
    assert_true(instant_after(at(5), 7).at == 12);
    assert_true(instant_after(at(5), -7).at == -2);
    assert_true(instant_after(at(INT64_MAX - 7), 7).at == INT64_MAX);
    assert_true(instant_after(at(INT64_MAX - 7), 8).at == INSTANT_NEVER.at);
    assert_true(instant_after(at(1), INT64_MAX).at == INSTANT_NEVER.at);
    assert_true(instant_after(INSTANT_NEVER, NANOS_PER_SECOND).at == INSTANT_NEVER.at);
}

static void the_monotonic_clock_never_goes_back(void **state)
{
    struct instant before = clock_now();
    (void)state;
    for (int i = 0; i < 10000; i++) {
        struct instant now = clock_now();
        assert_true(now.at >= before.at);
        before = now;
    }
}

static void the_wall_clock_is_the_systems(void **state)
{
    (void)state;
    nanos apart = clock_wall() - (nanos)time(NULL) * NANOS_PER_SECOND;
    assert_true(apart > -60 * NANOS_PER_SECOND && apart < 60 * NANOS_PER_SECOND);
}

/* On the wall clock it would be past by years, or years ahead. */
static void timed_waits_run_on_the_monotonic_clock(void **state)
{
    struct lock lock;
    pthread_cond_t cond;
    struct instant start = clock_now();
    struct instant until = instant_after(start, 20 * NANOS_PER_MS);
    (void)state;
    assert_int_equal(cond_init_monotonic(&cond), 0);
    lock_init(&lock, LOCK_WORKER);
    lock_take(&lock);
    while (lock_wait_until(&lock, &cond, until))
        ;
    lock_drop(&lock);
    nanos waited = clock_now().at - start.at;
    assert_true(waited >= 20 * NANOS_PER_MS);
    assert_true(waited < 60 * NANOS_PER_SECOND);
    pthread_cond_destroy(&cond);
    lock_destroy(&lock);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_is_rounded_up_to_milliseconds),
        cmocka_unit_test(never_is_waited_for_without_end),
        cmocka_unit_test(a_span_too_long_leads_to_never),
        cmocka_unit_test(the_monotonic_clock_never_goes_back),
        cmocka_unit_test(the_wall_clock_is_the_systems),
        cmocka_unit_test(timed_waits_run_on_the_monotonic_clock),
    };
    return cmocka_run_group_tests_name("base/clock", tests, NULL, NULL);
}
