/* SPDX-License-Identifier: ISC */
/*
 * media: media types (RFC 9110 section 8.3.1), parameters aside. Pure; any thread.
 */
#ifndef FCGIWAIT_MEDIA_H
#define FCGIWAIT_MEDIA_H

#include <stdbool.h>

#include "fcgiwait/text.h"

/* Whether a Content-Type is `essence` ("text/plain"), in any letter case. */
bool media_is(struct text type, struct text essence);

/* application/json, and every type that ends in +json (RFC 6839). */
bool media_is_json(struct text type);

#endif
