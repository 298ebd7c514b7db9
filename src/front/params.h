/*
 * params: the parameters of one request: name-value pairs (FastCGI 1.0, section 3.4),
 * gathered piece by piece and decoded in place once they are all there. Private to the
 * front. Belongs to one thread at a time.
 *
 * libfcgi decodes them as well, but allocates each of them and three stream buffers for
 * every request: half of all that a plain GET costed. What it makes of them is what we
 * make of them (tests/unit/front/params.c).
 */
#ifndef FCGIWAIT_FRONT_PARAMS_H
#define FCGIWAIT_FRONT_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/cgi.h"

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
 * More than 64 KiB are not kept: cgi->too_long then, and nothing else. NULL, or what is
 * wrong, and then `cgi` says nothing. */
const char *params_decode(const struct params *params, struct cgi *cgi);

/* A length of a name or a value: one byte, or four with the top bit set. False: there is
 * none. */
bool params_take_length(struct text *rest, size_t *len);

#endif
