/* SPDX-License-Identifier: ISC */
/*
 * redis_server: a Redis of the test's own, on a free port of 127.0.0.1, with its files in
 * a folder of its own. It ends with the test at the latest.
 */
#ifndef TESTS_REDIS_SERVER_H
#define TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
    char dir[64], url[64];
    int port;
    bool durable; /* appendfsync always */
    pid_t pid;
};

/* False: redis-server is not installed, or this build has no Redis. */
bool redis_server_can(void);

/* Returns once it answers. */
void redis_server_start(struct redis_server *server, bool durable);
void redis_server_stop(struct redis_server *server);

/* SIGKILL, and the same again, with what it has kept, or without. */
void redis_server_kill(struct redis_server *server);
void redis_server_restart(struct redis_server *server, bool empty);

/* One command, words parted by spaces; fails the test where it is refused. */
void redis_server_say(const struct redis_server *server, const char *command);

#endif
