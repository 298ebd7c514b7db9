/* SPDX-License-Identifier: ISC */
/*
 * front: the side towards the web server. Accepts its connections, reads its requests,
 * sends the service's replies, and notices when it hangs up.
 *
 * Owns a few threads, each with an epoll set and the connections in it. The listening
 * socket belongs to main, which calls front_accept() when it is readable. All calls are
 * main's.
 */
#ifndef FCGIWAIT_FRONT_H
#define FCGIWAIT_FRONT_H

#include <stdbool.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/counters.h"
#include "fcgiwait/service.h"

struct front_options {
    unsigned threads;
    int listening;         /* descriptor of the listening socket; made non-blocking */
    int queue;             /* its length; 0: as long as the system allows */
    const char *addresses; /* FCGI_WEB_SERVER_ADDRS: who may connect; NULL: all */
    struct service *service;
    struct counters *counters;
};

struct front;

/* NULL: not enough memory, descriptors or threads (errno). */
struct front *front_open(const struct front_options *options);

/* Accepts all that is waiting. Returns when to try again if descriptors or memory ran
 * out, else INSTANT_NEVER: when the socket is readable. */
struct instant front_accept(struct front *front);

/* Asks the web server to close the connections that it keeps, now or after their answers:
 * a request that is on its way is still answered. */
void front_stop(struct front *front);

/* After front_stop(): waits until the last answer is out, `patience` at most, and ends
 * the threads. */
void front_drain(struct front *front, nanos patience);

/* When nobody delivers any more: what is left is closed. */
void front_close(struct front **front);

#endif
