/* SPDX-License-Identifier: ISC */
/*
 * json-c, for checking alone: what is stored are the bytes that came. Strict, with a
 * bound on depth, so that no document can exhaust the stack.
 */
#include "fcgiwait/json.h"

#include <limits.h>

#include <json-c/json.h>

/* Nesting that json-c will follow; deeper documents are refused rather than recursed
 * into. */
#define JSON_DEPTH 128

static bool fail(struct json_error *error, size_t offset, const char *what)
{
    error->offset = offset;
    error->what = what;
    return false;
}

static bool check_with(json_tokener *tokener, struct text t, struct json_error *error)
{
    json_object *object = json_tokener_parse_ex(tokener, t.at, (int)t.len);
    enum json_tokener_error result = json_tokener_get_error(tokener);
    size_t end = json_tokener_get_parse_end(tokener);
    if (result == json_tokener_continue) {
        /* A bare number can only end at the end of the text: a NUL tells json-c. */
        object = json_tokener_parse_ex(tokener, "", 1);
        result = json_tokener_get_error(tokener);
        end = t.len;
    }
    json_object_put(object);
    if (result == json_tokener_continue)
        return fail(error, t.len, "the text ends too early");
    if (result != json_tokener_success)
        return fail(error, end, json_tokener_error_desc(result));
    for (; end < t.len; end++)
        if (strchr(" \t\r\n", t.at[end]) == NULL || t.at[end] == '\0')
            return fail(error, end, "something stands after the JSON value");
    return true;
}

static bool is_digit_at(struct text t, size_t at)
{
    return at < t.len && t.at[at] >= '0' && t.at[at] <= '9';
}

/* The number that begins at *at; leaves *at on its last character. json-c took it, so the
 * exponent is sound. */
static bool check_number(struct text t, size_t *at, struct json_error *error)
{
    size_t i = *at + (t.at[*at] == '-');
    if (!is_digit_at(t, i))
        return fail(error, i, "a digit has to stand here");
    if (t.at[i] == '0' && is_digit_at(t, i + 1))
        return fail(error, i, "a number does not begin with a zero");
    while (is_digit_at(t, i))
        i++;
    if (i < t.len && t.at[i] == '.' && !is_digit_at(t, i + 1))
        return fail(error, i + 1, "digits have to follow the point");
    while (is_digit_at(t, i) || (i < t.len && strchr("+-.eE", t.at[i]) != NULL))
        i++;
    *at = i - 1;
    return true;
}

/* What json-c lets through though it is not JSON (RFC 8259), and browsers refuse: NaN and
 * Infinity, control characters in strings, names in single quotes, numbers that begin
 * with a zero or have no digit beside the point. The text is one that json-c took, so
 * strings end, and escapes are whole. */
static bool check_strictly(struct text t, struct json_error *error)
{
    bool in_string = false;
    for (size_t i = 0; i < t.len; i++) {
        unsigned char c = (unsigned char)t.at[i];
        if (c == '"')
            in_string = !in_string;
        else if (in_string && c == '\\')
            i++;
        else if (in_string && c < 0x20)
            return fail(error, i, "a control character in a string; write it as \\u00XX");
        else if (!in_string && (c == 'N' || c == 'I'))
            return fail(error, i, "NaN and Infinity are no JSON numbers");
        else if (!in_string && c == '\'')
            return fail(error, i, "strings stand in double quotes");
        else if (!in_string && (c == '-' || is_digit_at(t, i)) &&
                 !check_number(t, &i, error))
            return false;
    }
    return true;
}

bool json_check(struct text t, struct json_error *error)
{
    if (t.len == 0)
        return fail(error, 0, "the text is empty");
    if (t.len > INT_MAX)
        return fail(error, 0, "the text is too long");
    json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    if (tokener == NULL)
        return fail(error, 0, "out of memory");
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT |
                                        JSON_TOKENER_ALLOW_TRAILING_CHARS |
                                        JSON_TOKENER_VALIDATE_UTF8);
    bool good = check_with(tokener, t, error) && check_strictly(t, error);
    json_tokener_free(tokener);
    return good;
}
