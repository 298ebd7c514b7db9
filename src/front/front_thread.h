/* SPDX-License-Identifier: ISC */
/*
 * front_thread: one thread of the front, and the connections that it has. Private to the
 * front.
 *
 * A connection is read and closed by its thread alone. Other threads may only send on it
 * (connection.h).
 */
#ifndef FCGIWAIT_FRONT_FRONT_THREAD_H
#define FCGIWAIT_FRONT_FRONT_THREAD_H

#include <pthread.h>

#include "context.h"
#include "fcgiwait/lock.h"

struct front_thread {
    struct context context; /* with `service` and `counters` set before the start */
    pthread_t id;
    struct lock lock;            /* guards `arrivals` */
    struct connection *arrivals; /* accepted, and not yet among the others */
};

/* False: out of descriptors, memory or threads (errno). */
bool front_thread_start(struct front_thread *thread) __attribute__((warn_unused_result));

/* Takes the connection. Leaves to the thread what takes long: a web server that opens
 * thousands at once fills the listen queue while the caller is not accepting. Any thread,
 * before front_thread_stop(). */
void front_thread_add(struct front_thread *thread, struct connection *connection);

/* From now on it does what `stopping` says, and ends with its last connection. */
void front_thread_stop(struct front_thread *thread, enum stopping stopping);

void front_thread_join(struct front_thread *thread); /* after front_thread_stop() */

/* After front_thread_join(), when nobody delivers any more: closes what is left. */
void front_thread_dispose(struct front_thread *thread);

#endif
