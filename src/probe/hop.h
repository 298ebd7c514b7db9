/* SPDX-License-Identifier: ISC */
/*
 * hop: who on the way gave an answer, as far as the answer shows it, and what that one
 * calls its timeout. Private to the probe; pure.
 */
#ifndef FCGIWAIT_PROBE_HOP_H
#define FCGIWAIT_PROBE_HOP_H

#include "exchange.h"

#define HOP_TEXT 256
#define HOP_NO_NAME "a server that gives no name"

/* "nginx/1.22.1", or HOP_NO_NAME. */
const char *hop_name(const struct exchange *exchange, char text[HOP_TEXT]);

/* Whose timeout it most likely was, and what it is called there; or that this can't be
 * told. `after` is how long it took. */
const char *hop_timeout(const struct exchange *exchange, nanos after);

/* Whether fcgiwait itself gave this answer: its problems say so by their form. */
bool hop_is_fcgiwait(const struct exchange *exchange);

#endif
