/* SPDX-License-Identifier: ISC */
/* method: what a request wants to do (RFC 9110 section 9). Pure; any thread. */
#ifndef FCGIWAIT_METHOD_H
#define FCGIWAIT_METHOD_H

#include "fcgiwait/text.h"

enum method {
    METHOD_OTHER, /* none of those that mean something here */
    METHOD_GET,
    METHOD_HEAD,
    METHOD_OPTIONS,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_POST,
    METHOD_DELETE,
    METHOD_QUERY
};

/* Names are compared byte for byte (RFC 9110 section 9.1). */
enum method method_parse(struct text name);

/* Its name; of METHOD_OTHER, words for it. */
struct text method_name(enum method method);

#endif
