/* SPDX-License-Identifier: ISC */
/*
 * stream: a request that is answered on and on, with the state and then with each newer
 * one. Private to the service.
 *
 * A stream is held in the waiting room as a wait is, with a heartbeat for its expiry. It
 * keeps a mark of what it has told (request->index), and no queue: whenever it may say
 * something, that is what is newest then. Whoever has the request may use it.
 */
#ifndef FCGIWAIT_SERVICE_STREAM_H
#define FCGIWAIT_SERVICE_STREAM_H

#include "service_private.h"

/* Answers with a stream, if the client wants one. False: it wants what a GET gives. */
bool stream_look(struct service *service, struct request *request,
                 const struct operation *operation);

/* The request's stream is over, and nothing is to be sent any more: gives its place and
 * its memory back. */
void stream_leave(struct request *request);

#endif
