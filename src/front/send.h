/* SPDX-License-Identifier: ISC */
/*
 * send: bytes onto a connection's socket, without ever waiting for it. Private to the
 * front. Whoever calls holds the connection's lock, or is the only one who can.
 */
#ifndef FCGIWAIT_FRONT_SEND_H
#define FCGIWAIT_FRONT_SEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/reply.h"

enum sent { SENT_ALL, SENT_PART, SENT_BROKEN };

/* As much of the reply, from byte `*sent` of its records on, as the socket takes now. */
enum sent send_reply(int fd, uint16_t id, const struct reply *reply, size_t *sent);

/* A small answer of the protocol itself. False: the socket did not take it, which ends
 * the connection; nobody who reads lets it come to that. */
bool send_protocol(int fd, struct text bytes);

/* Whether the peer has not taken what the calling thread has sent 32 replies ago. */
bool send_has_backlog(void);

#endif
