/* SPDX-License-Identifier: ISC */
#include "fcgiwait/duration.h"

#include "must.h"

struct row {
    const char *said;
    nanos span; /* -1: refused */
};

static void seconds_and_go_durations_are_read(void **state)
{
    static const struct row rows[] = {
        {"15", 15 * NANOS_PER_SECOND},
        {"0", 0},
        {"15s", 15 * NANOS_PER_SECOND},
        {"1m30s", 90 * NANOS_PER_SECOND},
        {"500ms", 500 * NANOS_PER_MS},
        {"1.5s", 1500 * NANOS_PER_MS},
        {".5s", 500 * NANOS_PER_MS},
        {"1.s", NANOS_PER_SECOND},
        {"1h", 3600 * NANOS_PER_SECOND},
        {"250us", 250000},
        {"250\xc2\xb5s", 250000},
        {"10ns", 10},
        {"1h1m1s1ms1us1ns", INT64_C(3661001001001)},
        {"250\xce\xbcs", 250000},
        {"1m", 60 * NANOS_PER_SECOND},
        {"0s", 0},
        {"0.0s", 0},
        {"00015", 15 * NANOS_PER_SECOND},
        {"1s1s", 2 * NANOS_PER_SECOND},
        {"0.5h", 1800 * NANOS_PER_SECOND},
        {"1.0000000009s", 1000000000},
        {"0.123456789123456789s", 123456789},
        {"0.9ns", 0},
        {"9223372036", INT64_C(9223372036000000000)},
        {"9223372037", INT64_MAX},
        {"9223372036854775807ns", INT64_MAX},
        {"9223372036854775808ns", INT64_MAX},
        {"9223372036.9s", INT64_MAX},
        {"99999999999999999999", INT64_MAX},
        {"99999999999999999999h", INT64_MAX},
        {"", -1},
        {"-5", -1},
        {"-5s", -1},
        {"s", -1},
        {"1x", -1},
        {"1.5", -1},
        {"1s ", -1},
        {"1m 30s", -1},
        {" 15", -1},
        {"+5", -1},
        {"+5s", -1},
        {".", -1},
        {".s", -1},
        {"1..5s", -1},
        {"1.5.5s", -1},
        {"15S", -1},
        {"15sec", -1},
        {"1d", -1},
        {"1s5", -1},
        {"1s-", -1},
        {"0x10", -1},
        {"1e3s", -1},
        {"infinity", -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nanos span = -1;
        bool read = duration_parse(text_of(rows[i].said), &span);
        if (read != (rows[i].span >= 0) || span != rows[i].span)
            fail_msg("\"%s\" is read as %lld", rows[i].said, (long long)span);
    }
}

/* Longer and longer beginnings, each at the very end of its array. */
static void nothing_behind_a_duration_is_read(void **state)
{
    static const char whole[] = "1h1m30.5s250\xc2\xb5s10ns";
    (void)state;
    for (size_t len = 0; len < sizeof whole; len++) {
        char bytes[sizeof whole];
        nanos span = -1;
        char *at = bytes + sizeof bytes - len;
        memcpy(at, whole, len);
        if (!duration_parse((struct text){at, len}, &span))
            assert_true(span == -1);
    }
    nanos span = -1;
    assert_false(duration_parse((struct text){NULL, 0}, &span));
}

static void a_span_is_written_in_seconds_rounded_down(void **state)
{
    static const struct {
        nanos span;
        const char *text;
    } written[] = {
        {0, "0"},
        {1, "0"},
        {NANOS_PER_MS, "0.001"},
        {NANOS_PER_MS - 1, "0"},
        {10 * NANOS_PER_MS, "0.01"},
        {1500 * NANOS_PER_MS, "1.5"},
        {1999999999, "1.999"},
        {60 * NANOS_PER_SECOND, "60"},
        {86400 * NANOS_PER_SECOND + 120 * NANOS_PER_MS, "86400.12"},
        {INT64_MAX, "9223372036.854"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        char out[DURATION_TEXT];
        assert_int_equal(duration_format(written[i].span, out), strlen(written[i].text));
        assert_string_equal(out, written[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_and_go_durations_are_read),
        cmocka_unit_test(nothing_behind_a_duration_is_read),
        cmocka_unit_test(a_span_is_written_in_seconds_rounded_down),
    };
    return cmocka_run_group_tests_name("http/duration", tests, NULL, NULL);
}
