/* SPDX-License-Identifier: ISC */
/* numbers: the counters, as they are now. Private to the service. Any thread. */
#ifndef FCGIWAIT_SERVICE_NUMBERS_H
#define FCGIWAIT_SERVICE_NUMBERS_H

#include "service_private.h"

/* Sets those that are counted elsewhere, and tells how the engine is. */
void numbers_refresh(struct service *service, struct engine_report *engine);

/* The status, malloc'd JSON. NULL: out of memory. */
char *numbers_status(struct service *service, size_t *len);

#endif
