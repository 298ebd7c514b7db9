/* A large crowd is answered no faster than the answers are taken. The one worker asks
 * between two batches, and the test answers. */
#include "fcgiwait/room.h"

#include <stdlib.h>

#include "inn.h"
#include "must.h"

#define LONG (600 * NANOS_PER_SECOND)
#define CROWD 500

static struct inn inn;
static struct guest guests[CROWD], other;
static int asked, slow_times; /* how often, and how often the answer is yes */
static int answered_when_asked[CROWD];
static bool other_when_asked[CROWD];

static int count_answered(void)
{
    int count = 0;
    for (int i = 0; i < CROWD; i++)
        count += guest_is_answered(&guests[i]);
    return count;
}

/* room_behind_fn */
static bool behind(void)
{
    if (asked < CROWD) {
        answered_when_asked[asked] = count_answered();
        other_when_asked[asked] = guest_is_answered(&other);
    }
    return asked++ < slow_times;
}

static void gather_crowd(int slow)
{
    asked = 0;
    slow_times = slow;
    inn_open_paced(&inn, 1, behind);
    inn_hold_door(&inn);
    for (int i = 0; i < CROWD; i++)
        inn_stay(&inn, &guests[i], "/a", LONG);
    inn_change(&inn, "/a");
}

static void all_must_be_answered(void)
{
    for (int i = 0; i < CROWD; i++)
        guest_await(&guests[i], VERDICT_CHANGED);
    inn_close(&inn);
}

static void nobody_is_answered_while_answers_lie_about(void **state)
{
    (void)state;
    gather_crowd(5);
    inn_let_go(&inn);
    all_must_be_answered();
    assert_true(answered_when_asked[0] > 0 && answered_when_asked[0] < CROWD / 4);
    for (int i = 1; i <= 5; i++)
        assert_int_equal(answered_when_asked[i], answered_when_asked[0]);
    assert_true(answered_when_asked[6] > answered_when_asked[0]);
}

static void who_never_takes_them_does_not_hold_up_the_others(void **state)
{
    (void)state;
    gather_crowd(INT32_MAX);
    inn_let_go(&inn);
    all_must_be_answered();
}

static void a_wait_that_runs_out_does_not_wait_for_the_crowd(void **state)
{
    (void)state;
    gather_crowd(0);
    inn_stay(&inn, &other, "/b", 0);
    inn_let_go(&inn);
    all_must_be_answered();
    guest_await(&other, VERDICT_EXPIRED);
    assert_true(other_when_asked[0]);
}

static void a_small_crowd_does_not_wait_for_a_large_one(void **state)
{
    (void)state;
    gather_crowd(0);
    inn_stay(&inn, &other, "/b", LONG);
    inn_change(&inn, "/b");
    inn_let_go(&inn);
    all_must_be_answered();
    guest_await(&other, VERDICT_CHANGED);
    assert_true(other_when_asked[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_is_answered_while_answers_lie_about),
        cmocka_unit_test(who_never_takes_them_does_not_hold_up_the_others),
        cmocka_unit_test(a_wait_that_runs_out_does_not_wait_for_the_crowd),
        cmocka_unit_test(a_small_crowd_does_not_wait_for_a_large_one),
    };
    return cmocka_run_group_tests_name("room/pace", tests, NULL, NULL);
}
