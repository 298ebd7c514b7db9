/* SPDX-License-Identifier: ISC */
/*
 * connection: one connection of the web server, and the request on it. Private to the
 * front.
 *
 * Belongs to its lane's thread, which reads it and closes it (reading.h). While the
 * request is with the service, any thread may answer it (answering.h); the lock guards
 * what both touch. One exception: after a hang-up that came while somebody was answering,
 * that one frees the connection; its descriptor is the lane's to close, and at once.
 */
#ifndef FCGIWAIT_FRONT_CONNECTION_H
#define FCGIWAIT_FRONT_CONNECTION_H

#include "fcgiwait/request.h"
#include "lane.h"

enum phase {
    PHASE_READING, /* no request, or a part of one */
    PHASE_SERVICE, /* the service has the request */
    PHASE_STALLED, /* the socket did not take all of a chunk: EPOLLOUT; then SERVICE */
    PHASE_SENDING, /* nor all of the answer's end: EPOLLOUT; then READING or CLOSING */
    PHASE_CLOSING  /* shut down; its lane's thread closes it */
} __attribute__((packed));

/* As small as it can be: ten thousand of them wait. */
struct connection {
    struct request request;
    struct member member;
    struct lock lock; /* guards what follows up to `out` */
    enum phase phase;
    bool hung_up;         /* in PHASE_SERVICE: out of the lane; whoever answers frees */
    bool broken;          /* in PHASE_SERVICE: shut down; whoever answers ends it */
    bool dismissed;       /* since the last request (answering.h) */
    int fd;               /* a constant, as is `lane`; -1: hung up */
    struct outgoing *out; /* of PHASE_STALLED and PHASE_SENDING */
    struct lane *lane;
    /* the lane's thread's own */
    struct fcgi_reader *reader; /* NULL: nothing was read in part */
};

/* Takes the descriptor. NULL: out of memory, and the descriptor is still the caller's. */
struct connection *connection_new(int fd, struct lane *lane,
                                  const struct exchange_ops *exchange);

/* Waits for who is just sending: what a client may have heard has happened here, too. */
enum phase connection_phase(struct connection *connection);

/* The one hand that sets the phase, and what epoll is asked with it. The lock is held. */
void connection_set_phase(struct connection *connection, enum phase phase);

/* Nothing can be sent any more: its lane's thread hears of that, and closes it. The lock
 * is held. */
void connection_break(struct connection *connection);

/* The one way to end it, whatever its phase. `reason`: what was wrong with it, which is
 * logged and counted; NULL: nothing. A request that the service has is taken back, or
 * whoever is answering it frees the connection. The lane's thread; the connection may be
 * gone afterwards. */
void connection_close(struct connection *connection, const char *reason);

/* Frees one that is out of its lane, and closes a descriptor that is left. Any thread, no
 * locks held. */
void connection_free(struct connection *connection);

#endif
