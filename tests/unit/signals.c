/* SPDX-License-Identifier: ISC */
/* What becomes of a signal, in a process of its own for each. */
#include "signals.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fcgiwait/log.h"
#include "must.h"

/* The wait status of a child that does this. */
static int fate_of(void (*act)(void))
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        log_set_level(LOG_LEVEL_ERROR);
        alarm(60);
        act();
        _exit(7);
    }
    must(child > 0 && waitpid(child, &status, 0) == child, "no child");
    return status;
}

static void must_exit(void (*act)(void), int with)
{
    int status = fate_of(act);
    must(WIFEXITED(status) && WEXITSTATUS(status) == with, "status %x", (unsigned)status);
}

static void expect(bool condition)
{
    if (!condition)
        _exit(1);
}

static void send(int number)
{
    kill(getpid(), number);
}

static void reload_early(void)
{
    signals_hold_reload();
    send(SIGHUP);
    int signals = signals_open();
    expect(signals >= 0);
    expect(signals_take(signals) == SIGNAL_RELOAD);
    expect(signals_take(signals) == SIGNAL_NONE);
}

static void a_reload_that_comes_early_is_not_lost(void **state)
{
    (void)state;
    must_exit(reload_early, 7);
}

static void stop_early(void)
{
    signals_hold_reload();
    send(SIGTERM);
}

/* -t and the like end as every command does. */
static void a_stop_ends_who_does_not_serve(void **state)
{
    (void)state;
    int status = fate_of(stop_early);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void take_each(void)
{
    static const int stops[] = {SIGTERM, SIGINT, SIGUSR1};
    int signals = signals_open();
    struct pollfd fd = {.fd = signals, .events = POLLIN};
    expect(signals_take(signals) == SIGNAL_NONE);
    for (size_t i = 0; i < sizeof stops / sizeof *stops; i++) {
        expect(poll(&fd, 1, 0) == 0);
        send(stops[i]);
        expect(poll(&fd, 1, 0) == 1);
        expect(signals_take(signals) == SIGNAL_STOP);
    }
    send(SIGHUP);
    send(SIGPIPE); /* ends nobody */
    expect(signals_take(signals) == SIGNAL_RELOAD);
    expect(signals_take(signals) == SIGNAL_NONE);
}

static void each_signal_means_one_thing(void **state)
{
    (void)state;
    must_exit(take_each, 7);
}

/* Somebody has the store's lock, say. */
static void start_for_ever(void)
{
    int signals = signals_open();
    expect(signals_watch_start(signals) != NULL);
    send(SIGTERM);
    for (;;)
        pause();
}

static void a_stop_ends_a_start_that_takes_long(void **state)
{
    (void)state;
    must_exit(start_for_ever, EXIT_SUCCESS);
}

static void reload_while_starting(void)
{
    int signals = signals_open();
    struct pollfd fd = {.fd = signals, .events = POLLIN};
    struct signals_watch *watch = signals_watch_start(signals);
    expect(watch != NULL);
    send(SIGHUP);
    while (poll(&fd, 1, 0) != 0) /* until the watch has it */
        ;
    signals_watch_end(&watch);
    expect(watch == NULL);
    expect(signals_take(signals) == SIGNAL_RELOAD);
    expect(signals_take(signals) == SIGNAL_NONE);
}

static void a_reload_waits_until_the_start_is_over(void **state)
{
    (void)state;
    must_exit(reload_while_starting, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reload_that_comes_early_is_not_lost),
        cmocka_unit_test(a_stop_ends_who_does_not_serve),
        cmocka_unit_test(each_signal_means_one_thing),
        cmocka_unit_test(a_stop_ends_a_start_that_takes_long),
        cmocka_unit_test(a_reload_waits_until_the_start_is_over),
    };
    return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
