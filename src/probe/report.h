/* SPDX-License-Identifier: ISC */
/*
 * report: what the probe has found, a line for each thing that it looked at. Private to
 * the probe; one thread.
 */
#ifndef FCGIWAIT_PROBE_REPORT_H
#define FCGIWAIT_PROBE_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "fcgiwait/clock.h"

enum verdict_of {
    LOOKED_GOOD,
    LOOKED_FAULT, /* a client suffers from it */
    LOOKED_NOTE,  /* worth knowing, or could not be seen */
};

#define REPORT_MOST 40
#define REPORT_TEXT 1024

struct line {
    const char *subject; /* a word, such as "index" */
    enum verdict_of verdict;
    char text[REPORT_TEXT];
};

struct report {
    struct line lines[REPORT_MOST];
    size_t count, faults;
};

/* What does not fit any more is cut. Control characters and all that is not ASCII come
 * out as `?`: what a server says of itself stands in here. */
void report_good(struct report *report, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_fault(struct report *report, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void report_note(struct report *report, const char *subject, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* A table for people; JSON for scripts. */
void report_table(const struct report *report, const char *url, nanos took, FILE *out);
void report_json(const struct report *report, const char *url, nanos took, FILE *out);

#endif
