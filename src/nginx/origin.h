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
    const struct directive *polls; /* the block that sends clients here; NULL: unknown */
};

/* Whether fcgiwait's index comes with the location's answer for the error_page. */
bool origin_carries_index(const struct directive *location, const struct directive *page);

struct api origin_api(const struct directive *location);

/* The line of PROTOCOL_NAME that holds at the location. NULL: none. */
static inline const struct directive *
origin_setting(const struct directive *location, const struct api *api, const char *name)
{
    return find_setting_of(location, api->protocol, name);
}

/* Whether a line names a user to the API whom neither the cache's key nor what keeps his
 * answers out of it tells apart. */
bool user_is_left_out(const struct directive *location, const struct api *api);

/* The same where no line names one, and the client's own headers may. */
bool user_may_be_learnt(const struct directive *location, const struct api *api);

/* A key that is to be proposed, with the client's own headers in it, and what it still
 * lacks of those who are named to the API. */
const char *user_say_key(struct nginx_check *check, const struct directive *location,
                         const struct api *api, const char *key);

/* The rules of the cache; `polls` is the block that sends clients to it. */
void origin_check_cache(struct nginx_check *check, const struct directive *location,
                        const struct directive *polls);

#endif
