/* SPDX-License-Identifier: ISC */
/*
 * naming: which resources the API's answer names. Private to the service; pure.
 *
 * What an API writes in Location is a URL of its own; the web server may have another
 * name for it here: /posts/3 of the host a is /a/posts/3 where FCGIWAIT_RESOURCE is
 * $host$uri, and /api/posts/3 is /posts/3 where a location takes /api off. The written
 * request has both names, and they tell what is to be put in front or taken off.
 */
#ifndef FCGIWAIT_SERVICE_NAMING_H
#define FCGIWAIT_SERVICE_NAMING_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/text.h"

struct naming {
    struct text host;  /* of the request */
    struct text base;  /* the path that references are relative to */
    struct text front; /* what resources have in front of their URLs; or empty */
    struct text off;   /* what URLs have in front of their resources; or empty */
};

/* `resource` is what was written, `request_uri` as the client named it (`at` NULL: not
 * told). `bytes` has request_uri.len + 1 bytes, which the naming points into. */
void naming_of(struct naming *naming, struct text resource, struct text request_uri,
               struct text host, char *bytes);

/* The most bytes that a reference's path has. */
size_t naming_most(const struct naming *naming, struct text reference);

/* The resource that `reference` names (uri.h). `out` has naming_most() bytes. False: none
 * of this host. */
bool naming_resolve(const struct naming *naming, struct text reference, char *out,
                    struct text *path);

#endif
