/* SPDX-License-Identifier: ISC */
/*
 * Dates as HTTP writes them. The civil calendar is reckoned here, since gmtime_r() takes
 * a lock and strftime() the locale, and every 200 carries a date.
 */
#include "fcgiwait/date.h"

#include <string.h>

#define DAY 86400
#define DAYS_OF_400 146097
#define DAYS_OF_100 36524 /* only the fourth century ends with a leap day */
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

/* --- reading --- */

static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static bool take(struct text *rest, struct text what)
{
    if (!text_starts(*rest, what))
        return false;
    text_skip(rest, what.len);
    return true;
}

/* So many digits; a blank may stand for a leading zero where `padded`. */
static bool take_number(struct text *rest, size_t digits, bool padded, int64_t *number)
{
    uint64_t value;
    struct text t = {rest->at, digits};
    if (rest->len < digits)
        return false;
    if (padded && t.at[0] == ' ')
        text_skip(&t, 1);
    if (!text_number(t, 9999, &value))
        return false;
    *number = (int64_t)value;
    text_skip(rest, digits);
    return true;
}

static bool take_month(struct text *rest, int64_t *month)
{
    for (*month = 0; *month < 12; ++*month)
        if (take(rest, (struct text){month_names + 3 * *month, 3}))
            return true;
    return false;
}

struct moment {
    int64_t year, month, day, hour, minute, second; /* month 0: January */
};

static bool take_clock(struct text *rest, struct moment *m)
{
    return take_number(rest, 2, false, &m->hour) && take(rest, TEXT(":")) &&
           take_number(rest, 2, false, &m->minute) && take(rest, TEXT(":")) &&
           take_number(rest, 2, false, &m->second) && m->hour < 24 && m->minute < 60 &&
           m->second <= 60;
}

/* "06 Nov 1994 08:49:37 GMT", and with dashes and a year of two digits. */
static bool take_usual(struct text *rest, struct text between, size_t year,
                       struct moment *m)
{
    return take_number(rest, 2, false, &m->day) && take(rest, between) &&
           take_month(rest, &m->month) && take(rest, between) &&
           take_number(rest, year, false, &m->year) && take(rest, TEXT(" ")) &&
           take_clock(rest, m) && take(rest, TEXT(" GMT"));
}

/* "Nov  6 08:49:37 1994" */
static bool take_asctime(struct text *rest, struct moment *m)
{
    return take_month(rest, &m->month) && take(rest, TEXT(" ")) &&
           take_number(rest, 2, true, &m->day) && take(rest, TEXT(" ")) &&
           take_clock(rest, m) && take(rest, TEXT(" ")) &&
           take_number(rest, 4, false, &m->year);
}

static bool take_moment(struct text rest, struct moment *m)
{
    struct text name = {rest.at, 0};
    while (name.len < rest.len && rest.at[name.len] != ' ' && rest.at[name.len] != ',')
        name.len++;
    text_skip(&rest, name.len);
    if (take(&rest, TEXT(", "))) {
        struct text other = rest;
        if (take_usual(&rest, TEXT(" "), 4, m))
            return rest.len == 0;
        if (!take_usual(&other, TEXT("-"), 2, m) || other.len > 0)
            return false;
        m->year += m->year < 70 ? 2000 : 1900;
        return true;
    }
    return take(&rest, TEXT(" ")) && take_asctime(&rest, m) && rest.len == 0;
}

/* The other way round than day_of(). */
static int64_t days_until(const struct moment *m)
{
    int64_t month = m->month < 2 ? m->month + 10 : m->month - 2;
    int64_t year = m->month < 2 ? m->year - 1 : m->year;
    if (year < 0)
        return -BEFORE_1970;
    return year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 +
           m->day - 1 - BEFORE_1970;
}

bool date_parse(struct text t, nanos *at)
{
    struct moment m;
    if (!take_moment(text_trim(t), &m) || m.day < 1 || m.day > 31)
        return false;
    int64_t seconds = days_until(&m) * DAY + m.hour * 3600 + m.minute * 60 + m.second;
    if (seconds > INT64_MAX / NANOS_PER_SECOND - 1)
        *at = INT64_MAX;
    else if (seconds < INT64_MIN / NANOS_PER_SECOND + 1)
        *at = INT64_MIN;
    else
        *at = seconds * NANOS_PER_SECOND;
    return true;
}
