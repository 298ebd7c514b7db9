/* SPDX-License-Identifier: ISC */
/*
 * problem: an error that says what is wrong and what would be right
 * (application/problem+json, RFC 9457). Pure; any thread.
 */
#ifndef FCGIWAIT_PROBLEM_H
#define FCGIWAIT_PROBLEM_H

#include <stddef.h>

/* The longest JSON text that problem_render() writes, NUL included. */
#define PROBLEM_TEXT 1024

struct problem {
    int status;         /* HTTP status */
    const char *detail; /* what is wrong, what would be right */
};

/* The reason phrase of an HTTP status that fcgiwait sends ("Not Found"); "Error" for
 * others. */
const char *problem_title(int status);

/* Writes {"type":"about:blank","title":...,"status":...,"detail":...}. Always whole JSON
 * in ASCII: other bytes become `?`, and a detail that is too long is cut. Returns the
 * length, NUL not counted. */
size_t problem_render(const struct problem *problem, char out[PROBLEM_TEXT]);

#endif
