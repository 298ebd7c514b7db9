/* SPDX-License-Identifier: ISC */
/* Waits and changes: one that is good, and each way to be bad. */
#include "judged.h"

#define S NANOS_PER_SECOND
#define COUNT 4

static struct report report;
static struct exchange waits[COUNT];
static struct exchange *const pointers[COUNT] = {&waits[0], &waits[1], &waits[2],
                                                 &waits[3]};

/* 7.5, 15, 30 and 60 s, each held to its end. */
static int start(void **state)
{
    (void)state;
    memset(&report, 0, sizeof report);
    for (int i = 0; i < COUNT; i++) {
        answer_of(&waits[i], 304, "Server: nginx/1.22.1\nX-Polling-Index: 17\n", "");
        waits[i].wait = (60 * S) >> (COUNT - 1 - i);
        waits[i].end_at = waits[i].wait - S / 50;
    }
    return 0;
}

static void must_be(enum verdict_of verdict, const char *says, const char *also)
{
    report_must_be(&report, verdict, says, also);
}

static void judge(void)
{
    judge_waits(&report, pointers, COUNT, 17);
}

static void a_wait_that_is_held_is_good(void **state)
{
    (void)state;
    judge();
    must_be(LOOKED_GOOD, "held for 60.0 s of 60 s", "304 arrives as 304");
}

static void a_cut_is_found_within_one_wait(void **state)
{
    (void)state;
    answer_of(&waits[3], 504, "Server: nginx/1.22.1\n", "");
    waits[3].wait = 60 * S;
    waits[3].end_at = 40 * S;
    judge();
    must_be(LOOKED_FAULT,
            "60 s is cut after 40.0 s: 504 from a server that calls itself "
            "nginx/1.22.1",
            "proxy_read_timeout");
    answer_of(&waits[3], 504, "", "");
    waits[3].wait = 60 * S;
    waits[3].end_at = 40 * S;
    judge();
    must_be(LOOKED_FAULT, "504 from a server that gives no name, most likely", "whose");
    waits[3].status = 0;
    waits[3].end = EXCHANGE_CLOSED;
    judge();
    must_be(LOOKED_FAULT, "cut after 40.0 s: the connection is closed", "whose");
    waits[3].end = EXCHANGE_TIMED_OUT;
    waits[3].end_at = 70 * S;
    judge();
    must_be(LOOKED_FAULT, "has no end", "NAT");
}

/* However many stand beside it that are cut, or held. */
static void who_is_turned_away_at_once_met_a_limit(void **state)
{
    (void)state;
    answer_of(&waits[1], 503, "Server: nginx/1.22.1\n", "");
    waits[1].wait = 15 * S;
    waits[2].end = EXCHANGE_CLOSED;
    assert_null(judge_waits(&report, pointers, COUNT, 17));
    must_be(LOOKED_FAULT, "turned away at once: 503 by nginx/1.22.1; no timeout",
            "limit_conn");
    waits[1].end = EXCHANGE_FAILED;
    strcpy(waits[1].failure, "Connection refused");
    assert_null(judge_waits(&report, pointers, COUNT, 17));
    must_be(LOOKED_FAULT, "at once, without an answer: Connection refused; no timeout",
            "limit_conn");
    waits[1].end_at = S;
    assert_ptr_equal(judge_waits(&report, pointers, COUNT, 17), &waits[1]);
    must_be(LOOKED_FAULT, "15 s is cut after 1.0 s", "");
    waits[1].sent_at = S - S / 4; /* it is far away */
    assert_null(judge_waits(&report, pointers, COUNT, 17));
    must_be(LOOKED_FAULT, "turned away at once", "");
    waits[1].sent_at = 0;
    waits[1].wait = S;
    waits[1].end_at = S / 4;
    assert_null(judge_waits(&report, pointers, COUNT, 17));
    must_be(LOOKED_FAULT, "turned away at once", "");
    waits[1] = waits[0];
    assert_ptr_equal(judge_waits(&report, pointers, COUNT, 17), &waits[2]);
    must_be(LOOKED_FAULT, "30 s is cut after ", "");
}

static void a_304_that_is_replaced_is_no_timeout(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++)
        waits[i].status = 503;
    judge();
    must_be(LOOKED_FAULT, "takes the place of the 304", "503 from nginx");
}

