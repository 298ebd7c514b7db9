/* SPDX-License-Identifier: ISC */
/*
 * nginx_address: where a pass directive leads, and where a server listens.
 *
 * Pure. Private to the check; any thread.
 */
#ifndef FCGIWAIT_OPS_NGINX_ADDRESS_H
#define FCGIWAIT_OPS_NGINX_ADDRESS_H

#include "find.h"

#define HTTP_PORT 80 /* of a `listen` that names none */

struct address {
    struct text host; /* of a unix socket: its path; empty: every address */
    uint64_t port;
    bool is_unix;
};

/* "127.0.0.1:8080", "[::1]:8080", "name", "8080", "*:8080", "unix:/run/x". */
struct address address_parse(struct text value, uint64_t port);

/* Nobody but this machine gets there. */
bool address_is_local(const struct address *address);

bool address_is_same(const struct address *a, const struct address *b);

/* Whether a connection to `to` comes to who listens on `on`. */
bool address_reaches(const struct address *to, const struct address *on);

/* What stands behind proxy_pass or fastcgi_pass, in parts. */
struct target {
    struct text host;                 /* the upstream's name, or an address */
    struct text path;                 /* of proxy_pass; empty: none */
    uint64_t port;                    /* where the address has none */
    const struct directive *upstream; /* NULL: it is no upstream's name */
};
struct target target_of(const struct directive *pass);

typedef bool address_each_fn(void *context, const struct address *address);

/* Calls `each` for every address that it leads to, until that returns true. Returns
 * whether it did. A name with a variable in it leads nowhere. */
bool target_each(const struct target *target, address_each_fn *each, void *context);

/* The same for where the server listens. */
bool listen_each(const struct directive *server, address_each_fn *each, void *context);

/* An upstream beside the target's pass with its address among its servers. NULL: none. */
const struct directive *target_upstream(const struct target *target,
                                        const struct directive *pass);

/* Whether the socket of a `listen` has the word: all lines that name it count. */
bool listen_has(const struct directive *listen, struct text word);

/* Whether one of the addresses is one on which the server listens. */
bool target_reaches(const struct target *target, const struct directive *server);

#endif
