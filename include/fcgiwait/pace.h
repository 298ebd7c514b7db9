/* SPDX-License-Identifier: ISC */
/*
 * pace: the tricks by which our threads share the cores with the web server and its
 * clients, which run on the same machine.
 *
 * They change when an answer goes out and never which one, so each can be taken out for a
 * measurement. What the first three brought stands beside it: 8,000 waiters on one
 * resource, two cores with nginx (two workers) and the clients on them, with it and
 * without it in turns (tests/bench/run.sh). The calling thread.
 */
#ifndef FCGIWAIT_PACE_H
#define FCGIWAIT_PACE_H

#include <stdbool.h>
#include <stddef.h>

/* So many answers may be on their way to those who take them, and so many are given at a
 * time. Tried: 8 (costs us more than the web server gains), 64, 128, 256, 512 (slower).
 */
#define PACE_AHEAD 32

/* Who wakes waits its turn: the calling thread, when it wakes, waits for a free core or
 * for its turn, and never pushes another thread off its core (SCHED_BATCH). Whoever woke
 * it goes on, and mostly has more for it by then, so that it sleeps and wakes less often
 * for the same work. Its share of the cores stays the same. Where somebody has chosen
 * another policy for the process, that stays.
 *
 * Brought: less processor time for a delivery where each waits for a resource of its own;
 * nothing that can be measured elsewhere. Another niceness of our threads: nothing. */
void pace_wait_its_turn(void);

/* No faster than they are taken: a web server that is handed thousands of answers at once
 * takes them from the far end of its memory, and everybody else's requests wait behind
 * them. pace_sent(): an answer has gone out on that socket. pace_keep(), after so many as
 * PACE_AHEAD: sleeps, for a bounded time, until the one that is PACE_AHEAD answers back
 * was taken (TIOCOUTQ). No locks held.
 *
 * Brought: nginx 27 to 22 us of processor time for a waiter, nginx, clients and fcgiwait
 * together 46 to 40; 21.3 to 21.0 us on the clock; and 99 of 100 GETs of another client
 * meanwhile within 11 ms instead of 180. Costs 0.06 ioctl(2) for a waiter. */
void pace_sent(int fd);
bool pace_is_ahead(void);
void pace_keep(void);

/* The publisher goes first: answers to very many keep every core busy for a while, the
 * web server's part in it. The answer to the publisher is on its way when they begin, and
 * would come last. Whoever wakes to give `count` answers calls this before the first. No
 * locks held.
 *
 * Brought: a publish is acknowledged within 0.9 of the time that one takes which nobody
 * waits for, in the same state of the machine; without it, 1.65. */
bool pace_is_crowded(size_t count);
void pace_let_publisher_go_first(void);

/* Answers of megabytes are built in memory that was used before: by default the system
 * gives each of them new pages, one by one, and takes them back. Up to 8 MiB for each
 * thread stay with the process for it. Main, before other threads start.
 *
 * Brought: pages of 1,000 documents of 1 KB are built in 0.37 ms instead of 1.0. */
void pace_keep_memory(void);

#endif
