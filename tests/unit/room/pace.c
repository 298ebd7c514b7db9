/* SPDX-License-Identifier: ISC */
/* A large waitlist is answered no faster than the answers are taken. The one worker asks
 * between two batches, and the test answers. */
#include "fcgiwait/room.h"

#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#include "room_rig.h"
#include "must.h"

#define LONG (600 * NANOS_PER_SECOND)
#define WAITLIST 500

static struct room_rig room_rig;
static struct guest guests[WAITLIST], other;
static int asked, slow_times; /* how often, and how often the answer is yes */
static int answered_when_asked[WAITLIST];
static bool other_when_asked[WAITLIST];
static _Atomic int turns, answered_at_turn; /* of the publisher */

static int count_answered(void)
{
    int count = 0;
    for (int i = 0; i < WAITLIST; i++)
        count += guest_is_answered(&guests[i]);
    return count;
}

int __wrap_ioctl(int fd, unsigned long request, ...);

/* How much of an earlier answer the other side has not taken. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    (void)fd;
    va_list rest;
    must(request == TIOCOUTQ, "something else is asked");
    va_start(rest, request);
    int *bytes = va_arg(rest, int *);
    va_end(rest);
    if (asked < WAITLIST) {
        answered_when_asked[asked] = count_answered();
        other_when_asked[asked] = guest_is_answered(&other);
    }
    *bytes = asked++ < slow_times;
    return 0;
}

void __wrap_pace_let_publisher_go_first(void);

void __wrap_pace_let_publisher_go_first(void)
{
    answered_at_turn += count_answered();
    turns++;
}

static void gather_waitlist(int slow)
{
    asked = 0;
    slow_times = slow;
    room_rig_open(&room_rig, 1);
    room_rig_hold_door(&room_rig);
    for (int i = 0; i < WAITLIST; i++)
        room_rig_stay(&room_rig, &guests[i], "/a", LONG);
    room_rig_change(&room_rig, "/a");
}

static void all_must_be_answered(void)
{
    for (int i = 0; i < WAITLIST; i++)
        guest_await(&guests[i], VERDICT_CHANGED);
    room_rig_close(&room_rig);
}

static void nobody_is_answered_while_answers_lie_about(void **state)
{
    (void)state;
    gather_waitlist(5);
    room_rig_let_go(&room_rig);
    all_must_be_answered();
    assert_true(answered_when_asked[0] > 0 && answered_when_asked[0] < WAITLIST / 4);
    for (int i = 1; i <= 5; i++)
        assert_int_equal(answered_when_asked[i], answered_when_asked[0]);
    assert_true(answered_when_asked[6] > answered_when_asked[0]);
}

static void who_never_takes_them_does_not_hold_up_the_others(void **state)
{
    (void)state;
    gather_waitlist(INT32_MAX);
    room_rig_let_go(&room_rig);
    all_must_be_answered();
}

static void a_wait_that_runs_out_does_not_wait_for_the_waitlist(void **state)
{
    (void)state;
    gather_waitlist(0);
    room_rig_stay(&room_rig, &other, "/b", 0);
    room_rig_let_go(&room_rig);
    all_must_be_answered();
    guest_await(&other, VERDICT_EXPIRED);
    assert_true(other_when_asked[0]);
}

static void a_small_waitlist_does_not_wait_for_a_large_one(void **state)
{
    (void)state;
    gather_waitlist(0);
    room_rig_stay(&room_rig, &other, "/b", LONG);
    room_rig_change(&room_rig, "/b");
    room_rig_let_go(&room_rig);
    all_must_be_answered();
    guest_await(&other, VERDICT_CHANGED);
    assert_true(other_when_asked[1]);
}

static void who_publishes_goes_before_a_large_waitlist(void **state)
{
    (void)state;
    room_rig_open(&room_rig, 1);
    /* A worker that happens to be awake already does not ask. */
    turns = 0;
    for (int tries = 0; tries < 100 && turns == 0; tries++) {
        for (int i = 0; i < WAITLIST; i++)
            room_rig_stay(&room_rig, &guests[i], "/a", LONG);
        room_rig_change(&room_rig, "/a");
        for (int i = 0; i < WAITLIST; i++)
            guest_await(&guests[i], VERDICT_CHANGED);
    }
    assert_int_equal(turns, 1);
    assert_int_equal(answered_at_turn, 0);
    turns = 0;
    for (int i = 0; i < 50; i++) {
        room_rig_stay(&room_rig, &other, "/b", LONG);
        room_rig_change(&room_rig, "/b");
        guest_await(&other, VERDICT_CHANGED);
    }
    assert_int_equal(turns, 0);
    room_rig_close(&room_rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_answered_while_answers_lie_about),
        cmocka_unit_test(who_never_takes_them_does_not_hold_up_the_others),
        cmocka_unit_test(a_wait_that_runs_out_does_not_wait_for_the_waitlist),
        cmocka_unit_test(a_small_waitlist_does_not_wait_for_a_large_one),
        cmocka_unit_test(who_publishes_goes_before_a_large_waitlist),
    };
    return cmocka_run_group_tests_name("room/pace", tests, NULL, NULL);
}
