/* SPDX-License-Identifier: ISC */
/*
 * A reader for `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`. Later versions
 * may have more behind that; version ff is none.
 */
#include "fcgiwait/traceparent.h"

#define VERSION 2
#define ID 32
#define PARENT 16
#define FLAGS 2
#define LENGTH (VERSION + 1 + ID + 1 + PARENT + 1 + FLAGS)

/* Lower case alone, and the dash or the end behind them. */
static bool take_digits(struct text *rest, size_t count, struct text *digits)
{
    *digits = (struct text){rest->at, count};
    for (size_t i = 0; i < count; i++)
        if (strchr("0123456789abcdef", rest->at[i]) == NULL || rest->at[i] == '\0')
            return false;
    text_skip(rest, count);
    if (rest->len == 0)
        return true;
    bool dash = rest->at[0] == '-';
    text_skip(rest, 1);
    return dash;
}

static bool is_zero(struct text digits)
{
    for (size_t i = 0; i < digits.len; i++)
        if (digits.at[i] != '0')
            return false;
    return true;
}

bool traceparent_is_id(struct text id)
{
    struct text rest = id, digits;
    return id.len == ID && take_digits(&rest, ID, &digits) && !is_zero(id);
}

struct text traceparent_id(struct text header)
{
    struct text rest = text_trim(header), version, id, parent, flags;
    size_t len = rest.len;
    if (len < LENGTH || !take_digits(&rest, VERSION, &version) ||
        !take_digits(&rest, ID, &id) || !take_digits(&rest, PARENT, &parent) ||
        !take_digits(&rest, FLAGS, &flags))
        return (struct text){0};
    bool sound = !is_zero(id) && !is_zero(parent) && !text_is(version, TEXT("ff")) &&
                 (len == LENGTH || !text_is(version, TEXT("00")));
    return sound ? id : (struct text){0};
}
