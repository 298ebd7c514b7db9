/* SPDX-License-Identifier: ISC */
/*
 * thread: what the calling thread does with its time.
 */
#ifndef FCGIWAIT_THREAD_H
#define FCGIWAIT_THREAD_H

#include "fcgiwait/clock.h"

/* The calling thread sleeps for so long, or a little longer. */
void thread_pause(nanos span);

#endif
