/* SPDX-License-Identifier: ISC */
/*
 * request: what is kept of a request while it is with the service, embedded in its
 * connection.
 *
 * Filled in by whoever reads requests (the front; tests: a buffer), with `exchange` set.
 * From service_serve() on it belongs to the service and the waiting room, until it is
 * answered (exchange.h).
 */
#ifndef FCGIWAIT_REQUEST_H
#define FCGIWAIT_REQUEST_H

#include <stdbool.h>

#include "fcgiwait/exchange.h"
#include "fcgiwait/waiter.h"

struct request {
    struct waiter waiter;
    const struct exchange_ops *exchange;
    const struct exchange_user *user; /* of a stream; else NULL */
    /* of a held one */
    struct service *service;
    uint64_t index; /* that it waits on */
    union {
        nanos applied;        /* the wait to say in Preference-Applied; -1: none */
        struct instant spoke; /* when a stream last said something */
    };
    struct instant since; /* when it began to wait; 0: it did not */
    struct place *place;  /* of its client, where those are counted */
    uint32_t number;      /* how many requests had come before, with it, for the log */
    bool head_only;
    bool keeps;  /* the front's, of FastCGI: FCGI_KEEP_CONN */
    uint16_t id; /* likewise */
    union {
        char *target; /* malloc'd line that sends nginx to the origin; NULL: no origin */
        struct stream *stream; /* malloc'd, of one with changes: see `user` */
        struct instant ends;   /* of one with numbers, for the live page */
    };
    struct feed *feed; /* malloc'd, of one that follows all below a path; else NULL */
};

#endif
