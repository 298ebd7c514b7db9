/* SPDX-License-Identifier: ISC */
/*
 * nginx_access: whom nginx lets in where it answers: `allow` and `deny`, passwords and
 * the like, certificates, limit_except. Conditions (`if`) are guard.c's. Private to the
 * check; pure.
 */
#ifndef FCGIWAIT_NGINX_ACCESS_H
#define FCGIWAIT_NGINX_ACCESS_H

#include "stranger.h"

/* Who gets in at the block with a method that publishes. */
enum who access_who(const struct directive *block);

/* Lua that decides who is let in: it counts as a guard, unread. NULL: none. */
const struct directive *access_lua(const struct directive *block);

#endif
