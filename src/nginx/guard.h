/* SPDX-License-Identifier: ISC */
/*
 * nginx_guard: who is let in at a place of the configuration. Private to the check; pure.
 */
#ifndef FCGIWAIT_NGINX_GUARD_H
#define FCGIWAIT_NGINX_GUARD_H

#include "find.h"

enum guard {
    GUARD_NONE,    /* everybody */
    GUARD_LISTEN,  /* nothing guards it but where its server listens: on loopback alone */
    GUARD_UNSURE,  /* something stands there, and whom it lets in can't be told */
    GUARD_MACHINE, /* whoever comes from this machine: a proxy on it, for everybody */
    GUARD_CLOSED   /* whoever has the right address or password, or nginx alone */
};

/* The strongest guard that stands at this block, a location or one within, for who wants
 * to publish. Of one that clients don't come to by themselves it is theirs, too, whom
 * other locations send there. */
enum guard guard_at(const struct directive *block);

/* The same, for who grants FCGIWAIT_ACCESS only to some: with this parameter. */
enum guard guard_of_grant(const struct directive *block, const struct directive *access);

/* Clients don't come there by themselves: it is `internal`, or a named location. */
bool guard_is_internal(const struct directive *block);

#endif
