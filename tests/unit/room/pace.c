/* SPDX-License-Identifier: ISC */
/* A large waitlist is answered no faster than the answers are taken. The one worker asks
 * between two batches, and the test answers. */
#include "fcgiwait/room.h"

#include <stdlib.h>

#include "room_rig.h"
#include "must.h"

#define LONG (600 * NANOS_PER_SECOND)
#define WAITLIST 500

static struct room_rig room_rig;
static struct guest guests[WAITLIST], other;
static int asked, slow_times; /* how often, and how often the answer is yes */
static int answered_when_asked[WAITLIST];
static bool other_when_asked[WAITLIST];

static int count_answered(void)
{
    int count = 0;
    for (int i = 0; i < WAITLIST; i++)
        count += guest_is_answered(&guests[i]);
    return count;
}

/* room_backlog_fn */
static bool behind(void)
{
    if (asked < WAITLIST) {
        answered_when_asked[asked] = count_answered();
        other_when_asked[asked] = guest_is_answered(&other);
    }
    return asked++ < slow_times;
}

static void gather_waitlist(int slow)
{
    asked = 0;
    slow_times = slow;
    room_rig_open_paced(&room_rig, 1, behind);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_answered_while_answers_lie_about),
        cmocka_unit_test(who_never_takes_them_does_not_hold_up_the_others),
        cmocka_unit_test(a_wait_that_runs_out_does_not_wait_for_the_waitlist),
        cmocka_unit_test(a_small_waitlist_does_not_wait_for_a_large_one),
    };
    return cmocka_run_group_tests_name("room/pace", tests, NULL, NULL);
}
