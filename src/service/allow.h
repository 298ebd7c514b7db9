/* SPDX-License-Identifier: ISC */
/*
 * allow: the methods that a location grants (RFC 9110 section 10.2.1). Private to the
 * service; pure.
 */
#ifndef FCGIWAIT_SERVICE_ALLOW_H
#define FCGIWAIT_SERVICE_ALLOW_H

#include "operation.h"
#include "service_private.h"

/* That the resource can be given a document. */
bool allow_documents(const struct service *service, const struct operation *operation);

/* The header's line with its CRLF; lasts for ever. */
const char *allow_line(const struct service *service, const struct operation *operation);

#endif
