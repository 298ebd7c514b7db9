/* SPDX-License-Identifier: ISC */
/*
 * params: the parameters of one request: name-value pairs (FastCGI 1.0, section 3.4),
 * gathered piece by piece and decoded once they are all there. Private to the front, and
 * the only door to libfcgi. Belongs to one thread at a time.
 *
 * libfcgi decodes them: that is a choice of the project, not of speed, and stays. A pass
 * of our own over the same bytes would take a plain GET from 15,000 instructions to 6,000
 * here; of what a GET through nginx costs in all that is a small part.
 */
#ifndef FCGIWAIT_FRONT_PARAMS_H
#define FCGIWAIT_FRONT_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/cgi.h"

/* Once, from main, before the first decoding. */
bool params_open(void);

struct params;

/* NULL: out of memory. */
struct params *params_new(void);
void params_free(struct params **params);

/* Forgets what was gathered and decoded, keeps the buffer. */
void params_reset(struct params *params);

/* False: out of memory. */
bool params_add(struct params *params, struct text bytes)
    __attribute__((warn_unused_result));

/* Fills in `cgi` with what was gathered; it points into `params` until the next reset.
 * More than 64 KiB are not kept: cgi->too_long then, and nothing else. NULL, or what is
 * wrong. */
const char *params_decode(struct params *params, struct cgi *cgi);

/* A length of a name or a value: one byte, or four with the top bit set. False: there is
 * none. */
bool params_take_length(struct text *rest, size_t *len);

#endif
