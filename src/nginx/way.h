/* SPDX-License-Identifier: ISC */
/*
 * nginx_way: the ways on which a client's request comes to fcgiwait.
 *
 * A way is a location that passes requests on: with fastcgi_pass to fcgiwait itself, or
 * with proxy_pass to a server of the same dump that does. Private to the check; pure.
 */
#ifndef FCGIWAIT_OPS_NGINX_WAY_H
#define FCGIWAIT_OPS_NGINX_WAY_H

#include "address.h"
#include "location.h"

struct way {
    const struct directive *pass;  /* the directive */
    const struct directive *block; /* that it stands in: location, if, limit_except */
    const struct directive *server;
    struct target target;
    struct text protocol; /* "fastcgi" or "proxy": what its directives begin with */
    nanos wait;           /* the longest that a request is held on it; 0: none is */
    const struct directive *publish; /* what grants publishing on it; NULL: nothing */
    struct way *next;
};

/* All ways in the configuration; in its arena, where one that is used up ends the list
 * early. `wait_max` is fcgiwait's own. */
struct way *ways_find(struct nginx_conf *conf, nanos wait_max);

static inline bool way_is_proxy(const struct way *way)
{
    return text_is(way->protocol, TEXT("proxy"));
}

/* The whole configuration that a directive is part of. */
const struct directive *root_of(const struct directive *directive);

#endif
