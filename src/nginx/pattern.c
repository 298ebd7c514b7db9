/* SPDX-License-Identifier: ISC */
/*
 * PCRE's syntax, as far as configurations use it, is written anew as POSIX's extended
 * one. Whether there is a match is all that is asked, so greed does not matter.
 */
#include "pattern.h"

#include <stdio.h>

#define LENGTH_MOST 256  /* of the expression */
#define REPEATS_MOST 256 /* all repeats multiplied: they are copies to regcomp() */

struct writing {
    struct text rest; /* of what is read */
    char out[4 * LENGTH_MOST + 16];
    size_t len;
    unsigned long repeats;
    bool any_case, bad;
};

static void put(struct writing *writing, const char *string)
{
    size_t len = strlen(string);
    if (writing->len + len >= sizeof writing->out) {
        writing->bad = true;
        return;
    }
    memcpy(writing->out + writing->len, string, len + 1);
    writing->len += len;
}

static void put_char(struct writing *writing, char c)
{
    put(writing, (const char[]){c, '\0'});
}

/* The next character, taken off; NUL where there is none. */
static char take(struct writing *writing)
{
    if (writing->rest.len == 0)
        return '\0';
    char c = writing->rest.at[0];
    text_skip(&writing->rest, 1);
    return c;
}

static bool take_start(struct writing *writing, struct text start)
{
    if (!text_starts(writing->rest, start))
        return false;
    text_skip(&writing->rest, start.len);
    return true;
}

/* --- escapes --- */

static const char *class_of(char c)
{
    switch (c) {
    case 'd':
        return "0-9";
    case 'w':
        return "A-Za-z0-9_";
    case 's':
        return " \t\r\n";
    default:
        return NULL;
    }
}

