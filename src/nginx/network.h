/* SPDX-License-Identifier: ISC */
/*
 * nginx_network: ranges of addresses, and what lists of them let in.
 *
 * Private to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_NETWORK_H
#define FCGIWAIT_NGINX_NETWORK_H

#include "find.h"

/* From the first to the last. Of IPv6 the upper half is enough: nobody gives less than a
 * /64 away. */
struct network {
    uint64_t first, last;
    bool is_six;
};

/* "10.0.0.0/8", "::1", "2001:db8::/32". False: it is something else. */
bool network_parse(struct text value, struct network *network);

/* It holds a share of the world that no office has: a /8, or a /16 of IPv6. */
bool network_is_world(const struct network *network);
bool network_is_loopback(const struct network *network);

/* Who passes. */
enum reach {
    REACH_NOBODY,
    REACH_MACHINE, /* who comes from this machine */
    REACH_SOME,    /* networks that somebody has named */
    REACH_WORLD
};

/* What the `allow` and `deny` on the nearest level that has one let in, for a server that
 * listens as this one does. False: there are none. */
bool network_reach(const struct directive *level, const struct directive *server,
                   enum reach *reach);

/* Addresses of clients can be had as one likes: any proxy's word for them is taken. */
bool network_is_forged(const struct directive *level);

#endif
