/* SPDX-License-Identifier: ISC */
/*
 * nginx_find: what holds at a place of the configuration, and what values mean.
 *
 * Pure, over the tree of conf.h. Private to the check; any thread.
 */
#ifndef FCGIWAIT_OPS_NGINX_FIND_H
#define FCGIWAIT_OPS_NGINX_FIND_H

#include "fcgiwait/clock.h"
#include "conf.h"

bool directive_is(const struct directive *directive, struct text name);

/* The i-th value, from 1; empty where there are not so many. */
struct text directive_value(const struct directive *directive, size_t i);

/* The first of that name inside the block, and the next one beside it. NULL: none. */
const struct directive *find_inside(const struct directive *block, struct text name);
const struct directive *find_again(const struct directive *directive);

/* The first of that name on the nearest level that has one: `level` itself or a block
 * around it. That is how nginx inherits, values and lists alike. NULL: none. */
const struct directive *find_setting(const struct directive *level, struct text name);

/* The same for PROTOCOL_NAME, as in proxy_read_timeout. */
const struct directive *find_setting_of(const struct directive *level,
                                        struct text protocol, const char *name);

/* The block of that name that `at` is or lies in. NULL: none. */
const struct directive *find_around(const struct directive *at, struct text name);

/* All directives within `root`, one after the other, blocks before what is in them. NULL
 * behind the last one. */
const struct directive *find_next(const struct directive *root,
                                  const struct directive *at);

/* The upstream block of that name beside the servers of `level`. NULL: none. */
const struct directive *find_upstream(const struct directive *level, struct text name);

/* A fastcgi_param that holds at `level`; empty where it is not set. */
struct text find_param(const struct directive *level, struct text name);

/* Where the value is a variable and nothing else, what `set` on the nearest level gives
 * it, or the default of its map. Else the value itself. */
struct text find_variable(const struct directive *level, struct text value);

/* --- values --- */

bool value_is_on(const struct directive *directive); /* NULL: off */
bool value_contains(struct text value, struct text part);

/* Whether any value of the directive contains it. NULL: no. */
bool values_contain(const struct directive *directive, struct text part);

/* "75", "75s", "1m30s", "500ms", "1h 30m": as nginx reads times. */
bool value_time(struct text value, nanos *span);

#endif
