/* SPDX-License-Identifier: ISC */
/*
 * Go's durations and plain seconds. Nothing overflows: what is longer than `nanos` can
 * say is the longest that it can.
 */
#include "fcgiwait/duration.h"

struct unit {
    struct text name;
    nanos size;
};

/* Longer names before those that they begin with. */
static const struct unit units[] = {
    {TEXT("ns"), 1},
    {TEXT("us"), 1000},
    {TEXT("\xc2\xb5s"), 1000}, /* U+00B5 and U+03BC, as Go takes them */
    {TEXT("\xce\xbcs"), 1000},
    {TEXT("ms"), NANOS_PER_MS},
    {TEXT("s"), NANOS_PER_SECOND},
    {TEXT("m"), 60 * NANOS_PER_SECOND},
    {TEXT("h"), 3600 * NANOS_PER_SECOND},
};

static nanos add_capped(nanos a, nanos b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static nanos times_capped(nanos a, nanos b)
{
    return b > 0 && a > INT64_MAX / b ? INT64_MAX : a * b;
}

static bool is_digit(const struct text *t)
{
    return t->len > 0 && t->at[0] >= '0' && t->at[0] <= '9';
}

static nanos take_digit(struct text *t)
{
    nanos digit = t->at[0] - '0';
    text_skip(t, 1);
    return digit;
}

/* The digits at the start of `t`; false where there are none. */
static bool take_whole(struct text *t, nanos *whole)
{
    if (!is_digit(t))
        return false;
    for (*whole = 0; is_digit(t);)
        *whole = add_capped(times_capped(*whole, 10), take_digit(t));
    return true;
}

struct fraction {
    nanos digits, scale; /* digits / scale */
};

/* ".5"; digits beyond what nanoseconds can tell count for nothing. */
static bool take_fraction(struct text *t, struct fraction *fraction)
{
    *fraction = (struct fraction){0, 1};
    if (t->len == 0 || t->at[0] != '.')
        return false;
    text_skip(t, 1);
    bool any = is_digit(t);
    while (is_digit(t)) {
        nanos digit = take_digit(t);
        if (fraction->scale < INT64_C(1000000000)) {
            fraction->digits = fraction->digits * 10 + digit;
            fraction->scale *= 10;
        }
    }
    return any;
}

static const struct unit *take_unit(struct text *t)
{
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text_starts(*t, units[i].name)) {
            text_skip(t, units[i].name.len);
            return &units[i];
        }
    return NULL;
}

/* One part of a Go duration: "1.5s". */
static bool take_part(struct text *t, nanos *span)
{
    nanos whole = 0;
    struct fraction fraction;
    bool has_whole = take_whole(t, &whole);
    bool has_fraction = take_fraction(t, &fraction);
    if (!has_whole && !has_fraction)
        return false;
    const struct unit *unit = take_unit(t);
    if (unit == NULL)
        return false;
    *span = add_capped(*span, times_capped(whole, unit->size));
    /* Both factors are at most 3.6e12 and 1e9: as a double, exact enough. */
    *span = add_capped(*span, (nanos)((double)fraction.digits / (double)fraction.scale *
                                      (double)unit->size));
    return true;
}

bool duration_parse(struct text t, nanos *span)
{
    nanos sum = 0;
    struct text rest = t;
    if (take_whole(&rest, &sum) && rest.len == 0) {
        *span = times_capped(sum, NANOS_PER_SECOND);
        return true;
    }
    sum = 0;
    if (t.len == 0)
        return false;
    while (t.len > 0)
        if (!take_part(&t, &sum))
            return false;
    *span = sum;
    return true;
}

size_t duration_format(nanos span, char out[DURATION_TEXT])
{
    int ms = (int)(span % NANOS_PER_SECOND / NANOS_PER_MS);
    size_t len = text_format((uint64_t)(span / NANOS_PER_SECOND), out);
    if (ms > 0)
        out[len++] = '.';
    for (int unit = 100; ms > 0; ms %= unit, unit /= 10)
        out[len++] = (char)('0' + ms / unit);
    out[len] = '\0';
    return len;
}
