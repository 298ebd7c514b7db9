/* SPDX-License-Identifier: ISC */
/*
 * nginx_stranger: who can make a variable or a condition what it has to be.
 *
 * A stranger sends any method that publishes, any header, cookie or argument, from any
 * address; but he knows no secret, has no certificate and no address that is named.
 * Private to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_STRANGER_H
#define FCGIWAIT_NGINX_STRANGER_H

#include "find.h"

enum who {
    WHO_NOBODY,
    WHO_KNOWER,  /* of a secret, or with the right address or certificate */
    WHO_MACHINE, /* who comes from this machine */
    WHO_UNSURE,  /* it can't be told */
    WHO_ANYBODY
};

static inline enum who who_most(enum who a, enum who b)
{
    return a > b ? a : b;
}

static inline enum who who_least(enum who a, enum who b)
{
    return a < b ? a : b;
}

/* Who can make the value this one. */
enum who who_makes(const struct directive *level, struct text value, struct text wanted);

/* Whether the `if` compares the variable itself, and this value does. */
bool condition_meets(const struct directive *condition, struct text name,
                     struct text value);

/* Whether the `if` is about the path, and no path that begins with this one meets it, as
 * far as it can be told. */
bool condition_misses(const struct directive *condition, struct text path, bool any_case);

/* Whether the `if` asks for this path, and no other. */
bool condition_is_path(const struct directive *condition, struct text *path);

/* Who gets into the block of an `if`, and who gets past it. */
enum who who_enters(const struct directive *condition);
enum who who_passes(const struct directive *condition);

#endif
