/* SPDX-License-Identifier: ISC */
/*
 * Arguments stay encoded where they lie; only a value that is asked for is decoded, into
 * the caller's bytes.
 */
#include "fcgiwait/query.h"

/* "name=value", or "name" alone. */
static struct text name_of(struct text argument, struct text *value)
{
    struct text name;
    text_cut(&argument, '=', &name);
    *value = argument.at != NULL ? argument : (struct text){name.at + name.len, 0};
    return name;
}

bool query_get(struct text query, struct text name, struct text *value)
{
    struct text argument, found;
    while (text_cut(&query, '&', &argument))
        if (argument.len > 0 && text_is(name_of(argument, &found), name)) {
            *value = found;
            return true;
        }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int query_escaped(struct text t)
{
    if (t.len < 3 || t.at[0] != '%')
        return -1;
    int high = hex_digit(t.at[1]), low = hex_digit(t.at[2]);
    return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool query_decode(struct text value, char *out, size_t capacity, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < value.len; i++) {
        int byte = (unsigned char)value.at[i];
        if (byte == '+')
            byte = ' ';
        if (byte == '%') {
            byte = query_escaped((struct text){value.at + i, value.len - i});
            i += 2;
        }
        if (byte < 0 || *len == capacity)
            return false;
        out[(*len)++] = (char)byte;
    }
    return true;
}

static bool is_one_of(struct text name, const struct text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_is(name, names[i]))
            return true;
    return false;
}

size_t query_without(struct text query, const struct text *names, size_t count, char *out)
{
    size_t len = 0;
    bool first = true;
    struct text argument, value;
    while (text_cut(&query, '&', &argument)) {
        if (is_one_of(name_of(argument, &value), names, count))
            continue;
        if (!first)
            out[len++] = '&';
        if (argument.len > 0)
            memcpy(out + len, argument.at, argument.len);
        len += argument.len;
        first = false;
    }
    return len;
}

static bool is_name(struct text name)
{
    for (size_t i = 0; i < name.len; i++)
        if ((unsigned char)name.at[i] <= ' ' || strchr("&=?#", name.at[i]) != NULL)
            return false;
    return name.len > 0;
}

bool query_names_parse(struct text t, struct query_names *names)
{
    struct text rest = text_trim(t), index = TEXT("index"), wait = TEXT("wait");
    *names = (struct query_names){index, wait};
    if (rest.len == 0)
        return true;
    if (text_is(rest, TEXT("off"))) {
        *names = (struct query_names){TEXT(""), TEXT("")};
        return true;
    }
    text_cut(&rest, ',', &index);
    wait = text_trim(rest);
    index = text_trim(index);
    if (!is_name(index) || !is_name(wait) || text_is(index, wait) ||
        memchr(wait.at, ',', wait.len) != NULL)
        return false;
    *names = (struct query_names){index, wait};
    return true;
}
