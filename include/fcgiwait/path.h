/* SPDX-License-Identifier: ISC */
/*
 * path: what names a resource. `/`, or `/a/b/c`: segments that are not empty.
 *
 * Paths come decoded from the web server (RFC 3875 sections 4.1.5 and 4.1.13), so any
 * byte but control characters may stand in them. Pure; any thread. A path points into
 * somebody else's bytes.
 */
#ifndef FCGIWAIT_PATH_H
#define FCGIWAIT_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/text.h"

/* No configuration lets a path be longer. */
#define PATH_LENGTH_MAX 65535

/* NULL when `t` is a path of at most `most` bytes; else one sentence that says what is
 * wrong and what would be right. Refused: empty, no leading `/`, control characters
 * (below 0x20, and 0x7f), empty segments (`//`), `.` and `..` segments, too long. A
 * trailing `/` is allowed and names another resource than without it. */
const char *path_check(struct text t, size_t most);

/* Whether a path may go on with `t` behind a slash, without leading out of where it is:
 * "a/b", "a/", never empty. */
bool path_is_end(struct text t);

/* Without the slash at its end, but the root's. /posts/ is often the same list as /posts,
 * and what belongs to it lies below the latter. */
struct text path_without_slash(struct text t);

/* The path that `t` lies below: "/a/b" -> "/a" -> "/" -> empty, "/a/" -> "/a". */
struct text path_parent(struct text t);

#endif
