/* SPDX-License-Identifier: ISC */
/*
 * A small scanner over libconfig's syntax, comments, strings and includes: it has to find
 * the same ends of them as libconfig does, and nothing more.
 */
#include "config_source.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fcgiwait/text.h"

#define INCLUDES_MOST 10 /* in each other, as libconfig has it; it says what is wrong */

struct source {
    const char *file;
    unsigned line, depth;
    struct text rest;
    struct text name; /* the last one, which a value belongs to */
    char *error;
    size_t capacity;
};

static bool check_file(const char *file, unsigned depth, char *error, size_t capacity);

static bool fail_at(struct source *source, const char *what, struct text about)
{
    snprintf(source->error, source->capacity, "%s:%u: %.*s%s", source->file, source->line,
             (int)about.len, about.at, what);
    return false;
}

/* --- words --- */

static bool starts(const struct source *source, struct text word)
{
    return text_starts(source->rest, word);
}

static void skip(struct source *source, size_t count)
{
    for (size_t i = 0; i < count; i++)
        source->line += source->rest.at[i] == '\n';
    text_skip(&source->rest, count);
}

/* Up to `end`, and over it. */
static void skip_past(struct source *source, struct text end)
{
    const char *found = memmem(source->rest.at, source->rest.len, end.at, end.len);
    skip(source,
         found != NULL ? (size_t)(found - source->rest.at) + end.len : source->rest.len);
}

static void skip_string(struct source *source)
{
    for (skip(source, 1); source->rest.len > 0 && source->rest.at[0] != '"';)
        skip(source, source->rest.at[0] == '\\' && source->rest.len > 1 ? 2 : 1);
    if (source->rest.len > 0)
        skip(source, 1);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("_-*.", c) != NULL);
}

static struct text take_word(struct source *source)
{
    struct text word = {source->rest.at, 0};
    while (word.len < source->rest.len && is_word(word.at[word.len]))
        word.len++;
    skip(source, word.len);
    return word;
}

/* --- what libconfig gets wrong --- */

/* Decimal alone: in hexadecimal nobody writes what is too long by mistake. */
static bool check_number(struct source *source)
{
    struct text word = take_word(source), digits = word;
    uint64_t value;
    if (digits.at[0] == '-')
        text_skip(&digits, 1);
    for (size_t i = 0; i < digits.len; i++)
        if (!is_digit(digits.at[i])) /* a fraction, or L */
            return true;
    if (text_number(digits, INT32_MAX, &value))
        return true;
    return fail_at(source,
                   ": out of range; allowed is a whole number up to 2147483647, or a "
                   "larger one with an L behind it",
                   source->name);
}

/* `rest` begins with the @include. */
static bool check_include(struct source *source)
{
    char file[4096];
    skip(source, sizeof "@include" - 1);
    while (source->rest.len > 0 && strchr(" \t", source->rest.at[0]) != NULL)
        skip(source, 1);
    if (source->rest.len == 0 || source->rest.at[0] != '"')
        return true; /* a syntax error */
    skip(source, 1);
    const char *end = memchr(source->rest.at, '"', source->rest.len);
    if (end == NULL || (size_t)(end - source->rest.at) >= sizeof file)
        return true;
    snprintf(file, sizeof file, "%.*s", (int)(end - source->rest.at), source->rest.at);
    skip(source, (size_t)(end - source->rest.at) + 1);
    return source->depth == INCLUDES_MOST ||
           check_file(file, source->depth + 1, source->error, source->capacity);
}

static bool check_next(struct source *source)
{
    char next = source->rest.at[0];
    if (next == '#' || starts(source, TEXT("//")))
        skip_past(source, TEXT("\n"));
    else if (starts(source, TEXT("/*")))
        skip_past(source, TEXT("*/"));
    else if (starts(source, TEXT("@include")))
        return check_include(source);
    else if (next == '"')
        skip_string(source);
    else if (is_digit(next) || next == '-')
        return check_number(source);
    else if (is_word(next))
        source->name = take_word(source);
    else
        skip(source, 1);
    return true;
}

static bool check_text(struct source *source)
{
    const char *nul = memchr(source->rest.at, '\0', source->rest.len);
    if (nul != NULL) {
        skip(source, (size_t)(nul - source->rest.at));
        return fail_at(source, "a NUL; allowed is text", TEXT(""));
    }
    while (source->rest.len > 0)
        if (!check_next(source))
            return false;
    return true;
}

/* --- files --- */

static bool fail(const char *file, const char *what, char *error, size_t capacity)
{
    snprintf(error, capacity, "%s: %s", file, what);
    return false;
}

/* malloc'd; NULL with errno. */
static char *read_all(const char *file, size_t *len)
{
    char *bytes = NULL, piece[4096];
    size_t n;
    FILE *in = fopen(file, "re");
    if (in == NULL)
        return NULL;
    FILE *out = open_memstream(&bytes, len);
    bool good = out != NULL;
    while (good && (n = fread(piece, 1, sizeof piece, in)) > 0)
        good = fwrite(piece, 1, n, out) == n;
    int reason = errno;
    good = good && !ferror(in);
    if (out != NULL && fclose(out) != 0)
        good = false;
    fclose(in);
    if (good)
        return bytes;
    free(bytes);
    errno = reason;
    return NULL;
}

static bool check_file(const char *file, unsigned depth, char *error, size_t capacity)
{
    struct stat stat_of;
    size_t len;
    if (stat(file, &stat_of) != 0)
        return fail(file, strerror(errno), error, capacity);
    if (S_ISDIR(stat_of.st_mode))
        return fail(file, "is a folder; name a file", error, capacity);
    if (!S_ISREG(stat_of.st_mode)) /* what it says can be read only once */
        return true;
    char *bytes = read_all(file, &len);
    if (bytes == NULL)
        return fail(file, strerror(errno), error, capacity);
    struct source source = {.file = file,
                            .line = 1,
                            .depth = depth,
                            .rest = {bytes, len},
                            .name = TEXT(""),
                            .error = error,
                            .capacity = capacity};
    bool good = check_text(&source);
    free(bytes);
    return good;
}

bool config_source_check(const char *file, char *error, size_t capacity)
{
    return check_file(file, 0, error, capacity);
}
