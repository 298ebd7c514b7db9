/* SPDX-License-Identifier: ISC */
/*
 * nginx_token: the words and marks of an nginx configuration, as nginx itself cuts them.
 *
 * Pure, over somebody else's bytes. Private to the check; any thread.
 */
#ifndef FCGIWAIT_OPS_NGINX_TOKEN_H
#define FCGIWAIT_OPS_NGINX_TOKEN_H

#include <stdbool.h>

#include "fcgiwait/text.h"

/* What has not been read yet, and the line that it begins on. */
struct nginx_reader {
    struct text rest;
    unsigned line;
};

enum nginx_token {
    NGINX_WORD,
    NGINX_SEMICOLON,
    NGINX_OPEN,  /* { */
    NGINX_CLOSE, /* } */
    NGINX_END,   /* of the file */
    NGINX_BAD
};

struct nginx_word {
    struct text raw; /* without its quotes; nginx_word_decode() for its escapes */
    unsigned line;
};

/* Fills in `word` for NGINX_WORD (all of it) and NGINX_BAD (its line). */
enum nginx_token nginx_token_next(struct nginx_reader *reader, struct nginx_word *word);

/* Writes what the word means, at most raw.len bytes; returns how many. */
size_t nginx_word_decode(struct text raw, char *out);

/* Behind the `{` of a ..._by_lua_block: skips up to and with its `}`. Braces in Lua's
 * strings and comments don't count. False: it has no end. */
bool nginx_skip_lua(struct nginx_reader *reader);

#endif
