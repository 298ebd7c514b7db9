/* SPDX-License-Identifier: ISC */
/*
 * postgres_server: a PostgreSQL of the test's own, on a socket in a folder of its own,
 * with wal_level = logical. It ends with the test at the latest.
 *
 * POSTGRES_BIN names the folder of its programs; without it the newest of Debian's is
 * taken. PostgreSQL refuses to be root, and is nobody then.
 */
#ifndef TESTS_POSTGRES_SERVER_H
#define TESTS_POSTGRES_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pg_conn;

struct postgres_server {
    char dir[64];  /* its data lies in data/, its log in log */
    char url[128]; /* of the database postgres, as its superuser */
    pid_t pid;
};

/* False: PostgreSQL is not installed, or this build has none. */
bool postgres_server_can(void);

/* Returns once it answers. `settings`: more lines of postgresql.conf, or NULL. */
void postgres_server_start(struct postgres_server *server, const char *settings);
void postgres_server_stop(struct postgres_server *server);

/* A standby that follows `primary`; where it has been a server before, and was killed, it
 * is that no more. */
void postgres_server_start_standby(struct postgres_server *standby,
                                   const struct postgres_server *primary);
/* From now on it hears of nothing. */
void postgres_server_cut_off(const struct postgres_server *standby);
void postgres_server_promote(const struct postgres_server *standby);

/* With all that it has written down. */
void postgres_server_stop_gently(struct postgres_server *server);

/* SIGKILL to all of it, and the same again with what it has kept. */
void postgres_server_kill(struct postgres_server *server);
void postgres_server_launch(struct postgres_server *server);

/* SIGSTOP to all of it, and SIGCONT. */
void postgres_server_freeze(const struct postgres_server *server, bool freeze);

/* A connection of the caller's, for PQfinish(). */
struct pg_conn *postgres_server_connect(const struct postgres_server *server);

/* Commands; fails the test where they are refused. */
void postgres_server_say(const struct postgres_server *server, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void postgres_say(struct pg_conn *connection, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The first value of the answer as a number. */
long long postgres_server_ask(const struct postgres_server *server, const char *query);

/* Nothing of fcgiwait's is in it, at the latest in a minute. */
void postgres_server_must_be_clean(const struct postgres_server *server);

#endif
