/* SPDX-License-Identifier: ISC */
/* Streams and HTTP/2: one that is good, and each way to be bad. */
#include "judged.h"

#define S NANOS_PER_SECOND
#define COUNT 4

static struct report report;
static struct exchange stream, publish, wait;
static const struct exchange *cut_wait;

/* 60 s of a stream whose event came at once. */
static int start(void **state)
{
    (void)state;
    memset(&report, 0, sizeof report);
    answer_of(&stream, 200, "Server: nginx/1.22.1\nContent-Type: text/event-stream\n",
              ":\n");
    stream.end = EXCHANGE_TIMED_OUT; /* it had no end, as is meant */
    stream.body_at = stream.event_at = S / 10;
    stream.end_at = stream.patience = 60 * S;
    cut_wait = NULL;
    answer_of(&publish, 204, "X-Polling-Index: 18\n", "");
    return 0;
}

static void must_be(enum verdict_of verdict, const char *says, const char *also)
{
    report_must_be(&report, verdict, says, also);
}

static void must_be_bad(const char *says, const char *also)
{
    assert_false(judge_stream(&report, &stream, cut_wait));
    must_be(LOOKED_FAULT, says, also);
}

static void one_that_begins_at_once_is_good(void **state)
{
    (void)state;
    stream.event_at = S / 5;
    assert_true(judge_stream(&report, &stream, cut_wait));
    must_be(LOOKED_GOOD, "first byte arrives after 0.100 s, the first event after 0.200",
            "goes on for 60.0 s");
}

static void one_that_is_gathered_is_named(void **state)
{
    (void)state;
    stream.event_at = 20 * S;
    must_be_bad("byte of a stream arrives after 0.1 s, the first event after 20.0 s",
                "gathers");
    stream.event_at = -1;
    must_be_bad("after 0.1 s, and within 60.0 s no event", "compressing filter");
    stream.body_at = -1;
    must_be_bad("nothing of a stream arrives within 60.0 s", "proxy_buffering");
}

static void one_that_is_cut_or_replaced_is_named(void **state)
{
    (void)state;
    stream.end = EXCHANGE_CLOSED;
    stream.end_at = 30 * S;
    must_be_bad("cut after 30.0 s",
                "nothing in it says whose"); /* the head is fcgiwait's */
    answer_of(&wait, 504, "", "");
    wait.end_at = 29 * S;
    cut_wait = &wait;
    must_be_bad("cut after 30.0 s", "by what cuts waits, too");
    stream.end = EXCHANGE_ANSWERED; /* HTTP/1.0 has no mark of an end */
    must_be_bad("cut after 30.0 s", "by what cuts waits, too");
    wait.end_at = 12 * S;
    must_be_bad("cut after 30.0 s", "nothing in it says whose");
    answer_of(&stream, 503, "Server: nginx\n", "");
    must_be_bad("503 from nginx instead of a stream", "");
}

static void one_that_fails_says_why(void **state)
{
    (void)state;
    stream.end = EXCHANGE_FAILED;
    strcpy(stream.failure, "no memory left");
    must_be_bad("a stream fails after 60.0 s: no memory left", "");
    answer_of(&stream, 0, "", "");
    stream.end = EXCHANGE_CLOSED;
    stream.body_at = stream.event_at = -1;
    strcpy(stream.failure, "Empty reply");
    must_be_bad("a stream fails after 0.0 s: Empty reply", "");
}

static void one_that_ends_early_is_worth_a_note(void **state)
{
    (void)state;
    stream.end = EXCHANGE_ANSWERED;
    stream.end_at = 30 * S;
    assert_false(judge_stream(&report, &stream, NULL));
    must_be(LOOKED_NOTE, "ends after 30.0 s", "stream.max");
}

static void none_is_worth_a_note(void **state)
{
    (void)state;
    answer_of(&stream, 406, "", "");
    assert_false(judge_stream(&report, &stream, cut_wait));
    must_be(LOOKED_NOTE, "406", "");
    answer_of(&stream, 200, "Content-Type: application/json\n", "{}");
    assert_false(judge_stream(&report, &stream, cut_wait));
    must_be(LOOKED_NOTE, "no streams here", "");
}

static void compressors_are_worth_a_note(void **state)
{
    (void)state;
    answer_of(&stream, 200, "Content-Type: text/event-stream\nContent-Encoding: gzip\n",
              ":\n");
    stream.body_at = stream.event_at = 0;
    assert_true(judge_stream(&report, &stream, cut_wait));
    assert_int_equal(report.count, 2);
    assert_int_equal(report.lines[1].verdict, LOOKED_NOTE);
    assert_non_null(strstr(report.lines[1].text, "(gzip): each keeps a compressor"));
}

/* The stream began two seconds before the POST, which took half a second. */
static void a_change_comes_by_an_open_stream(void **state)
{
    (void)state;
    publish.start.at = 2 * S;
    publish.end_at = S / 2;
    stream.event_at = 3 * S;
    judge_stream_change(&report, &stream, &publish);
    must_be(LOOKED_NOTE, "0.500 s after its POST is answered", "http-no-delay");
    stream.event_at = 5 * S / 2 + S / 10;
    judge_stream_change(&report, &stream, &publish);
    must_be(LOOKED_GOOD, "0.100 s after its POST is answered", "");
    stream.event_at = 2 * S + S / 4; /* before the POST's own answer */
    judge_stream_change(&report, &stream, &publish);
    must_be(LOOKED_GOOD, "0.000 s after", "");
    stream.event_at = 9 * S;
    judge_stream_change(&report, &stream, &publish);
    must_be(LOOKED_FAULT, "comes 6.5 s late", "gathers");
    stream.event_at = -1;
    judge_stream_change(&report, &stream, &publish);
    must_be(LOOKED_FAULT, "does not come by a stream that is open, within 60.0 s", "");
    stream.status = 429;
    judge_stream_change(&report, &stream, &publish);
    must_be(LOOKED_FAULT, "429 from nginx/1.22.1 instead of a second stream", "");
}

static void connections_of_http2_are_counted(void **state)
{
    static struct exchange held[COUNT];
    struct exchange *const pointers[COUNT] = {&held[0], &held[1], &held[2], &held[3]};
    (void)state;
    for (int i = 0; i < COUNT; i++) {
        answer_of(&held[i], 304, "", "");
        held[i].wait = held[i].end_at = S;
        held[i].port = 7;
    }
    judge_side_by_side(&report, pointers, COUNT);
    must_be(LOOKED_GOOD, "4 requests wait side by side on one connection", "");
    held[2].port = 8;
    judge_side_by_side(&report, pointers, COUNT);
    must_be(LOOKED_FAULT, "only 3 requests", "http2_max_concurrent_streams");
    held[0].end_at = S / 10; /* a change: they were not there together */
    judge_side_by_side(&report, pointers, COUNT);
    assert_int_equal(report.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(one_that_begins_at_once_is_good, start),
        cmocka_unit_test_setup(one_that_is_gathered_is_named, start),
        cmocka_unit_test_setup(one_that_is_cut_or_replaced_is_named, start),
        cmocka_unit_test_setup(one_that_fails_says_why, start),
        cmocka_unit_test_setup(one_that_ends_early_is_worth_a_note, start),
        cmocka_unit_test_setup(none_is_worth_a_note, start),
        cmocka_unit_test_setup(compressors_are_worth_a_note, start),
        cmocka_unit_test_setup(a_change_comes_by_an_open_stream, start),
        cmocka_unit_test_setup(connections_of_http2_are_counted, start),
    };
    return cmocka_run_group_tests_name("probe/judge_stream", tests, NULL, NULL);
}
