/* SPDX-License-Identifier: ISC */
/* proc: what the kernel says of a process. */
#ifndef TESTS_PROC_H
#define TESTS_PROC_H

#include <stdbool.h>
#include <sys/types.h>

long proc_resident_kb(pid_t pid);
long proc_threads(pid_t pid);

/* Voluntary context switches of all its threads: how often it went to sleep, and so how
 * often it had been awake. */
long proc_switches(pid_t pid);

/* Whether it sleeps for so long, all of it. Waits for that, a few times as long at most:
 * what it had begun before may come to its end late. */
bool proc_sleeps(pid_t pid, long milliseconds);

#endif
