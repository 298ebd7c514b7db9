/* SPDX-License-Identifier: ISC */
/*
 * Runs of bytes: compared, trimmed, cut, read as numbers. Nothing here looks behind
 * `len`, and nothing needs a NUL.
 */
#include "fcgiwait/text.h"

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_is_like(struct text a, struct text b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.at[i]) != lower(b.at[i]))
            return false;
    return true;
}

bool text_starts(struct text whole, struct text start)
{
    return whole.len >= start.len && text_is((struct text){whole.at, start.len}, start);
}

bool text_has_control(struct text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (text_is_control(t.at[i]))
            return true;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct text text_trim(struct text t)
{
    while (t.len > 0 && is_blank(t.at[0]))
        text_skip(&t, 1);
    while (t.len > 0 && is_blank(t.at[t.len - 1]))
        t.len--;
    return t;
}

bool text_cut(struct text *rest, char mark, struct text *piece)
{
    if (rest->at == NULL)
        return false;
    const char *found = rest->len > 0 ? memchr(rest->at, mark, rest->len) : NULL;
    if (found == NULL) {
        *piece = *rest;
        *rest = (struct text){NULL, 0};
        return true;
    }
    size_t len = (size_t)(found - rest->at);
    *piece = (struct text){rest->at, len};
    *rest = (struct text){found + 1, rest->len - len - 1};
    return true;
}

bool text_lists(struct text list, struct text member)
{
    struct text one;
    while (text_cut(&list, ',', &one))
        if (text_is_like(text_trim(one), member))
            return true;
    return false;
}

bool text_number(struct text t, uint64_t most, uint64_t *value)
{
    uint64_t number = 0;
    if (t.len == 0)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        if (t.at[i] < '0' || t.at[i] > '9')
            return false;
        uint64_t digit = (uint64_t)(t.at[i] - '0');
        if (digit > most || number > (most - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *value = number;
    return true;
}

size_t text_format(uint64_t value, char out[TEXT_NUMBER])
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char digits[TEXT_NUMBER];
    size_t at = TEXT_NUMBER;
    for (; value >= 10; value /= 100)
        memcpy(digits + (at -= 2), pairs + 2 * (value % 100), 2);
    if (value > 0 || at == TEXT_NUMBER)
        digits[--at] = (char)('0' + value);
    memcpy(out, digits + at, TEXT_NUMBER - at);
    return TEXT_NUMBER - at;
}

size_t text_utf8_good(struct text t, size_t *len)
{
    const unsigned char *at = (const unsigned char *)t.at;
    unsigned least = at[0] == 0xe0 ? 0xa0 : at[0] == 0xf0 ? 0x90 : 0x80;
    unsigned most = at[0] == 0xed ? 0x9f : at[0] == 0xf4 ? 0x8f : 0xbf;
    *len = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < *len; i++, least = 0x80, most = 0xbf)
        if (i == t.len || at[i] < least || at[i] > most)
            return i;
    return *len;
}

size_t text_utf8(struct text t)
{
    size_t len;
    return text_utf8_good(t, &len) == len ? len : 0;
}

bool text_is_utf8(struct text t)
{
    while (t.len > 0) {
        size_t len = (unsigned char)t.at[0] < 0x80 ? 1 : text_utf8(t);
        if (len == 0)
            return false;
        text_skip(&t, len);
    }
    return true;
}
