/* SPDX-License-Identifier: ISC */
/* Each check sorts the events as it needs them and goes through them once. */
#include "history.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"

void history_add(struct history *history, const struct event *event)
{
    if (history->count == history->capacity) {
        history->capacity = history->capacity > 0 ? 2 * history->capacity : 4096;
        history->events =
            realloc(history->events, history->capacity * sizeof *history->events);
        must(history->events != NULL, "no memory");
    }
    history->events[history->count++] = *event;
}

void history_free(struct history *history)
{
    free(history->events);
    *history = (struct history){.events = NULL};
}

void history_note_trouble(struct history *history, double from, double until)
{
    must(history->troubles < sizeof history->trouble / sizeof *history->trouble,
         "too many troubles");
    history->trouble[history->troubles][0] = from;
    history->trouble[history->troubles++][1] = until;
}

static bool is_in_trouble(const struct history *history, double from, double until)
{
    for (size_t i = 0; i < history->troubles; i++)
        if (from < history->trouble[i][1] && until > history->trouble[i][0])
            return true;
    return false;
}

/* --- finding --- */

static size_t complain(size_t before, const char *what, const struct event *a,
                       const struct event *b)
{
    if (before < 10)
        fprintf(stderr,
                "history: %s: client %d, machine %d, path %d, %.3f to %.3f s, brought "
                "%llu, index %llu, value %lld; and: client %d, machine %d, path %d, %.3f "
                "to %.3f s, index %llu, value %lld\n",
                what, a->client, a->machine, a->path, a->start, a->end,
                (unsigned long long)a->brought, (unsigned long long)a->index,
                (long long)a->value, b->client, b->machine, b->path, b->start, b->end,
                (unsigned long long)b->index, (long long)b->value);
    return before + 1;
}

static bool has_value(const struct event *event)
{
    return event->value != 0 && (event->kind == EVENT_PUBLISHED ||
                                 event->kind == EVENT_READ || event->kind == EVENT_TOLD);
}

static int by_index(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return x->path - y->path;
}

/* One index, one path, one value. */
static size_t check_indexes(struct history *history)
{
    const struct event *last = NULL;
    size_t found = 0;
    qsort(history->events, history->count, sizeof *history->events, by_index);
    for (size_t i = 0; i < history->count; i++) {
        const struct event *event = &history->events[i];
        if (!has_value(event))
            continue;
        if (last != NULL && last->index == event->index &&
            (last->path != event->path || last->value != event->value))
            found = complain(found, "one index, two states", last, event);
        last = event;
    }
    return found;
}

static size_t check_readers(const struct history *history)
{
    size_t found = 0;
    for (size_t i = 0; i < history->count; i++) {
        const struct event *event = &history->events[i];
        if ((event->kind == EVENT_READ || event->kind == EVENT_TOLD) &&
            event->index < event->brought)
            found =
                complain(found, "older than the index that was brought", event, event);
    }
    return found;
}

static int by_value(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    if (x->value != y->value)
        return x->value < y->value ? -1 : 1;
    return (int)x->kind - (int)y->kind;
}

static bool is_publish(const struct event *event)
{
    return event->kind == EVENT_PUBLISHED || event->kind == EVENT_UNSURE ||
           event->kind == EVENT_REFUSED;
}

/* What is read was published, to that path, and not said to have been refused. */
static size_t check_values(struct history *history)
{
    const struct event *published = NULL;
    size_t found = 0;
    qsort(history->events, history->count, sizeof *history->events, by_value);
    for (size_t i = 0; i < history->count; i++) {
        const struct event *event = &history->events[i];
        if (is_publish(event))
            published = event;
        else if (event->value == 0 || event->value < history->first)
            continue;
        else if (published == NULL || published->value != event->value ||
                 published->path != event->path)
            found = complain(found, "read and never published", event, event);
        else if (published->kind == EVENT_REFUSED)
            found = complain(found, "read, and said to be refused", event, published);
    }
    return found;
}

/* --- in the order of time --- */

static int by_end(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->end < y->end ? -1 : x->end > y->end;
}

static int by_start(const void *a, const void *b)
{
    const struct event *const *x = a, *const *y = b;
    return (*x)->start < (*y)->start ? -1 : (*x)->start > (*y)->start;
}

static int most_path(const struct history *history)
{
    int most = 0;
    for (size_t i = 0; i < history->count; i++)
        if (history->events[i].path > most)
            most = history->events[i].path;
    return most;
}

