/* SPDX-License-Identifier: ISC */
/*
 * thread: how our threads share the cores with everybody else.
 */
#ifndef FCGIWAIT_THREAD_H
#define FCGIWAIT_THREAD_H

#include "fcgiwait/clock.h"

/* The calling thread, when it wakes, waits for a free core or for its turn, and never
 * pushes another thread off its core (SCHED_BATCH). Whoever woke it goes on, and mostly
 * has more for it by then, so that it sleeps and wakes less often for the same work. Its
 * share of the cores stays the same. Where somebody has chosen another policy for the
 * process, that stays. */
void thread_wait_its_turn(void);

/* The calling thread sleeps for so long, or a little longer. */
void thread_pause(nanos span);

#endif
