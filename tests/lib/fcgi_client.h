/* SPDX-License-Identifier: ISC */
/*
 * fcgi_client: FastCGI as a web server speaks it, record by record, so that a test can
 * say what nginx never would.
 *
 * `struct records` gathers bytes; nothing is sent before records_send(). Sockets block,
 * for some time at most.
 */
#ifndef TESTS_FCGI_CLIENT_H
#define TESTS_FCGI_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <fastcgi.h>

#include "http.h"
#include "stack.h"

struct records {
    char *at;
    size_t len, capacity;
};

void records_raw(struct records *records, const void *bytes, size_t len);
/* One record; at most 65,535 bytes of content. */
void records_add(struct records *records, int type, int id, const void *content,
                 size_t len);
void records_begin(struct records *records, int id, bool keeps);
/* Name, value, name, value, ..., NULL; and the empty record that ends them. */
void records_params(struct records *records, int id, const char *const *pairs);
/* A whole GET. `path` may have a query. */
void records_get(struct records *records, int id, bool keeps, const char *path);
/* A whole PUT of text. */
void records_put(struct records *records, int id, bool keeps, const char *path,
                 const char *body);
void records_free(struct records *records);

/* Not connected yet; nobody is waited for without end. */
int fcgi_socket(int family);
/* To the unix socket, or where the stack listens on TCP. */
int fcgi_connect(const struct stack *stack);
/* The latter, from an IPv4 address of ours. */
int fcgi_connect_from(const struct stack *stack, const char *address);

/* Sends all and empties. False: the other side has closed the connection. */
bool records_send(struct records *records, int fd);

/* The same; fails the test where it is closed. Frees. */
void fcgi_say(int fd, struct records *records);

/* Everything up to END_REQUEST for `id`. False: the connection ended before. Free the
 * answer in any case. */
bool fcgi_read_answer(int fd, int id, struct answer *answer);

/* The same; fails the test where it does not come, or has another status. */
void fcgi_must_hear(int fd, int id, long status);

/* One request on a connection of its own: name, value, ..., NULL. */
struct answer fcgi_ask(const struct stack *stack, const char *const *pairs);

/* Whether nothing comes within so many milliseconds, and the connection stays. */
bool fcgi_is_quiet(int fd, int milliseconds);

/* Whether the other side closes it, with nothing said before. */
bool fcgi_is_closed(int fd);

/* Whether it asks us to close it: an empty FCGI_STDERR record comes. */
bool fcgi_is_dismissed(int fd);

#endif
