/* SPDX-License-Identifier: ISC */
#include <string.h>
#include <time.h>

#include "fcgiwait/date.h"
#include "must.h"

static void moments_look_as_http_wants_them(void **state)
{
    static const struct {
        int64_t seconds;
        const char *text;
    } rows[] = {
        {0, "Thu, 01 Jan 1970 00:00:00 GMT"},
        {784111777, "Sun, 06 Nov 1994 08:49:37 GMT"}, /* RFC 9110's example */
        {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"},
        {4107542399, "Sun, 28 Feb 2100 23:59:59 GMT"},
        {4107542400, "Mon, 01 Mar 2100 00:00:00 GMT"},
        {INT64_MAX / NANOS_PER_SECOND, "Fri, 11 Apr 2262 23:47:16 GMT"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[DATE_TEXT + 1] = "";
        date_format(rows[i].seconds * NANOS_PER_SECOND, out);
        assert_string_equal(out, rows[i].text);
    }
}

static void every_day_is_the_c_library_s(void **state)
{
    (void)state;
    for (time_t day = 0; day < INT64_MAX / NANOS_PER_SECOND / 86400; day++) {
        time_t seconds = day * 86400 + day % 86400;
        struct tm tm;
        char theirs[64], ours[DATE_TEXT + 1] = "";
        gmtime_r(&seconds, &tm);
        strftime(theirs, sizeof theirs, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        date_format(seconds * NANOS_PER_SECOND + NANOS_PER_SECOND - 1, ours);
        if (strcmp(ours, theirs) != 0)
            fail_msg("%s, not %s", ours, theirs);
        nanos read;
        if (!date_parse(text_of(theirs), &read) || read != seconds * NANOS_PER_SECOND)
            fail_msg("%s is read otherwise", theirs);
    }
}

static void all_three_forms_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t seconds;
    } rows[] = {
        {"Sun, 06 Nov 1994 08:49:37 GMT", 784111777},
        {"Sunday, 06-Nov-94 08:49:37 GMT", 784111777},
        {"Sun Nov  6 08:49:37 1994", 784111777},
        {" Sun, 06 Nov 1994 08:49:37 GMT ", 784111777},
        {"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800},
        {"Wednesday, 01-Jan-69 00:00:00 GMT", 3124224000},
        {"Wed, 31 Dec 1969 23:59:59 GMT", -1},
    };
    static const char *const none[] = {"",
                                       "0",
                                       "784111777",
                                       "Sun, 06 Nov 1994 08:49:37",
                                       "Sun, 06 Nov 1994 08:49:37 GMT+1",
                                       "Sun, 6 Nov 1994 08:49:37 GMT",
                                       "Sun, 06 nov 1994 08:49:37 GMT",
                                       "Sun, 00 Nov 1994 08:49:37 GMT",
                                       "Sun, 32 Nov 1994 08:49:37 GMT",
                                       "Sun, 06 Nov 1994 24:49:37 GMT",
                                       "Sun, 06 Nov 1994 08:60:37 GMT",
                                       "Sun, 06 Nov 94 08:49:37 GMT",
                                       "Sun Nov 6 08:49:37 1994",
                                       "Sun, 06 Nov 1994 08:49:+7 GMT"};
    nanos at = 5;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!date_parse(text_of(rows[i].text), &at) ||
            at != rows[i].seconds * NANOS_PER_SECOND)
            fail_msg("%s: %lld", rows[i].text, (long long)(at / NANOS_PER_SECOND));
    at = 5;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (date_parse(text_of(none[i]), &at) || at != 5)
            fail_msg("\"%s\" is read", none[i]);
    assert_true(date_parse(TEXT("Fri, 31 Dec 9999 23:59:59 GMT"), &at));
    assert_true(at == INT64_MAX);
    assert_true(date_parse(TEXT("Sat, 01 Jan 0000 00:00:00 GMT"), &at));
    assert_true(at == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_look_as_http_wants_them),
        cmocka_unit_test(every_day_is_the_c_library_s),
        cmocka_unit_test(all_three_forms_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