/* `finished`: what is compared, by its end; `begun`: who is compared, by its start. */
static size_t check_order(const struct history *history, const struct event **begun,
                          size_t count)
{
    const struct event *newest = NULL;
    size_t at = 0, found = 0;
    for (size_t i = 0; i < count; i++) {
        for (; at < history->count && history->events[at].end < begun[i]->start; at++)
            if (history->events[at].kind == EVENT_PUBLISHED &&
                (newest == NULL || history->events[at].index > newest->index))
                newest = &history->events[at];
        if (begun[i]->kind == EVENT_PUBLISHED && newest != NULL &&
            begun[i]->index <= newest->index &&
            !(history->may_forget &&
              is_in_trouble(history, begun[i]->start, begun[i]->end)))
            found = complain(found, "an index below one that was given before", begun[i],
                             newest);
    }
    return found;
}

/* Who waited was told in time: no answer comes long after a newer state was
 * acknowledged. */
static size_t check_sleepers(const struct history *history)
{
    size_t paths = (size_t)most_path(history) + 1, found = 0, at = 0;
    const struct event **newest = calloc(paths, sizeof *newest);
    must(newest != NULL, "no memory");
    /* Answers in the order of their end, publishes HISTORY_SLACK behind. */
    for (size_t i = 0; i < history->count; i++) {
        const struct event *event = &history->events[i];
        for (; history->events[at].end < event->end - HISTORY_SLACK; at++) {
            const struct event *past = &history->events[at];
            if (past->kind == EVENT_PUBLISHED &&
                (newest[past->path] == NULL || past->index > newest[past->path]->index))
                newest[past->path] = past;
        }
        const struct event *known = newest[event->path];
        if (event->kind == EVENT_READ && known != NULL && known->index > event->brought &&
            event->end - event->start > HISTORY_SLACK &&
            !is_in_trouble(history, event->start, event->end))
            found = complain(found, "slept on an old state", event, known);
    }
    free(newest);
    return found;
}

static size_t check_times(struct history *history)
{
    const struct event **begun = calloc(history->count, sizeof *begun);
    must(begun != NULL || history->count == 0, "no memory");
    qsort(history->events, history->count, sizeof *history->events, by_end);
    for (size_t i = 0; i < history->count; i++)
        begun[i] = &history->events[i];
    qsort(begun, history->count, sizeof *begun, by_start);
    size_t found = check_order(history, begun, history->count);
    free(begun);
    return found + check_sleepers(history);
}

size_t history_check(struct history *history)
{
    if (history->count == 0)
        return 0;
    return check_indexes(history) + check_values(history) + check_readers(history) +
           check_times(history);
}

/* --- the end --- */

bool history_may_end_with(const struct history *history, int path, int64_t value)
{
    const struct event *last = NULL, *of = NULL;
    for (size_t i = 0; i < history->count; i++) {
        const struct event *event = &history->events[i];
        if (event->path != path || !is_publish(event))
            continue;
        if (event->value == value)
            of = event;
        if (event->kind == EVENT_PUBLISHED &&
            (last == NULL || event->index > last->index))
            last = event;
    }
    if (value == 0)
        return last == NULL || history->may_forget;
    if (value < history->first && last == NULL)
        return true;
    if (of == NULL || of->kind == EVENT_REFUSED)
        return value < history->first && history->may_forget;
    bool may = of == last || history->may_forget || last == NULL ||
               (of->kind == EVENT_UNSURE && of->end >= last->start);
    if (!may)
        complain(0,
                 of->kind == EVENT_UNSURE ? "ends with one of before that was unsure"
                                          : "ends with one of before",
                 of, last);
    return may;
}

static int by_number(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

double *history_delays(const struct history *history, bool elsewhere, size_t *count)
{
    struct history sorted = {.count = history->count};
    const struct event *published = NULL;
    double *delays = calloc(history->count + 1, sizeof *delays);
    sorted.events = malloc((history->count + 1) * sizeof *sorted.events);
    must(delays != NULL && sorted.events != NULL, "no memory");
    memcpy(sorted.events, history->events, history->count * sizeof *sorted.events);
    qsort(sorted.events, sorted.count, sizeof *sorted.events, by_value);
    *count = 0;
    for (size_t i = 0; i < sorted.count; i++) {
        const struct event *event = &sorted.events[i];
        if (is_publish(event))
            published = event;
        else if (event->kind == EVENT_READ && event->value != 0 && published != NULL &&
                 published->value == event->value && published->kind == EVENT_PUBLISHED &&
                 published->index == event->index && event->start < published->start &&
                 (published->machine != event->machine) == elsewhere)
            delays[(*count)++] = event->end - published->start;
    }
    qsort(delays, *count, sizeof *delays, by_number);
    free(sorted.events);
    return delays;
}
