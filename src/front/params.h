/* SPDX-License-Identifier: ISC */
/*
 * params: the parameters of one request: name-value pairs (FastCGI 1.0, section 3.4),
 * gathered piece by piece and decoded once they are all there. Private to the front.
 * Belongs to one thread at a time.
 */
#ifndef FCGIWAIT_FRONT_PARAMS_H
#define FCGIWAIT_FRONT_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/cgi.h"

/* More than so many bytes of parameters are not kept. */
#define PARAMS_MOST 65535

struct params;

/* NULL: out of memory. */
struct params *params_new(void);
void params_free(struct params **params);

/* Forgets what was gathered, keeps the buffer. */
void params_reset(struct params *params);

/* False: out of memory. */
bool params_add(struct params *params, struct text bytes)
    __attribute__((warn_unused_result));

/* Fills in `cgi` with what was gathered; it points into `params` until the next reset.
 * Where it was more than PARAMS_MOST: cgi->too_long, and nothing else. False: these are
 * no name-value pairs. */
bool params_decode(const struct params *params, struct cgi *cgi);

/* The decoding itself is pure. Takes the first pair off `rest`. False: there is no whole
 * one, or its name has a NUL in it. A value may have: nginx's $binary_remote_addr. */
bool params_take_pair(struct text *rest, struct text *name, struct text *value);

/* A length of a name or a value: one byte, or four with the top bit set. False: there is
 * none. */
bool params_take_length(struct text *rest, size_t *len);

#endif
