/* SPDX-License-Identifier: ISC */
/*
 * nginx_origin: the internal locations that FCGIWAIT_ORIGIN redirects to, what they ask,
 * and the cache that lies over it. Private to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_ORIGIN_H
#define FCGIWAIT_NGINX_ORIGIN_H

#include "rules.h"

/* fcgiwait's answer, until the API's takes its place. */
#define ORIGIN_OUR_HEADER TEXT("upstream_http_x_polling_index")

/* What an origin location passes requests on with, and what its cache is called. */
struct api {
    const struct directive *pass; /* NULL: files */
    struct text protocol;
};

/* Whether fcgiwait's index comes with each answer of the location, whatever its status.
 */
bool origin_carries_index(const struct directive *location);

struct api origin_api(const struct directive *location);

/* The rules of the cache. */
void origin_check_cache(struct nginx_check *check, const struct directive *location);

#endif
