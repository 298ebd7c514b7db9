/* SPDX-License-Identifier: ISC */
/*
 * postgres_hosts: which of the hosts that store.url names is tried first. Private to the
 * PostgreSQL store.
 *
 * libpq goes from one host to the next where there is an error, and waits for ever for
 * one that says nothing: whoever has waited for long enough puts it last.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_HOSTS_H
#define FCGIWAIT_STORE_POSTGRES_HOSTS_H

#include <stddef.h>

struct pg_conn;

/* Options of libpq: host, hostaddr and port are lists that belong together. */
enum { POSTGRES_LISTS = 3 };
extern const char *const postgres_lists[POSTGRES_LISTS];

struct postgres_hosts {
    char *lists[POSTGRES_LISTS]; /* NULL: what store.url says */
};

void postgres_hosts_free(struct postgres_hosts *hosts);

/* How many there are. */
size_t postgres_hosts_count(struct pg_conn *connection);

/* The first of those that this connection was to try is the last of the next. Where there
 * is no memory all stays as it is. */
void postgres_hosts_rotate(struct postgres_hosts *hosts, struct pg_conn *connection);

#endif
