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
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moments_look_as_http_wants_them),
        cmocka_unit_test(every_day_is_the_c_library_s),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
