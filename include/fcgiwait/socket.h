/* SPDX-License-Identifier: ISC */
/*
 * socket: a listening socket of our own (option -s), where neither spawn-fcgi nor systemd
 * gives one: in containers, and to try things out.
 *
 * Owns the descriptor, and the file of a unix socket until socket_close(). Main thread.
 */
#ifndef FCGIWAIT_SOCKET_H
#define FCGIWAIT_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

struct socket {
    int fd;
    int queue;  /* the length that was asked for; 0: none was */
    char *path; /* of a unix socket; NULL: TCP, or none of ours */
    /* of that file; another one may get its inode */
    dev_t device;
    ino_t inode;
    struct timespec made;
};

/* `address` is PATH, PATH:BACKLOG, HOST:PORT or :PORT; a path has a slash in it. False
 * with `error` filled in, and nothing to close. A socket file that nobody serves is
 * replaced; one that somebody serves, or a file of another kind, is left as it is. */
bool socket_open(struct socket *socket, const char *address, char *error, size_t capacity)
    __attribute__((warn_unused_result));

/* Closes the descriptor: who comes later is refused. */
void socket_refuse(struct socket *socket);

/* Removes the socket's file where it is still ours. */
void socket_close(struct socket *socket);

#endif
