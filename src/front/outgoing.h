/* SPDX-License-Identifier: ISC */
/*
 * outgoing: what the socket did not take of a reply, and the protocol's own words behind
 * it. Private to the front. Never waits for the socket. Whoever calls holds the
 * connection's lock, or is the only one who can.
 */
#ifndef FCGIWAIT_FRONT_OUTGOING_H
#define FCGIWAIT_FRONT_OUTGOING_H

#include <stdbool.h>
#include <stdint.h>

#include "send.h"

struct outgoing;

/* Sends the reply. SENT_PART: `*out` has become its owner and keeps the rest.
 * SENT_BROKEN: the connection is, or there was no memory to keep anything in. */
enum sent outgoing_send(struct outgoing **out, int fd, uint16_t id,
                        const struct reply *reply);

/* The socket takes more. SENT_ALL: nothing is kept any more. */
enum sent outgoing_go_on(struct outgoing **out, int fd);

/* A small record of the protocol itself; it follows behind what `out` keeps. False: close
 * the connection. */
bool outgoing_say(struct outgoing *out, int fd, struct text bytes)
    __attribute__((warn_unused_result));

/* Frees what was kept, if anything was. */
void outgoing_free(struct outgoing **out);

#endif
