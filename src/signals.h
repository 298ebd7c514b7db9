/* SPDX-License-Identifier: ISC */
/*
 * signals: those that mean something to us, taken from a descriptor. Main thread.
 *
 * They are blocked in every thread: whoever starts threads does it after
 * signals_open().
 */
#ifndef FCGIWAIT_SIGNALS_H
#define FCGIWAIT_SIGNALS_H

#include <stdbool.h>

enum signal_said { SIGNAL_NONE, SIGNAL_RELOAD, SIGNAL_STOP };

/* Before anything else by who is to serve: a SIGHUP that comes before we can read it
 * waits until we can. The others end a program that serves nobody yet, as they end every
 * program. */
void signals_hold_reload(void);

/* The descriptor that is readable when there is something to take; -1: errno. SIGPIPE is
 * ignored from here on. */
int signals_open(void) __attribute__((warn_unused_result));

/* One of them; a stop is logged. SIGNAL_NONE: there is none (any more). */
enum signal_said signals_take(int signals);

/* While the program starts, which a store that others hold can make long, a stop ends the
 * process at once, with status 0: nobody waits yet, and stores survive any end. */
struct signals_watch;
struct signals_watch *signals_watch_start(int signals); /* NULL: errno */
void signals_watch_end(struct signals_watch **watch);

#endif
