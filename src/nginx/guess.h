/* SPDX-License-Identifier: ISC */
/*
 * nginx_guess: what a stranger's request makes of nginx's own variables, found by trying.
 *
 * Private to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_GUESS_H
#define FCGIWAIT_NGINX_GUESS_H

#include "pattern.h"
#include "stranger.h"

/* What a value has to be. */
struct wish {
    enum {
        WISH_IS,
        WISH_MATCHES,
        WISH_TRUE /* neither empty nor 0 */
    } kind;
    bool is_not, any_case;
    struct text with;
};

enum matched guess_fulfils(const struct wish *wish, struct text value);

enum source {
    SOURCE_UNKNOWN,
    SOURCE_PUBLIC, /* anybody makes it anything */
    SOURCE_METHOD,
    SOURCE_ADDRESS,
    SOURCE_SECRET,      /* anything, but for a secret */
    SOURCE_CERTIFICATE, /* empty to strangers, where it is verified */
    SOURCE_VERIFIED     /* "NONE" to strangers; "FAILED:..." where it is not */
};

/* What the variable is made of. */
enum source guess_source(struct text name);

/* Whether the client says himself which address that is: a header does, at the level. */
bool guess_is_forged(const struct directive *level, struct text name);

/* The methods that publish; an empty one ends them. */
extern const struct text guess_methods[];

/* Who can make the variable do, as it is when the level's lines run. */
enum who guess_variable(const struct directive *level, struct text name,
                        const struct wish *wish);

/* WHO_ANYBODY or WHO_NOBODY, as the constant does or not; WHO_UNSURE. */
enum who guess_constant(const struct wish *wish, struct text value);

#endif
