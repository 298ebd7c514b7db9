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
    char dir[64], url[64], address[16];
    int port, host;     /* hosts.h; -1: here */
    int tls_port;       /* 0: none */
    char tls_dir[64];   /* where cert.pem and key.pem are */
    const char *append; /* appendfsync; NULL: nothing is kept */
    bool sentinel;      /* it is one */
    bool loads_slowly;  /* its file: some keys a second, until key-load-delay is 0 */
    pid_t pid;
};

/* False: redis-server is not installed, or this build has no Redis. */
bool redis_server_can(void);

/* Returns once it answers. `durable`: appendfsync always. */
void redis_server_start(struct redis_server *server, bool durable);
void redis_server_start_on(struct redis_server *server, int host, const char *append);
void redis_server_stop(struct redis_server *server);

/* It speaks TLS as well, on a port of its own, and so do those with it that replicate it
 * or watch over it. Its certificate is that of `as`; where that is the server itself it
 * is made, by openssl(1), for 127.0.0.1. */
void redis_server_speak_tls(struct redis_server *server, const struct redis_server *as);

/* Where others look for it: the one with TLS, if there is one. */
int redis_server_port(const struct redis_server *server);

/* Makes it a replica, and returns once that is linked up. */
void redis_server_replicate(const struct redis_server *server,
                            const struct redis_server *master);

/* A sentinel that watches over this master as "mymaster", and takes it for down after a
 * second. As any other server it is to be stopped. */
void redis_server_watch(struct redis_server *sentinel, int host,
                        const struct redis_server *master, int quorum);

/* Returns once it knows the master's replica, and the other two sentinels. */
void redis_server_await_watch(const struct redis_server *sentinel);

/* SIGKILL, and the same again, with what it has kept, or without. */
void redis_server_kill(struct redis_server *server);
void redis_server_restart(struct redis_server *server, bool empty);

/* The same, with what is in its file, and returns while it is loading that: many keys,
 * for it answers between them alone. */
void redis_server_restart_slowly(struct redis_server *server);

/* One command, words parted by spaces; fails the test where it is refused. */
void redis_server_say(const struct redis_server *server, const char *command);

/* Whether the answer holds this; false too where there is none. */
bool redis_server_says(const struct redis_server *server, const char *command,
                       const char *part);
/* Asks until the answer holds this; a minute at most. */
void redis_server_await(const struct redis_server *server, const char *command,
                        const char *part);

#endif
