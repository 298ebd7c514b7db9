/* SPDX-License-Identifier: ISC */
/*
 * nginx's own lexer, done again: quotes, escapes, `${}`, and Lua blocks, which are
 * skipped as Lua reads them.
 */
#include "token.h"

static char peek(const struct nginx_reader *reader, size_t ahead)
{
    return reader->rest.len > ahead ? reader->rest.at[ahead] : '\0';
}

static bool is_over(const struct nginx_reader *reader)
{
    return reader->rest.len == 0;
}

static void skip(struct nginx_reader *reader, size_t count)
{
    for (; count > 0 && reader->rest.len > 0; count--) {
        reader->line += reader->rest.at[0] == '\n';
        text_skip(&reader->rest, 1);
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_line(struct nginx_reader *reader)
{
    while (!is_over(reader) && peek(reader, 0) != '\n')
        skip(reader, 1);
}

static void skip_space(struct nginx_reader *reader)
{
    while (!is_over(reader)) {
        if (peek(reader, 0) == '#')
            skip_line(reader);
        else if (is_space(peek(reader, 0)))
            skip(reader, 1);
        else
            return;
    }
}

/* --- words --- */

/* Up to the quote that ends it; false where there is none. */
static bool read_quoted(struct nginx_reader *reader, struct text *raw)
{
    char quote = peek(reader, 0);
    skip(reader, 1);
    *raw = (struct text){reader->rest.at, 0};
    while (!is_over(reader) && peek(reader, 0) != quote)
        skip(reader, peek(reader, 0) == '\\' ? 2 : 1);
    raw->len = (size_t)(reader->rest.at - raw->at);
    if (is_over(reader))
        return false;
    skip(reader, 1);
    char after = peek(reader, 0);
    return is_over(reader) || is_space(after) || after == ';' || after == '{' ||
           after == ')';
}

/* `${name}` does not end at its brace. */
static void read_plain(struct nginx_reader *reader, struct text *raw)
{
    *raw = (struct text){reader->rest.at, 0};
    for (bool dollar = false; !is_over(reader);) {
        char c = peek(reader, 0);
        if (is_space(c) || c == ';' || (c == '{' && !dollar))
            break;
        dollar = c == '$';
        skip(reader, c == '\\' ? 2 : 1);
    }
    raw->len = (size_t)(reader->rest.at - raw->at);
}

static enum nginx_token mark_of(char c)
{
    switch (c) {
    case ';':
        return NGINX_SEMICOLON;
    case '{':
        return NGINX_OPEN;
    case '}':
        return NGINX_CLOSE;
    default:
        return NGINX_WORD;
    }
}

enum nginx_token nginx_token_next(struct nginx_reader *reader, struct nginx_word *word)
{
    skip_space(reader);
    word->line = reader->line;
    if (is_over(reader))
        return NGINX_END;
    char c = peek(reader, 0);
    enum nginx_token token = mark_of(c);
    if (token != NGINX_WORD)
        skip(reader, 1);
    else if (c != '"' && c != '\'')
        read_plain(reader, &word->raw);
    else if (!read_quoted(reader, &word->raw))
        token = NGINX_BAD;
    return token;
}

/* What `\c` means; '\0': nothing special, the backslash stays. */
static char escaped(char c)
{
    switch (c) {
    case '"':
    case '\'':
    case '\\':
        return c;
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    default:
        return '\0';
    }
}

size_t nginx_word_decode(struct text raw, char *out)
{
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        char meant = raw.at[i] == '\\' && i + 1 < raw.len ? escaped(raw.at[i + 1]) : '\0';
        i += meant != '\0';
        out[len++] = meant != '\0' ? meant : raw.at[i];
    }
    return len;
}

/* --- Lua --- */

/* `[[` or `[==[`: how many characters; 0: no long bracket. */
static size_t long_bracket(const struct nginx_reader *reader, char bracket)
{
    size_t len = 1;
    if (peek(reader, 0) != bracket)
        return 0;
    while (peek(reader, len) == '=')
        len++;
    return peek(reader, len) == bracket ? len + 1 : 0;
}

static void skip_long(struct nginx_reader *reader)
{
    size_t len = long_bracket(reader, '[');
    skip(reader, len);
    while (!is_over(reader) && long_bracket(reader, ']') != len)
        skip(reader, 1);
    skip(reader, len);
}

static void skip_lua_string(struct nginx_reader *reader)
{
    char quote = peek(reader, 0);
    skip(reader, 1);
    while (!is_over(reader) && peek(reader, 0) != quote)
        skip(reader, peek(reader, 0) == '\\' ? 2 : 1);
    skip(reader, 1);
}

static void skip_lua_comment(struct nginx_reader *reader)
{
    skip(reader, 2);
    if (long_bracket(reader, '[') > 0)
        skip_long(reader);
    else
        skip_line(reader);
}

bool nginx_skip_lua(struct nginx_reader *reader)
{
    for (size_t depth = 1; !is_over(reader);) {
        char c = peek(reader, 0);
        if (c == '"' || c == '\'') {
            skip_lua_string(reader);
        } else if (c == '-' && peek(reader, 1) == '-') {
            skip_lua_comment(reader);
        } else if (long_bracket(reader, '[') > 0) {
            skip_long(reader);
        } else {
            depth += c == '{';
            depth -= c == '}';
            skip(reader, 1);
            if (depth == 0)
                return true;
        }
    }
    return false;
}
