/* SPDX-License-Identifier: ISC */
/*
 * chain: proxies of other makes in front of the stack's nginx, each with lines of the
 * test's own in its configuration: what a client's request goes through in real places.
 */
#ifndef TESTS_CHAIN_H
#define TESTS_CHAIN_H

#include "stack.h"

enum hop_kind {
    HOP_NGINX,
    HOP_NGINX_TLS, /* HTTP/2, with a certificate that CURL_CA_BUNDLE then names */
    HOP_HAPROXY,
    HOP_HAPROXY_TCP,
    HOP_APACHE,
    HOP_LIGHTTPD,
    HOP_VARNISH
};

#define CHAIN_MOST 8

struct chain {
    const struct stack *stack;
    int port; /* of the outermost */
    bool is_secure;
    size_t count;
    pid_t hops[CHAIN_MOST];
};

/* Begins with the stack alone. */
void chain_open(struct chain *chain, const struct stack *stack);

/* One more in front. `lines` stand where faults are planted: nginx: in the location,
 * with TLS in the server; HAProxy: in the backend; Apache: in the server; lighttpd: in
 * the host's table of proxy.server, and with a newline first: at the top; Varnish: the
 * whole of its subroutines. "" makes a good one. */
void chain_add(struct chain *chain, enum hop_kind kind, const char *lines);

void chain_close(struct chain *chain);

/* Whether the program is installed. */
bool chain_can(enum hop_kind kind);

#endif
