/* SPDX-License-Identifier: ISC */
/*
 * crowd: publishers, pollers and readers of streams that turn to another machine with
 * every request, on a thread of their own. What they did is a history (history.h).
 *
 * They use the resources /r/0, /r/1, ... with documents {"n": VALUE}.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

#include <pthread.h>
#include <stdatomic.h>

#include "history.h"

#define CROWD_MACHINES 8

struct crowd_options {
    int ports[CROWD_MACHINES]; /* of nginx, on 127.0.0.1 */
    int machines, paths, publishers, pollers, streams;
    int pause_ms;   /* a publisher rests so long at most between two */
    int64_t values; /* those of crowds of before, over the same store */
};

struct crowd {
    struct crowd_options options;
    pthread_t thread;
    _Atomic bool stopping;
    _Atomic size_t published, answered, told; /* so far */
    struct history history;                   /* to be looked at after crowd_stop() */
    struct member *members;
    int64_t values; /* given so far */
    int epoll;
    unsigned seed;
};

void crowd_start(struct crowd *crowd, const struct crowd_options *options);

/* Nobody publishes any more, and nobody asks again. */
void crowd_stop(struct crowd *crowd);
void crowd_free(struct crowd *crowd);

#endif
