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

#include "fcgiwait/exchange.h"
#include "record.h"

/* As much of the content, from byte `*sent` of its records on, as the socket takes now.
 */
enum sent send_content(int fd, uint16_t id, const struct content *content, size_t *sent);

/* A small answer of the protocol itself. False: the socket did not take it, which ends
 * the connection; nobody who reads lets it come to that. */
bool send_protocol(int fd, struct text bytes);

#endif
