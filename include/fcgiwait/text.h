/* SPDX-License-Identifier: ISC */
/*
 * text: a run of bytes that somebody else owns.
 *
 * Parsers take and give these, so nothing is copied and nothing has to end in NUL. All
 * functions are pure and may be called from any thread. Letter case means ASCII letter
 * case.
 */
#ifndef FCGIWAIT_TEXT_H
#define FCGIWAIT_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    const char *at; /* may be NULL only where len is 0 */
    size_t len;
};

#define TEXT(literal) ((struct text){"" literal, sizeof(literal) - 1})

static inline struct text text_of(const char *string)
{
    return (struct text){string, string ? strlen(string) : 0};
}

/* Without its first `count` bytes, which are there. */
static inline void text_skip(struct text *t, size_t count)
{
    if (count > 0) /* `at` may be NULL */
        t->at += count;
    t->len -= count;
}

/* Copies the bytes to `out`, which has room for them. Returns what lies behind them. */
static inline char *text_put(char *out, struct text t)
{
    if (t.len > 0) /* `at` may be NULL */
        memcpy(out, t.at, t.len);
    return out + t.len;
}

/* Equal bytes; text_is_like() takes upper and lower case letters as the same. */
static inline bool text_is(struct text a, struct text b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}
bool text_is_like(struct text a, struct text b);

/* Whether it is a member of a list with commas, upper and lower case letters the same. */
bool text_lists(struct text list, struct text member);
bool text_starts(struct text whole, struct text start);

/* A control character ends a line or a header where one is printed. */
static inline bool text_is_control(char c)
{
    return (unsigned char)c < 0x20 || c == 0x7f;
}
bool text_has_control(struct text t);

/* Without the spaces and tabs at both ends (OWS, RFC 9110 section 5.6.3). */
struct text text_trim(struct text t);

/* Takes what stands before the first `mark` off `rest`, mark included; all of it where
 * there is none. False once `rest` was used up: its `at` is then NULL. */
bool text_cut(struct text *rest, char mark, struct text *piece);

/* A decimal number: digits only, at least one, no sign, not above `most`. */
bool text_number(struct text t, uint64_t most, uint64_t *value);

/* Writes the value as a decimal number, without a NUL. Returns the length. */
#define TEXT_NUMBER 20 /* the longest */
size_t text_format(uint64_t value, char out[TEXT_NUMBER]);

/* How many bytes of the character of more than one byte that `t` begins with are there
 * and good (RFC 3629, section 4), out of *len that it should have. */
size_t text_utf8_good(struct text t, size_t *len);

/* How many bytes the character of more than one byte takes that `t` begins with; 0: it is
 * no UTF-8 (RFC 3629, section 4). */
size_t text_utf8(struct text t);

/* Whether all of it is UTF-8. */
bool text_is_utf8(struct text t);

#endif
