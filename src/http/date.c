/* SPDX-License-Identifier: ISC */
/*
 * The civil calendar by arithmetic: gmtime_r() and strftime() take a lock, or the locale.
 */
#include "fcgiwait/date.h"

#include <string.h>

#define DAY 86400
#define DAYS_OF_400 146097
#define DAYS_OF_100                                                                      \
    36524 /* without the leap day that only the fourth century ends with */
#define DAYS_OF_4 1461
#define BEFORE_1970 719468 /* days since 1 March of year 0 */

struct day {
    int64_t year;
    int month, day; /* month 0: January */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Years are counted from March, so that a leap day is the last of its year, of its four
 * years and of its four centuries. */
static struct day day_of(int64_t days)
{
    days += BEFORE_1970;
    int64_t year = days / DAYS_OF_400 * 400;
    days %= DAYS_OF_400;
    int64_t centuries = least(days / DAYS_OF_100, 3);
    days -= centuries * DAYS_OF_100;
    int64_t fours = days / DAYS_OF_4;
    days %= DAYS_OF_4;
    int64_t ones = least(days / 365, 3);
    days -= ones * 365;
    year += centuries * 100 + fours * 4 + ones;
    /* From March on, five months in a row have 153 days. */
    int month = (int)(5 * days + 2) / 153;
    int day = (int)days - (153 * month + 2) / 5 + 1;
    return month < 10 ? (struct day){year, month + 2, day}
                      : (struct day){year + 1, month - 10, day};
}

static char *put(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}

static char *put_two(char *at, int64_t number, char behind)
{
    at[0] = (char)('0' + number / 10);
    at[1] = (char)('0' + number % 10);
    at[2] = behind;
    return at + 3;
}

void date_format(nanos at, char out[DATE_TEXT])
{
    static const char names[] = "Thu, Fri, Sat, Sun, Mon, Tue, Wed, "; /* 1970-01-01 */
    static const char months[] = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec ";
    int64_t seconds = at / NANOS_PER_SECOND;
    int64_t days = seconds / DAY, second = seconds % DAY;
    struct day day = day_of(days);
    out = put(out, names + 5 * (days % 7), 5);
    out = put_two(out, day.day, ' ');
    out = put(out, months + 4 * day.month, 4);
    out = put_two(out, day.year / 100, ' ') - 1;
    out = put_two(out, day.year % 100, ' ');
    out = put_two(out, second / 3600, ':');
    out = put_two(out, second / 60 % 60, ':');
    out = put_two(out, second % 60, ' ');
    put(out, "GMT", 3);
}
