/* SPDX-License-Identifier: ISC */
/*
 * context: what the connections of one thread of the front have in common. Private to the
 * front.
 */
#ifndef FCGIWAIT_FRONT_CONTEXT_H
#define FCGIWAIT_FRONT_CONTEXT_H

#include <stdatomic.h>

#include "fcgi.h"
#include "fcgiwait/counters.h"
#include "fcgiwait/service.h"
#include "poller.h"

#define CONTEXT_BUFFER 65536

/* How far the stop has come: one after the other. */
enum stopping {
    STOPPING_NOT,
    STOPPING_DISMISS,    /* the web server is asked to close what it keeps */
    STOPPING_CLOSE_IDLE, /* it has had time to */
    STOPPING_GIVE_UP     /* the patience is over */
};

struct context {
    struct service *service;
    struct counters *counters;
    struct poller poller;
    _Atomic enum stopping stopping; /* any thread reads it */
    /* the thread's own */
    struct connection *connections;
    struct connection *cut_off; /* those with a part of a record, longest silent first */
    struct fcgi_reader *spare;  /* NULL, or one at rest */
    char buffer[CONTEXT_BUFFER];
};

/* The spare reader, or a new one. NULL: out of memory. The thread's own. */
struct fcgi_reader *context_take_reader(struct context *context);

/* Takes it back, whatever it holds; NULL is none. The thread's own. */
void context_give_reader(struct context *context, struct fcgi_reader *reader);

#endif
