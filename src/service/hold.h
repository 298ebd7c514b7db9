/* SPDX-License-Identifier: ISC */
/*
 * hold: requests that wait for a change. Private to the service. Any thread that has the
 * request.
 */
#ifndef FCGIWAIT_SERVICE_HOLD_H
#define FCGIWAIT_SERVICE_HOLD_H

#include "read_plan.h"
#include "service_private.h"

/* True where the request was parked or answered; false where one of the targets has moved
 * on. The targets are only read before it returns. */
bool hold_until(struct service *service, struct request *request,
                const struct target *targets, size_t count,
                const struct operation *operation, const struct read_plan *plan)
    __attribute__((warn_unused_result));

/* A place among those that are held. False: there is none, and that was told. */
bool hold_take(struct service *service, struct request *request,
               const struct operation *operation) __attribute__((warn_unused_result));

/* A number from 0 to 1, by chance. */
double hold_luck(void);

/* A held request is held no more: gives its place back. */
void hold_leave(struct service *service, struct request *request);

#endif
