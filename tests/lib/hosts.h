/* SPDX-License-Identifier: ISC */
/*
 * hosts: a few hosts on one network, which can be cut off from each other: network
 * namespaces. They and the network are gone with the test.
 *
 * A cut is silence: packets go nowhere, and nobody is told. Where namespaces are not
 * permitted all hosts are this machine, and there are no cuts.
 */
#ifndef TESTS_HOSTS_H
#define TESTS_HOSTS_H

#include <stdbool.h>

#define HOSTS_MOST 8

/* The test itself moves into a namespace of its own, from which all hosts can be reached:
 * before it has other threads or children. False: not permitted here. */
bool hosts_open(int count);
void hosts_close(void);
bool hosts_can_cut(void);

/* Its address; 127.0.0.1 without namespaces. */
const char *host_address(int host);

/* In a child: from now on it runs there. */
void host_enter(int host);

/* Before stack_start_fcgiwait(): it will run there. The program is the one that
 * FCGIWAIT named at hosts_open(). */
void host_takes_fcgiwait(int host);

void hosts_cut(int one, int other);
void hosts_heal(int one, int other);

#endif
