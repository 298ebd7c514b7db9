/* SPDX-License-Identifier: ISC */
/*
 * lane: what belongs to one thread of the front: its poller, the connections in it, what
 * they share, and what is waited for on them. Private to the front.
 *
 * The lane's thread alone lets in, leaves, and uses what is shared. Any thread may bring
 * a connection, and say what it is waited for on one.
 */
#ifndef FCGIWAIT_FRONT_LANE_H
#define FCGIWAIT_FRONT_LANE_H

#include "census.h"
#include "fcgi.h"
#include "fcgiwait/counters.h"
#include "fcgiwait/lock.h"
#include "poller.h"

#define LANE_BUFFER 65536

/* Embedded in a connection. */
struct member {
    struct member *next, *prev; /* among the members, or the arrivals */
    _Atomic nanos
        due; /* the instant when what is waited for is to have come; 0: none is */
    struct member *due_next, *due_prev;
};

enum lane_stage { LANE_OPEN, LANE_STOPPING, LANE_CLOSING_IDLE, LANE_GIVING_UP };

struct lane {
    struct service *service;
    struct counters *counters;
    struct census *census; /* of all connections of the front */
    struct poller poller;
    pthread_t thread, self; /* the same: for who waits for its end, and for itself */
    _Atomic enum lane_stage stage; /* one after the other (loop.h) */
    struct lock lock;              /* guards what follows up to `wakes_at` */
    struct member *arrivals;
    struct member *awaited;  /* the one that is due first in front */
    struct instant wakes_at; /* when the thread means to wake; 0: it was rung for */
    /* the thread's own */
    struct member *members;
    struct fcgi_reader *spare; /* NULL, or one at rest */
    char buffer[LANE_BUFFER];
};

/* `event`: of its poller, whose owners the connections are. False: errno, and nothing to
 * close. */
bool lane_open(struct lane *lane, struct service *service, struct counters *counters,
               struct census *census, poller_event_fn *event);
void lane_close(struct lane *lane);

/* Leaves to the lane's thread what takes long: a web server that opens thousands at once
 * fills the listen queue while the caller is not accepting. Any thread. */
void lane_bring(struct lane *lane, struct member *member);

/* The arrivals are members now. Returns the first of them; they are the last ones. */
struct member *lane_let_in(struct lane *lane);
bool lane_is_empty(struct lane *lane);

/* Out of the poller, with its descriptor, and of all lists. */
void lane_leave(struct lane *lane, struct member *member, int fd);

/* Something is waited for on this member, `span` from now; or nothing any more. Any
 * thread, but one at a time for a member. */
void lane_await(struct lane *lane, struct member *member, nanos span);
void lane_await_nothing(struct lane *lane, struct member *member);

/* Takes one off those for which it is too late; NULL: nobody is. */
struct member *lane_overdue(struct lane *lane);

/* Calls the event functions until something is due or somebody rings. True: rung. */
bool lane_wait(struct lane *lane);

/* A reader, for one who takes in a part of a record; NULL: out of memory. It is given
 * back once nothing is in it. */
struct fcgi_reader *lane_reader(struct lane *lane);
void lane_return(struct lane *lane, struct fcgi_reader **reader);

#endif
