/*
 * problem: an error that says what is wrong and what would be right
 * (application/problem+json, RFC 9457). Pure; any thread.
 */
#ifndef FCGIWAIT_PROBLEM_H
#define FCGIWAIT_PROBLEM_H

#include <stddef.h>

#include "fcgiwait/text.h"

/* The longest JSON text that problem_render() writes, NUL included. */
#define PROBLEM_TEXT 1024

struct problem {
    int status;         /* HTTP status */
    const char *detail; /* one sentence: what is wrong, what would be right */
    const char *about;  /* the path or value in question, or NULL; may hold any bytes */
};

/* The reason phrase of an HTTP status that fcgiwait sends ("Not Found"); "Error" for
 * others. */
const char *problem_title(int status);

/* Writes {"type":"about:blank","title":...,"status":...,"detail":...,"instance":...}.
 * Bytes that are not UTF-8 become U+FFFD; a detail or instance that is too long is cut at
 * a character. Always whole JSON. Returns the length, NUL not counted. */
size_t problem_render(const struct problem *problem, char out[PROBLEM_TEXT]);

#endif
