/* SPDX-License-Identifier: ISC */
/*
 * answering: what goes out on a connection: answers, and the protocol's own words, one
 * behind the other, and without ever waiting for the socket. Private to the front.
 */
#ifndef FCGIWAIT_FRONT_ANSWERING_H
#define FCGIWAIT_FRONT_ANSWERING_H

#include "connection.h"

/* For requests of connections. Any thread. */
extern const struct exchange_ops answering_ops;

/* PHASE_STALLED or PHASE_SENDING, and the socket takes more. SENT_ALL: the phase is the
 * next one. `progress`: the socket took some. The lane's thread. */
enum sent answering_go_on(struct connection *connection, bool *progress);

/* A small record of the protocol itself; while an answer is going out, it follows behind.
 * The lane's thread. False: close the connection. */
bool answering_say(struct connection *connection, struct text bytes)
    __attribute__((warn_unused_result));

/* We are stopping, and the web server is to close a connection that it keeps: only it
 * knows whether it has just sent a request, which we would cut off. Where the connection
 * rests, any byte makes nginx close it; where a request has crossed our word, that word
 * is an empty FCGI_STDERR record, which says nothing (FastCGI section 5.5), and the
 * answer follows. The lane's thread. False: close the connection. */
bool answering_dismiss(struct connection *connection) __attribute__((warn_unused_result));

#endif
