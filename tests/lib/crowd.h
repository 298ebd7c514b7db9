/*
 * crowd: many HTTP clients of nginx on 127.0.0.1, in one thread and one epoll set.
 *
 * A client asks one thing at a time and keeps its connection. Answers are taken in by
 * crowd_turn() alone; between the calls they lie in the sockets.
 */
#ifndef TESTS_CROWD_H
#define TESTS_CROWD_H

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
    size_t len, room;
};

struct crowd {
    int port, epoll;
    size_t count;
    struct client *clients;
    size_t asking;       /* clients that wait for an answer now */
    size_t answers[600]; /* by status, since the start */
    size_t lost;         /* asked, and the connection ended without a whole answer */
};

/* All of them come, and connect. */
void crowd_open(struct crowd *crowd, int port, size_t count);
void crowd_close(struct crowd *crowd);

/* GET, from a client that is not asking; it connects where it has to. */
void client_ask(struct crowd *crowd, struct client *client, const char *path);
/* Closes its connection at once, whatever is under way. */
void client_hang_up(struct crowd *crowd, struct client *client);

/* All that are not asking ask. */
void crowd_ask(struct crowd *crowd, const char *path);
void crowd_hang_up(struct crowd *crowd);

/* Takes in what comes within so many milliseconds at most; returns early once something
 * came. */
void crowd_turn(struct crowd *crowd, int milliseconds);

/* Returns once everybody who asked has an answer. */
void crowd_await(struct crowd *crowd);

#endif
