/* SPDX-License-Identifier: ISC */
#include "fcgiwait/thread.h"

#include <signal.h>
#include <sys/time.h>

#include "must.h"

static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
    (void)number;
    signals = signals + 1;
}

static void ring_every(int microseconds)
{
    struct itimerval every = {{0, microseconds}, {0, microseconds}};
    must(setitimer(ITIMER_REAL, &every, NULL) == 0, "no timer");
}

static void signals_cut_no_pause_short(void **state)
{
    (void)state;
    struct sigaction act = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &act, NULL);
    ring_every(2000);
    struct instant before = clock_now();
    thread_pause(50 * NANOS_PER_MS);
    struct instant after = clock_now();
    ring_every(0);
    assert_true(signals > 0);
    assert_true(after.at >= before.at + 50 * NANOS_PER_MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_cut_no_pause_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
