/* SPDX-License-Identifier: ISC */
/*
 * follow: GET, HEAD and QUERY of everything below a path (FCGIWAIT_SCOPE below). Private
 * to the service.
 */
#ifndef FCGIWAIT_SERVICE_FOLLOW_H
#define FCGIWAIT_SERVICE_FOLLOW_H

#include "service_private.h"

/* Gives the request its feed. False: it can't be one, and that was told. */
bool follow_begin(struct service *service, struct request *request,
                  const struct operation *operation);

#endif
