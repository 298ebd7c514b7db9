/* SPDX-License-Identifier: ISC */
/*
 * Whether bytes are a JSON text (RFC 8259): one pass, no memory, no recursion.
 *
 * json-c can't be asked. Its strictness lets NaN, control characters and .5 pass in one
 * version, and refuses good UTF-8 and numbers of more than 64 bits in another (0.18).
 * What is stored are the bytes that came, so a check of the grammar is all that is
 * needed.
 */
#include "fcgiwait/json.h"

#include <string.h>

/* Nesting beyond it is refused: those who read the document may recurse. */
#define JSON_DEPTH 128

struct scan {
    struct text t;
    size_t at;
    size_t depth;
    char open[JSON_DEPTH]; /* the brackets that are not closed yet */
    struct json_error *error;
};

static bool fail_at(struct scan *scan, size_t offset, const char *what)
{
    bool ended = offset >= scan->t.len;
    scan->error->offset = ended ? scan->t.len : offset;
    scan->error->what = ended ? "the text ends too early" : what;
    return false;
}

static bool fail(struct scan *scan, const char *what)
{
    return fail_at(scan, scan->at, what);
}

/* The byte `ahead` of the present one, or -1 behind the end. */
static int look(const struct scan *scan, size_t ahead)
{
    size_t at = scan->at + ahead;
    return at < scan->t.len ? (unsigned char)scan->t.at[at] : -1;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(int c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void skip_space(struct scan *scan)
{
    while (look(scan, 0) == ' ' || look(scan, 0) == '\t' || look(scan, 0) == '\r' ||
           look(scan, 0) == '\n')
        scan->at++;
}

static bool scan_word(struct scan *scan, const char *word)
{
    for (; *word != '\0'; word++, scan->at++)
        if (look(scan, 0) != *word)
            return fail(scan, "only true, false and null are written without quotes");
    return true;
}

static bool scan_digits(struct scan *scan, const char *what)
{
    if (!is_digit(look(scan, 0)))
        return fail(scan, what);
    while (is_digit(look(scan, 0)))
        scan->at++;
    return true;
}

static bool scan_number(struct scan *scan)
{
    if (look(scan, 0) == '-')
        scan->at++;
    if (look(scan, 0) == '0' && is_digit(look(scan, 1)))
        return fail(scan, "a number does not begin with a zero");
    if (!scan_digits(scan, "a digit has to stand here"))
        return false;
    if (look(scan, 0) == '.') {
        scan->at++;
        if (!scan_digits(scan, "digits have to follow the point"))
            return false;
    }
    if (look(scan, 0) != 'e' && look(scan, 0) != 'E')
        return true;
    scan->at++;
    if (look(scan, 0) == '+' || look(scan, 0) == '-')
        scan->at++;
    return scan_digits(scan, "an exponent has digits");
}

static bool scan_utf8(struct scan *scan)
{
    struct text rest = {scan->t.at + scan->at, scan->t.len - scan->at};
    size_t len, good = text_utf8_good(rest, &len);
    if (good < len)
        return fail_at(scan, scan->at + good, "this is no UTF-8");
    scan->at += len;
    return true;
}

static bool scan_escape(struct scan *scan)
{
    int c = look(scan, 1);
    if (c == '\0' || c < 0 || strchr("\"\\/bfnrtu", c) == NULL)
        return fail_at(scan, scan->at + 1, "there is no such escape");
    scan->at += 2;
    for (int i = 0; c == 'u' && i < 4; i++, scan->at++)
        if (!is_hex(look(scan, 0)))
            return fail(scan, "\\u has four hexadecimal digits");
    return true;
}

static bool scan_string(struct scan *scan)
{
    scan->at++;
    for (;;) {
        int c = look(scan, 0);
        if (c == '"') {
            scan->at++;
            return true;
        }
        if (c < 0x20)
            return fail(scan, "a control character in a string; write it as \\u00XX");
        if (c == '\\' ? !scan_escape(scan) : c >= 0x80 && !scan_utf8(scan))
            return false;
        if (c != '\\' && c < 0x80)
            scan->at++;
    }
}

static bool scan_plain(struct scan *scan)
{
    switch (look(scan, 0)) {
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    case '\'':
        return fail(scan, "strings stand in double quotes");
    case 'N':
    case 'I':
        return fail(scan, "NaN and Infinity are no JSON numbers");
    default:
        if (look(scan, 0) != '-' && !is_digit(look(scan, 0)))
            return fail(scan, "a value has to stand here");
        return scan_number(scan);
    }
}

/* A member's name and its colon. */
static bool scan_name(struct scan *scan)
{
    skip_space(scan);
    if (look(scan, 0) != '"')
        return fail(scan, "a name in double quotes has to stand here");
    if (!scan_string(scan))
        return false;
    skip_space(scan);
    if (look(scan, 0) != ':')
        return fail(scan, "a colon has to follow the name");
    scan->at++;
    return true;
}

/* A plain value, or the beginning of a nested one; *whole tells which. An empty nested
 * one is whole. */
static bool scan_begin(struct scan *scan, bool *whole)
{
    skip_space(scan);
    int c = look(scan, 0);
    *whole = c != '{' && c != '[';
    if (*whole)
        return scan_plain(scan);
    if (scan->depth == JSON_DEPTH)
        return fail(scan, "it is nested too deeply");
    scan->open[scan->depth++] = (char)c;
    scan->at++;
    skip_space(scan);
    *whole = look(scan, 0) == (c == '{' ? '}' : ']');
    if (!*whole)
        return c == '[' || scan_name(scan);
    scan->depth--;
    scan->at++;
    return true;
}

/* What follows a whole value within a nested one: its end, or a comma and, in an object,
 * the next name. */
static bool scan_on(struct scan *scan, bool *whole)
{
    bool object = scan->open[scan->depth - 1] == '{';
    skip_space(scan);
    int c = look(scan, 0);
    *whole = c == (object ? '}' : ']');
    if (!*whole && c != ',')
        return fail(scan, object ? "a comma or } has to stand here"
                                 : "a comma or ] has to stand here");
    scan->at++;
    if (*whole)
        scan->depth--;
    return *whole || !object || scan_name(scan);
}

bool json_check(struct text t, struct json_error *error)
{
    struct scan scan = {.t = t, .error = error};
    bool whole = false;
    if (t.len == 0) {
        *error = (struct json_error){0, "the text is empty"};
        return false;
    }
    do {
        if (!scan_begin(&scan, &whole))
            return false;
        while (whole && scan.depth > 0)
            if (!scan_on(&scan, &whole))
                return false;
    } while (!whole);
    skip_space(&scan);
    return scan.at == t.len || fail(&scan, "something stands after the JSON value");
}
