/* SPDX-License-Identifier: ISC */
/*
 * clients: many HTTP clients of nginx on 127.0.0.1, in one thread and one epoll set.
 *
 * A client asks one thing at a time and keeps its connection. Answers are taken in by
 * clients_turn() alone; between the calls they lie in the sockets.
 */
#ifndef TESTS_CLIENTS_H
#define TESTS_CLIENTS_H

#include <stddef.h>

enum client_state {
    CLIENT_AWAY, /* no connection */
    CLIENT_IDLE,
    CLIENT_ASKING
};

struct client {
    enum client_state state;
    int fd;
    long status;    /* of the last answer; 0: none since it asked */
    char index[24]; /* X-Polling-Index of the last answer that had one */
    char *inbox;    /* the answer so far, a string */
    size_t len, capacity;
};

struct clients {
    int port, epoll;
    size_t count;
    struct client *clients;
    size_t asking;       /* clients that wait for an answer now */
    size_t answers[600]; /* by status, since the start */
    size_t lost;         /* asked, and the connection ended without a whole answer */
};

/* All of them come, and connect. */
void clients_open(struct clients *clients, int port, size_t count);
void clients_close(struct clients *clients);

/* GET, from a client that is not asking; it connects where it has to. */
void client_ask(struct clients *clients, struct client *client, const char *path);
/* Closes its connection at once, whatever is under way. */
void client_hang_up(struct clients *clients, struct client *client);

/* All that are not asking ask. */
void clients_ask(struct clients *clients, const char *path);
void clients_hang_up(struct clients *clients);

/* Takes in what comes within so many milliseconds at most; returns early once something
 * came. */
void clients_turn(struct clients *clients, int milliseconds);

/* Returns once everybody who asked has an answer. */
void clients_await(struct clients *clients);

#endif
