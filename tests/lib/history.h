/* SPDX-License-Identifier: ISC */
/*
 * history: what clients of several machines did and saw, and whether that can be one
 * history. Times are seconds_now().
 *
 * Each publish writes a value of its own, so a value tells which publish was read.
 */
#ifndef TESTS_HISTORY_H
#define TESTS_HISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
    EVENT_PUBLISHED, /* acknowledged, with its index */
    EVENT_UNSURE,    /* no answer, or one that does not say */
    EVENT_REFUSED,   /* said not to have happened */
    EVENT_READ,      /* an answer to a poll: index and value, or unchanged */
    EVENT_TOLD       /* by a stream */
};

struct event {
    enum event_kind kind;
    short machine;
    bool unchanged; /* of EVENT_READ: 304 */
    int path, client;
    double start, end;
    uint64_t brought, index; /* `brought`: what the reader knew; 0: nothing */
    int64_t value;           /* 0: none */
};

struct history {
    struct event *events;
    size_t count, capacity;
    double trouble[256][2]; /* times in which changes may take longer */
    size_t troubles;
    int64_t first;   /* values below this one are of before; 0: none are */
    bool may_forget; /* in trouble the engine may lose what it acknowledged */
};

void history_add(struct history *history, const struct event *event);
void history_free(struct history *history);

/* From then on nobody has to be told in time, until then. */
void history_note_trouble(struct history *history, double from, double until);

/* How long somebody may sleep on an old state where there is no trouble: seconds. */
#define HISTORY_SLACK 5.0

/* Prints what can't be, up to ten of each kind, and returns how many there were. Sorts
 * the events. */
size_t history_check(struct history *history);

/* The last value of a path may be this one. */
bool history_may_end_with(const struct history *history, int path, int64_t value);

/* Seconds from the start of a publish to who waited for it, on the machine of the
 * publish or on others; sorted, malloc'd. */
double *history_delays(const struct history *history, bool elsewhere, size_t *count);

#endif
