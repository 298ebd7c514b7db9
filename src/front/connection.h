/* SPDX-License-Identifier: ISC */
/*
 * connection: one connection of the web server, and the request on it. Private to the
 * front.
 *
 * Belongs to its thread of the front. While the request is with the service, any thread
 * may deliver the reply; the lock guards what both touch. Only its own thread closes and
 * frees, with one exception: after a hang-up that came while the answer was on its way,
 * whoever delivers does.
 */
#ifndef FCGIWAIT_FRONT_CONNECTION_H
#define FCGIWAIT_FRONT_CONNECTION_H

#include "context.h"
#include "fcgiwait/lock.h"
#include "fcgiwait/request.h"

enum phase {
    PHASE_READING, /* no request, or a part of one */
    PHASE_SERVICE, /* the service has the request */
    PHASE_SENDING, /* the socket did not take all of the reply: EPOLLOUT */
    PHASE_CLOSING, /* shut down; its thread closes it */
    PHASE_LEFT     /* closed while its answer was on the way: whoever delivers frees */
};

struct connection {
    struct request request; /* first: the service gives requests back */
    struct lock lock;       /* guards what follows up to `dismissed` */
    enum phase phase;
    struct outgoing *out; /* of PHASE_SENDING */
    bool dismissed;       /* since the last request */
    /* constants */
    struct poller_source socket;
    struct context *context;
    /* of the request */
    uint16_t id;
    bool keeps;
    /* its thread's own */
    struct fcgi_reader *reader; /* NULL: nothing was read in part */
    struct instant heard;       /* of the last word or look, while in `cut_off` */
    bool is_cut_off;
    struct connection *cut_next, *cut_prev;
    struct connection *next, *prev; /* among its thread's (front_thread.h) */
};

/* Takes the descriptor. NULL: out of memory, and the descriptor is still the caller's. */
struct connection *connection_new(int fd, struct context *context);

/* The one way to end it, in every phase. The request that the service has is taken back
 * from it; where its answer is on the way already, whoever delivers frees the connection.
 * `wrong` is logged and counted; NULL: it ends as it should. Its thread. */
void connection_close(struct connection *connection, const char *wrong);

/* Frees one that is out of its thread's hands, when nobody delivers any more. */
void connection_free(struct connection *connection);

/* Something happened on the socket. The connection may be gone afterwards, as after all
 * that follow. Its thread. */
void connection_event(struct connection *connection, uint32_t events);

/* The thread is stopping, and does with it what the stop has come to. */
void connection_stop(struct connection *connection);

/* A part of a record has waited long for the rest: closes it, unless it waits for its
 * answer; then it gets as long again. */
void connection_cut_off(struct connection *connection);

#endif
