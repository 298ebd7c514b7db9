/* SPDX-License-Identifier: ISC */
/*
 * nginx_find: what holds at a place of the configuration.
 *
 * Pure, over the tree of conf.h. Private to the check; any thread.
 */
#ifndef FCGIWAIT_NGINX_FIND_H
#define FCGIWAIT_NGINX_FIND_H

#include "value.h"

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

/* The http block around it, or the stream block: what names in it are known in. NULL:
 * none. */
const struct directive *find_realm(const struct directive *at);

/* All directives within `root`, one after the other, blocks before what is in them. NULL
 * behind the last one. */
const struct directive *find_next(const struct directive *root,
                                  const struct directive *at);

/* The upstream block of that name beside the servers of `level`. NULL: none. */
const struct directive *find_upstream(const struct directive *level, struct text name);

/* The add_header of that name that holds at `level`; nginx sends none that is empty.
 * NULL: none. */
const struct directive *find_header(const struct directive *level, struct text name);

/* The error_page that holds at `level` for a status. NULL: none. */
const struct directive *find_page(const struct directive *level, struct text status);

/* The fastcgi_param that holds at `level`: fcgiwait takes the first of each name. NULL:
 * it is not set. */
const struct directive *find_param_line(const struct directive *level, struct text name);

/* Its value; empty where it is not set. */
struct text find_param(const struct directive *level, struct text name);

#endif
