/* SPDX-License-Identifier: ISC */
/*
 * again: reports that count again after some time (FCGIWAIT_AGAIN), for APIs that answer
 * before a read shows what was written. Private to the service.
 *
 * Owns a thread, started with the first of them, and the edits until their time comes.
 * Any thread adds; main closes.
 */
#ifndef FCGIWAIT_SERVICE_AGAIN_H
#define FCGIWAIT_SERVICE_AGAIN_H

#include <pthread.h>

#include "fcgiwait/lock.h"
#include "pending.h"

#define AGAIN_TIMES 4 /* of one report */
#define AGAIN_LATEST (600 * NANOS_PER_SECOND)
#define AGAIN_MOST 4096 /* that are kept; where there are more, everything changes */
/* ... at the end of the second in which they are due; so many seconds ahead, twice as
 * many as there have to be, for a thread that is late. */
#define AGAIN_SECONDS (2 * (AGAIN_LATEST / NANOS_PER_SECOND + 1))

struct again_entry {
    struct instant at;
    struct pending *pending;
};

struct again {
    struct lock lock; /* guards what follows */
    pthread_cond_t wake;
    pthread_t thread;
    bool is_running, is_closed;
    size_t under_way; /* with the store */
    pthread_cond_t through;
    size_t count;
    struct again_entry heap[AGAIN_MOST]; /* the earliest first */
    bool everything[AGAIN_SECONDS];      /* whether it changes with that second's end */
    uint64_t first_everything;           /* of these seconds, on the clock; 0: none */
    struct service *service;
};

/* "400ms,2s": fills in what can be read of it, at most AGAIN_TIMES times, none above
 * AGAIN_LATEST. False: there was something else, too. */
bool again_parse(struct text t, nanos times[AGAIN_TIMES], size_t *count);

/* 0, or an errno value. */
int again_open(struct again *again, struct service *service);

/* Commits the edits at that time, or now where again_close() has been called. The pending
 * is taken over; NULL (out of memory) stands for everything. */
void again_add(struct again *again, struct pending *pending, struct instant at);

/* Commits all that is left, and returns when everybody was told, or the store takes too
 * long for it; what comes later is committed at once. Before the store closes. */
void again_close(struct again *again);

void again_dispose(struct again *again);

/* pending_done_fn, of pendings that are added. */
void again_done(struct pending *pending);

#endif
