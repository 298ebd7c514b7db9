/* SPDX-License-Identifier: ISC */
/*
 * request: what is kept of a request while it is with the service, embedded in its
 * connection.
 *
 * Filled in by whoever reads requests (the front; tests: a buffer), with `deliver` set.
 * From service_serve() on it belongs to the service and the waiting room, until `deliver`
 * is called, once.
 */
#ifndef FCGIWAIT_REQUEST_H
#define FCGIWAIT_REQUEST_H

#include <stdbool.h>

#include "fcgiwait/reply.h"
#include "fcgiwait/waiter.h"

struct request;

/* Sends the reply and disposes of it; NULL: the client is gone, there is nobody to
 * answer. After it the request is the reader's again. Any thread, no locks held; must not
 * block. */
typedef void request_deliver_fn(struct request *request, struct reply *reply);

struct request {
    struct waiter waiter;
    request_deliver_fn *deliver;
    /* of a held one */
    struct service *service;
    uint64_t index;       /* that it waits on */
    nanos applied;        /* the wait to say in Preference-Applied; -1: none */
    struct instant since; /* when it began to wait; 0: it did not */
    uint64_t number;      /* how many requests had come before, with it */
    struct place *place;  /* of its client, where those are counted */
    bool head_only;
    char *target; /* malloc'd line that sends nginx to the origin; NULL: no origin */
};

#endif
