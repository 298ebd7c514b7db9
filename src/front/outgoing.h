/* SPDX-License-Identifier: ISC */
/*
 * outgoing: what goes out on a connection: the reply, and the protocol's own words, one
 * behind the other, and without ever waiting for the socket. Private to the front.
 */
#ifndef FCGIWAIT_FRONT_OUTGOING_H
#define FCGIWAIT_FRONT_OUTGOING_H

#include "connection.h"

/* Sends the reply, or keeps what the socket does not take. Any thread. */
request_deliver_fn outgoing_deliver;

/* PHASE_SENDING, and the socket takes more. The poller's thread. False: close the
 * connection. */
bool outgoing_go_on(struct connection *connection) __attribute__((warn_unused_result));

/* A small record of the protocol itself; while a reply is going out, it follows behind.
 * The poller's thread. False: close the connection. */
bool outgoing_say(struct connection *connection, struct text bytes)
    __attribute__((warn_unused_result));

/* We are stopping, and the web server is to close a connection that it keeps: only it
 * knows whether it has just sent a request, which we would cut off. Where the connection
 * rests, any byte makes nginx close it; where a request has crossed our word, that word
 * is an empty FCGI_STDERR record, which says nothing (FastCGI section 5.5), and the
 * answer follows. The poller's thread. False: close the connection. */
bool outgoing_dismiss(struct connection *connection) __attribute__((warn_unused_result));

/* Frees what was kept. */
void outgoing_dispose(struct connection *connection);

#endif