static bool is_alphanumeric(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void put_literal(struct writing *writing, char c)
{
    if (memchr(".[\\()*+?{|^$", c, 12) != NULL)
        put(writing, "\\");
    put_char(writing, c);
}

static void write_escape(struct writing *writing)
{
    char c = take(writing);
    if (class_of(c) != NULL) {
        put(writing, "[");
        put(writing, class_of(c));
        put(writing, "]");
    } else if (c == 'D' || c == 'W' || c == 'S') {
        put(writing, "[^");
        put(writing, class_of((char)(c - 'A' + 'a')));
        put(writing, "]");
    } else if (c == 'A') {
        put(writing, "^");
    } else if (c == 'z' || c == 'Z') {
        put(writing, "$");
    } else if (c == '\0' || is_alphanumeric(c)) {
        writing->bad = true;
    } else {
        put_literal(writing, c);
    }
}

/* --- brackets --- */

/* What POSIX wants in a place of its own within the brackets. */
struct bracket {
    bool close, dash, caret;
};

static void write_in_bracket(struct writing *writing, struct bracket *bracket, char c)
{
    if (c == '\\') {
        c = take(writing);
        if (class_of(c) != NULL)
            put(writing, class_of(c));
        else if (is_alphanumeric(c) || c == '\0')
            writing->bad = true;
        else if (c == ']')
            bracket->close = true;
        else if (c == '-')
            bracket->dash = true;
        else if (c == '^')
            bracket->caret = true;
        else
            put_char(writing, c);
    } else if (c == '^') {
        bracket->caret = true;
    } else if (c == '[') {
        writing->bad = true; /* [:alpha:] and its like */
    } else {
        put_char(writing, c);
    }
}

static void write_bracket(struct writing *writing)
{
    struct bracket bracket = {.close = false};
    bool negative = take_start(writing, TEXT("^"));
    bool first = take_start(writing, TEXT("]"));
    struct writing inside = {.rest = writing->rest};
    char c;
    bracket.close = first;
    while ((c = take(&inside)) != ']') {
        if (c == '\0')
            inside.bad = true;
        if (inside.bad)
            break;
        write_in_bracket(&inside, &bracket, c);
    }
    writing->rest = inside.rest;
    writing->bad = writing->bad || inside.bad ||
                   (inside.len == 0 && !bracket.close && !bracket.dash && !negative);
    put(writing, negative ? "[^" : "[");
    put(writing, bracket.close ? "]" : "");
    put(writing, inside.len > 0 ? inside.out : bracket.caret && bracket.dash ? "-" : "");
    put(writing, bracket.caret ? "^" : "");
    put(writing, bracket.dash ? "-" : "");
    put(writing, "]");
}

/* --- groups, repeats --- */

static void write_group(struct writing *writing)
{
    struct text name;
    put(writing, "(");
    if (!take_start(writing, TEXT("?")) || take_start(writing, TEXT(":")))
        return;
    take_start(writing, TEXT("P"));
    if (!take_start(writing, TEXT("<")) || text_starts(writing->rest, TEXT("=")) ||
        text_starts(writing->rest, TEXT("!")) || !text_cut(&writing->rest, '>', &name))
        writing->bad = true;
}

/* `*?` and its like want the least, which matters to nobody here. */
static void write_repeat(struct writing *writing, const char *repeat)
{
    put(writing, repeat);
    take_start(writing, TEXT("?"));
    if (text_starts(writing->rest, TEXT("+")))
        writing->bad = true;
}

/* Behind the `{`; without a number it is a brace. */
static void write_braces(struct writing *writing)
{
    unsigned least, most;
    char text[16], repeat[40];
    int len = 0;
    snprintf(text, sizeof text, "%.*s",
             (int)(writing->rest.len < 15 ? writing->rest.len : 15), writing->rest.at);
    if (text[0] < '0' || text[0] > '9') {
        put(writing, "\\{");
        return;
    }
    if (sscanf(text, "%4u,%4u}%n", &least, &most, &len) < 2 || len == 0) {
        most = 0;
        if (sscanf(text, "%4u,}%n", &least, &len) < 1 || len == 0) {
            if (sscanf(text, "%4u}%n", &least, &len) < 1 || len == 0)
                writing->bad = true;
            most = least;
        }
    }
    unsigned long times = most > least ? most : least;
    writing->repeats *= times > 0 ? times : 1;
    if (writing->bad || writing->repeats > REPEATS_MOST) {
        writing->bad = true;
        return;
    }
    text_skip(&writing->rest, (size_t)len);
    snprintf(repeat, sizeof repeat, "{%.*s", len, text);
    write_repeat(writing, repeat);
}

static void write_all(struct writing *writing)
{
    if (take_start(writing, TEXT("(?i)")))
        writing->any_case = true;
    while (writing->rest.len > 0 && !writing->bad) {
        char c = take(writing);
        if (c == '\\')
            write_escape(writing);
        else if (c == '[')
            write_bracket(writing);
        else if (c == '(')
            write_group(writing);
        else if (c == '{')
            write_braces(writing);
        else if (c == '*' || c == '+' || c == '?')
            write_repeat(writing, (const char[]){c, '\0'});
        else
            put_char(writing, c);
    }
}

/* --- matching --- */

void pattern_open(struct pattern *pattern, struct text regex, bool any_case)
{
    struct writing writing = {.rest = regex, .repeats = 1, .any_case = any_case};
    pattern->is_known = false;
    if (regex.len > LENGTH_MOST ||
        (regex.len > 0 && memchr(regex.at, '\0', regex.len) != NULL))
        return;
    write_all(&writing);
    int flags = REG_EXTENDED | REG_NOSUB | (writing.any_case ? REG_ICASE : 0);
    pattern->is_known = !writing.bad && regcomp(&pattern->regex, writing.out, flags) == 0;
}

enum matched pattern_match(const struct pattern *pattern, const char *subject)
{
    if (!pattern->is_known)
        return MATCH_UNKNOWN;
    int result = regexec(&pattern->regex, subject, 0, NULL, 0);
    return result == 0 ? MATCH_YES : result == REG_NOMATCH ? MATCH_NO : MATCH_UNKNOWN;
}

void pattern_close(struct pattern *pattern)
{
    if (pattern->is_known)
        regfree(&pattern->regex);
    pattern->is_known = false;
}

enum matched pattern_try(struct text regex, bool any_case, const char *subject)
{
    struct pattern pattern;
    pattern_open(&pattern, regex, any_case);
    enum matched matched = pattern_match(&pattern, subject);
    pattern_close(&pattern);
    return matched;
}
