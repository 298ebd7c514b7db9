/* SPDX-License-Identifier: ISC */
/*
 * listener: the listening socket, and who may connect to it. Private to the front; main's
 * thread.
 */
#ifndef FCGIWAIT_FRONT_LISTENER_H
#define FCGIWAIT_FRONT_LISTENER_H

#include <stdbool.h>

enum accepted {
    ACCEPTED,      /* *fd is a new connection */
    ACCEPTED_NONE, /* nobody is waiting */
    ACCEPTED_LACK  /* descriptors or memory ran out, or worse (errno): later */
};

struct listener {
    int fd;
    const char *addresses; /* NULL: anybody */
    bool is_tcp;
};

/* Makes the socket non-blocking, and its queue so long, or, 0, as long as the system
 * allows: a web server that finds it full answers 502 at once. False: not a listening
 * socket (errno). */
bool listener_open(struct listener *listener, int fd, int queue, const char *addresses);

/* Turns away, without a word, whom FCGI_WEB_SERVER_ADDRS does not name. On TCP, the
 * connection of one that vanishes breaks within two minutes of silence, and so does that
 * of one that takes nothing of what it is sent for so long. */
enum accepted listener_accept(const struct listener *listener, int *fd);

#endif
