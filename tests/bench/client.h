/* SPDX-License-Identifier: ISC */
/*
 * client: a crowd of HTTP clients, in one thread and one epoll set.
 *
 * A client that loses its connection comes back by itself; one that was hung up stays
 * away until client_come(). The bells ring from clients_turn(), and may ask; but for
 * `told`, which says that client->answer.body is the next line of a stream.
 */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "answer.h"

typedef uint64_t nanos; /* of CLOCK_MONOTONIC */
#define NANOS_PER_SECOND ((nanos)1000000000)

nanos nanos_now(void);

enum client_role {
    CLIENT_WAITER,
    CLIENT_PUBLISHER,
    CLIENT_WATCHER,
    CLIENT_BYSTANDER,
    CLIENT_ROLES
};

enum client_state {
    CLIENT_AWAY,
    CLIENT_QUEUED, /* about to connect */
    CLIENT_CONNECTING,
    CLIENT_IDLE,
    CLIENT_ASKING
};

struct client {
    int fd;
    enum client_role role;
    enum client_state state;
    uint32_t number;          /* within its role */
    bool arriving;            /* not answered yet on this connection */
    nanos due, retry_at;      /* the user's */
    uint64_t seen;            /* the user's */
    char index[ANSWER_INDEX]; /* the user's */
    struct answer answer;
};

typedef void client_bell_fn(void *context, struct client *client);

struct clients {
    int epoll;
    struct client *clients;
    size_t count;
    struct sockaddr_in server;
    size_t arriving; /* connecting, or not answered yet */
    uint32_t *queue; /* a ring of those that are about to connect */
    size_t queue_head, queue_len;
    nanos pause; /* no connecting before, as one was refused */
    nanos now;   /* when the latest events were taken */
    long answers[CLIENT_ROLES][600];
    long connected, broken, refused;
    client_bell_fn *ready;    /* connected */
    client_bell_fn *answered; /* client->answer is complete */
    client_bell_fn *told;     /* a line of a stream */
    void *context;
};

bool clients_open(struct clients *clients, const char *host, int port, size_t count);
void clients_close(struct clients *clients);

/* Waits at most so long, and handles what has happened. */
void clients_turn(struct clients *clients, int milliseconds);

/* Where it has no connection, it joins those that are about to get one. */
void client_come(struct clients *clients, struct client *client);

/* Closes its connection, whatever is under way. */
void client_hang_up(struct clients *clients, struct client *client);

/* It does not wait for an answer as a newcomer any more: what it asked may be held, and
 * as many as are arriving hold up all that come after them. */
void client_arrived(struct clients *clients, struct client *client);

/* Sends a request; false where the client can't ask now. */
bool client_ask(struct clients *clients, struct client *client, const char *text,
                size_t len);

#endif
