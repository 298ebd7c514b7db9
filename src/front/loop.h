/* SPDX-License-Identifier: ISC */
/*
 * loop: the thread of a lane. Private to the front. All calls are the front's, in this
 * order.
 */
#ifndef FCGIWAIT_FRONT_LOOP_H
#define FCGIWAIT_FRONT_LOOP_H

#include "connection.h"

/* False: the thread could not be had (errno). */
bool loop_start(struct lane *lane);

/* Takes the descriptor of a new connection. False: out of memory. */
bool loop_bring(struct lane *lane, int fd);

void loop_stop(struct lane *lane);       /* the web server is asked to close them */
void loop_close_idle(struct lane *lane); /* ... and has had time to */
void loop_give_up(struct lane *lane);    /* whatever they carry */
void loop_join(struct lane *lane);       /* the thread has ended */

/* When nobody answers any more: frees what the service had to the end. */
void loop_dispose(struct lane *lane);

#endif
