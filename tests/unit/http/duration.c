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
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        nanos span = -1;
        bool read = duration_parse(text_of(rows[i].said), &span);
        if (read != (rows[i].span >= 0) || span != rows[i].span)
            fail_msg("\"%s\" is read as %lld", rows[i].said, (long long)span);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_and_go_durations_are_read),
    };
    return cmocka_run_group_tests_name("http/duration", tests, NULL, NULL);
}
