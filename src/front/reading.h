/* SPDX-License-Identifier: ISC */
/*
 * reading: what comes in on a connection, and what becomes of it when something is to
 * end. Private to the front; all of it is the lane's thread's. The connection may be gone
 * after each call.
 */
#ifndef FCGIWAIT_FRONT_READING_H
#define FCGIWAIT_FRONT_READING_H

#include "connection.h"

poller_event_fn reading_event; /* the owner is a connection */

/* The lane is stopping: the web server is asked to close it. */
void reading_dismiss(struct connection *connection);

/* It has had time to: closes it where it carries no request. */
void reading_close_idle(struct connection *connection);

/* Closes it whatever it carries, unless the service has it. */
void reading_give_up(struct connection *connection);

/* What was awaited has not come: the rest of a record, or a client that takes its stream.
 * Closes it, unless it waits for its answer; then it gets as long again. */
void reading_overdue(struct connection *connection);

#endif
