/* SPDX-License-Identifier: ISC */
/*
 * poller: one thread of the front, its epoll set, and the connections in it. Private to
 * the front.
 *
 * A connection is read and closed by its poller's thread alone. Other threads may only
 * send on it (connection.h).
 */
#ifndef FCGIWAIT_FRONT_POLLER_H
#define FCGIWAIT_FRONT_POLLER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "fcgi.h"
#include "fcgiwait/counters.h"
#include "fcgiwait/service.h"
#include "fcgiwait/lock.h"

#define POLLER_BUFFER 65536

struct poller {
    struct service *service;
    struct counters *counters;
    pthread_t thread;
    int epoll;
    int bell; /* eventfd: look at `arrivals` and at what follows */
    _Atomic bool stopping, closing_idle, giving_up; /* one after the other */
    struct lock lock;                               /* guards `arrivals` */
    struct connection *arrivals; /* accepted, and not yet among the others */
    /* the thread's own */
    struct connection *connections;
    struct connection *cut_off; /* those with a part of a record, longest silent first */
    struct fcgi_reader *spare;  /* NULL, or one at rest */
    char buffer[POLLER_BUFFER];
};

bool poller_start(struct poller *poller, struct service *service,
                  struct counters *counters);

/* Takes the connection. Leaves to the poller's thread what takes long: a web server that
 * opens thousands at once fills the listen queue while the caller is not accepting. Any
 * thread, before poller_stop(). */
void poller_add(struct poller *poller, struct connection *connection);

/* Asks epoll for these events from now on. Any thread. */
void poller_watch(struct poller *poller, struct connection *connection, uint32_t events);

/* Out of the epoll set and of the list. The poller's thread. */
void poller_remove(struct poller *poller, struct connection *connection);

void poller_stop(struct poller *poller);
void poller_close_idle(struct poller *poller); /* after poller_stop() */
void poller_give_up(struct poller *poller);    /* after poller_stop() */
void poller_join(struct poller *poller);       /* after poller_stop() */

/* After poller_join(), when nobody delivers any more: closes what is left. */
void poller_dispose(struct poller *poller);

#endif
