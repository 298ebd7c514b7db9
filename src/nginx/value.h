/* SPDX-License-Identifier: ISC */
/*
 * nginx_value: what values of directives mean, and what their variables may hold.
 *
 * A variable is followed to the `set` lines that reach a place and to the rows of its
 * map or geo. Pure. Private to the check; any thread.
 */
#ifndef FCGIWAIT_NGINX_VALUE_H
#define FCGIWAIT_NGINX_VALUE_H

#include "fcgiwait/clock.h"
#include "conf.h"

bool value_is_on(const struct directive *directive); /* NULL: off */
bool value_contains(struct text value, struct text part);

/* Whether any value of the directive contains it. NULL: no. */
bool values_contain(const struct directive *directive, struct text part);

/* Whether one of its values is this, letter case aside. NULL: no. */
bool values_have(const struct directive *directive, struct text value);

/* "75", "75s", "1m30s", "500ms", "1h 30m": as nginx reads times. */
bool value_time(struct text value, nanos *span);

/* "8k", "1m", "4096": bytes, as nginx reads sizes. */
bool value_size(struct text value, uint64_t *size);

/* --- variables --- */

/* The name, without `$` or `${` and `}`, where the value is a variable and nothing else.
 */
bool value_variable(struct text value, struct text *name);

/* Up to the first variable that stands in it. */
struct text value_start(struct text value);

/* Whether `word` is `$name`, as `set`, `map` and `geo` write it. */
bool value_names(struct text word, struct text name);

/* Whether `$name` or `${name}` stands in the value; `name` without its dollar. */
bool value_mentions(struct text value, struct text name);

/* Takes the next variable that stands in the value off `rest`. False: there is none. */
bool value_next_variable(struct text *rest, struct text *name);

/* Whether the value depends on the variable: it stands there, or in the value of a `set`
 * on the levels around whose variable stands there, or a map that looks it up or gives it
 * makes one of those, and so on. */
bool value_depends(struct text value, const struct directive *level, struct text on);

typedef bool value_is_fn(void *context, struct text name);

/* The same, on a variable for which `is` says so. */
bool value_depends_where(struct text value, const struct directive *level,
                         value_is_fn *is, void *context);

/* Whether it depends on one of them; the list ends in an empty name. */
bool value_depends_on_any(struct text value, const struct directive *level,
                          const struct text *names);

/* The map or geo that makes the variable: of several nginx takes the last. NULL: none. */
const struct directive *value_map(const struct directive *level, struct text name);

/* The last `set $name` at the level, else at the nearest one around it. NULL: none. */
const struct directive *value_set(const struct directive *level, struct text name);

/* Whether a row of a map or geo is one, and not one of its settings. */
bool value_is_row(const struct directive *row);

/* Where the value is a variable and nothing else, what `set` on the nearest level gives
 * it, or the default of its map. Else the value itself. */
struct text find_variable(const struct directive *level, struct text value);

typedef bool value_each_fn(void *context, struct text value);

/* Calls `each` for every value that it may have at the level, until that returns true;
 * returns whether it did. What can't be followed is given as it stands, with its `$`. */
bool value_each(const struct directive *level, struct text value, value_each_fn *each,
                void *context);

#endif
