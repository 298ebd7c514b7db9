/* SPDX-License-Identifier: ISC */
/*
 * A reader of RFC 7240 that never refuses: what it does not understand it passes over, up
 * to the next separator outside of quotes.
 */
#include "fcgiwait/prefer.h"

#include "fcgiwait/duration.h"

/* RFC 9110 section 5.6.2. */
static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static void skip_blanks(struct text *rest)
{
    while (rest->len > 0 && (rest->at[0] == ' ' || rest->at[0] == '\t'))
        text_skip(rest, 1);
}

static struct text take_token(struct text *rest)
{
    struct text token = {rest->at, 0};
    while (token.len < rest->len && is_token_char(rest->at[token.len]))
        token.len++;
    text_skip(rest, token.len);
    return token;
}

/* Quotes taken off. False: the string does not end. */
static bool take_quoted(struct text *rest, struct text *value)
{
    for (size_t i = 1; i < rest->len; i++) {
        if (rest->at[i] == '"') {
            *value = (struct text){rest->at + 1, i - 1};
            text_skip(rest, i + 1);
            return true;
        }
        if (rest->at[i] == '\\')
            i++;
    }
    return false;
}

/* What stands behind a name: "=value", with blanks around the sign as some clients send
 * it, or nothing. False: the header breaks off here. */
static bool take_value(struct text *rest, struct text *value)
{
    *value = (struct text){rest->at, 0};
    skip_blanks(rest);
    if (rest->len == 0 || rest->at[0] != '=')
        return true;
    text_skip(rest, 1);
    skip_blanks(rest);
    if (rest->len > 0 && rest->at[0] == '"')
        return take_quoted(rest, value);
    *value = take_token(rest);
    return true;
}

static void note(struct preference *found, struct text name, struct text value)
{
    if (!found->has_wait && text_is_like(name, TEXT("wait")))
        found->has_wait = duration_parse(text_trim(value), &found->wait);
    if (!found->has_return && text_is_like(name, TEXT("return"))) {
        found->has_return = true;
        found->minimal = text_is(value, TEXT("minimal"));
    }
    if (!found->has_index && text_is_like(name, TEXT("index"))) {
        found->has_index = true;
        found->index = value;
    }
}

/* To the next comma or semicolon, or behind it; quoted strings are stepped over. */
static bool skip_to_next(struct text *rest)
{
    struct text ignored;
    while (rest->len > 0 && rest->at[0] != ',' && rest->at[0] != ';') {
        if (rest->at[0] != '"')
            text_skip(rest, 1);
        else if (!take_quoted(rest, &ignored))
            return false;
    }
    while (rest->len > 0 && strchr(",; \t", rest->at[0]) != NULL && rest->at[0] != '\0')
        text_skip(rest, 1);
    return true;
}

void prefer_parse(struct text header, struct preference *found)
{
    struct text rest = text_trim(header);
    do {
        struct text value, name = take_token(&rest);
        if (!take_value(&rest, &value))
            return;
        note(found, name, value);
        if (!skip_to_next(&rest))
            return;
    } while (rest.len > 0);
}

size_t prefer_applied(nanos wait, char out[PREFER_APPLIED])
{
    static const char name[] = "Preference-Applied: wait=";
    memcpy(out, name, sizeof name - 1);
    size_t len = sizeof name - 1 + duration_format(wait, out + sizeof name - 1);
    memcpy(out + len, "\r\n", sizeof "\r\n");
    return len + 2;
}
