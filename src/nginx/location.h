/* SPDX-License-Identifier: ISC */
/*
 * nginx_location: which requests come to a location block.
 *
 * Pure. Private to the check; any thread.
 */
#ifndef FCGIWAIT_OPS_NGINX_LOCATION_H
#define FCGIWAIT_OPS_NGINX_LOCATION_H

#include "find.h"

enum location_kind {
    LOCATION_PREFIX,
    LOCATION_EXACT,
    LOCATION_REGEX,
    LOCATION_NAMED /* @name: redirects come there, requests don't */
};

struct location {
    enum location_kind kind;
    struct text path; /* that all its requests begin with, as far as it can be told */
};

/* `block` is a location, or lies in one. */
struct location location_of(const struct directive *block);

/* What all paths that the regular expression matches begin with, as far as it can be
 * told:
 * "/" at least. */
struct text location_regex_start(struct text regex);

/* Whether it matches no path that begins with this one, as far as it can be told.
 * `any_case`: upper and lower case letters are the same. */
bool location_regex_misses(struct text regex, struct text path, bool any_case);

/* What the group of that name or number always begins with, where it is one that each
 * match goes through. Empty: it can't be told. */
struct text location_group_start(struct text regex, struct text group);

/* Whether its regular expression takes upper and lower case letters as the same. */
bool location_any_case(const struct directive *location);

/* Whether the path begins as all do that the location takes. */
bool location_begins(const struct directive *location, struct text path);

/* Whether its regular expression matches the path; a long one may. */
bool location_may_match(const struct directive *location, struct text path);

/* A path without the slash at its end, and whether another is that folder or lies in it.
 */
struct text location_folder(struct text path);
bool location_is_under(struct text path, struct text folder);

/* Whether a `rewrite` sends the client elsewhere, instead of going on here. */
bool location_is_redirect(const struct directive *rewrite);

/* What a value begins with that begins with a group of the regular expression. False: it
 * begins with none. */
bool location_starts_with_group(const struct directive *rewrite, struct text made,
                                struct text *start);

/* Whether a `rewrite` may make a path that begins with this one. */
bool location_may_be_made(const struct directive *rewrite, struct text path,
                          bool any_case);

/* The location through which requests come there: the block's own, or one that names it
 * where it is a named one. NULL: none. */
const struct directive *location_entrance(const struct directive *block);

/* The location of the server that serves this path, regular expressions aside. NULL:
 * none. */
const struct directive *location_serving(const struct directive *server,
                                         struct text path);

/* Whether it serves this path, other regular expressions aside. */
bool location_may_serve(const struct directive *location, struct text path);

/* Whether other locations leave it paths that begin so and go on. */
bool location_may_serve_from(const struct directive *location, struct text start);

/* The location that a name (@x) or a path leads to. NULL: none. */
const struct directive *location_led_to(const struct directive *server, struct text to);

/* All location blocks of the server, nested ones too: NULL begins, and ends. */
const struct directive *location_next(const struct directive *server,
                                      const struct directive *location);

#endif
