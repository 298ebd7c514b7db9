/* SPDX-License-Identifier: ISC */
/*
 * postgres_template: a URL's path with the columns of a row in it, as "/posts/{id}".
 * Private to the PostgreSQL store; pure but for memory.
 *
 * Outside braces it is a URL's path, percent-encoded or not. In them stands a column's
 * name as the catalogue has it; in double quotes where a brace is part of it. "/ *" at
 * the end, without the space, means everything at and below what is before it.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_TEMPLATE_H
#define FCGIWAIT_STORE_POSTGRES_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "fcgiwait/text.h"
#include "postgres_output.h"

/* `literal`, and behind it the value of a column, but for the last part, which may have
 * none. */
struct postgres_part {
    struct text literal;
    char *column; /* or NULL */
    size_t place; /* of its value; whoever has the values sets it */
};

struct postgres_template {
    char *source; /* what the literals point into */
    struct postgres_part *parts;
    size_t count;
    bool below;    /* it ends in a star */
    bool optional; /* a row that has NULL here has no such path. The owner's */
};

/* The name in front of `rest`, which ends before `end` or with the text: as it is, or in
 * double quotes, in which two of them stand for one. `out` has rest->len + 1 bytes, and
 * gets it with a NUL. False: no such name. */
bool postgres_name_take(struct text *rest, char end, char *out);

extern const char postgres_no_memory[];

/* NULL; or what is wrong, or postgres_no_memory. */
const char *postgres_template_read(struct postgres_template *template,
                                   const char *source);
void postgres_template_dispose(struct postgres_template *template);

/* What paths are made in. All zero: empty. */
struct postgres_room {
    char *url, *path;
    size_t capacity; /* of each */
};
void postgres_room_free(struct postgres_room *room);

/* The path, with `values` by place; POSTGRES_UNCHANGED is a value that is not known
 * (postgres_table.h says what becomes of such). `path` is in `room`, until the next call;
 * empty: the row has no such path. False: out of memory. */
bool postgres_template_fill(const struct postgres_template *template,
                            const struct postgres_value *values,
                            struct postgres_room *room, struct text *path, bool *below);

#endif