static void what_is_not_held_is_told(void **state)
{
    (void)state;
    waits[1].status = 200;
    waits[1].end_at = S / 100;
    judge();
    must_be(LOOKED_FAULT, "not held: 200 after 0.0 s", "nginx");
    waits[1].status = 304;
    judge();
    must_be(LOOKED_FAULT, "not held: 304 after 0.0 s", "nginx");
}

static void a_change_is_no_fault(void **state)
{
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        nanos wait = waits[i].wait;
        answer_of(&waits[i], 200, "X-Polling-Index: 18\n", "{}");
        waits[i].wait = wait;
        waits[i].end_at = 3 * S;
    }
    judge();
    must_be(LOOKED_NOTE, "changed after 3.0 s", "quieter");
}

static void fcgiwait_speaks_for_itself(void **state)
{
    (void)state;
    answer_of(&waits[3], 503, "Content-Type: application/problem+json\n",
              "{\"detail\":\"full\"}");
    waits[3].wait = 60 * S;
    judge();
    must_be(LOOKED_FAULT, "fcgiwait does not hold", "full");
}

static void a_shorter_longest_wait_is_worth_a_note(void **state)
{
    (void)state;
    waits[3].end_at = 30 * S;
    judge();
    must_be(LOOKED_NOTE, "end after 30.0 s", "wait.max");
}

static void late_answers_are_told(void **state)
{
    (void)state;
    waits[0].end_at = 20 * S;
    judge();
    must_be(LOOKED_FAULT, "a wait of 7.5 s ends after 20.0 s", "keeps");
}

static void equal_requests_wait_side_by_side(void **state)
{
    (void)state;
    waits[1] = waits[0];
    judge_twins(&report, &waits[0], &waits[1]);
    must_be(LOOKED_GOOD, "side by side", "");
    waits[1].end_at = 2 * waits[0].end_at;
    judge_twins(&report, &waits[0], &waits[1]);
    must_be(LOOKED_FAULT, "the second waits", "proxy_cache_lock");
}

static void a_change_ends_the_wait_and_is_seen(void **state)
{
    struct exchange publish, wait, get;
    (void)state;
    answer_of(&publish, 204, "X-Polling-Index: 18\n", "");
    answer_of(&wait, 200, "X-Polling-Index: 18\n", "{}");
    answer_of(&get, 200, "X-Polling-Index: 18\n", "{}");
    assert_true(judge_publish(&report, &publish, &wait, &get, 17));
    must_be(LOOKED_GOOD, "ends the wait", "");
    answer_of(&get, 200, "X-Polling-Index: 17\n", "{}");
    judge_publish(&report, &publish, &wait, &get, 17);
    must_be(LOOKED_FAULT, "caches", "");
    answer_of(&publish, 204, "X-Polling-Index: 19\n", ""); /* not the first change */
    assert_false(judge_publish(&report, &publish, &wait, &get, 17));
    must_be(LOOKED_NOTE, "changed before that", "not seen");
    assert_false(judge_publish(&report, &publish, &wait, &get, 18));
    must_be(LOOKED_FAULT, "does not end the wait", "another fcgiwait");
    answer_of(&wait, 304, "X-Polling-Index: 17\n", "");
    assert_false(judge_publish(&report, &publish, &wait, &get, 17));
    must_be(LOOKED_FAULT, "does not end the wait", "another fcgiwait");
    answer_of(&publish, 405, "Server: nginx\n", "");
    assert_false(judge_publish(&report, &publish, &wait, &get, 17));
    must_be(LOOKED_FAULT, "answers 405", "nginx");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_wait_that_is_held_is_good, start),
        cmocka_unit_test_setup(a_cut_is_found_within_one_wait, start),
        cmocka_unit_test_setup(who_is_turned_away_at_once_met_a_limit, start),
        cmocka_unit_test_setup(a_304_that_is_replaced_is_no_timeout, start),
        cmocka_unit_test_setup(what_is_not_held_is_told, start),
        cmocka_unit_test_setup(a_change_is_no_fault, start),
        cmocka_unit_test_setup(fcgiwait_speaks_for_itself, start),
        cmocka_unit_test_setup(a_shorter_longest_wait_is_worth_a_note, start),
        cmocka_unit_test_setup(late_answers_are_told, start),
        cmocka_unit_test_setup(equal_requests_wait_side_by_side, start),
        cmocka_unit_test_setup(a_change_ends_the_wait_and_is_seen, start),
    };
    return cmocka_run_group_tests_name("probe/judge_wait", tests, NULL, NULL);
}
