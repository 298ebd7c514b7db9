/* SPDX-License-Identifier: ISC */
/* numbers: the counters, as they are now. Private to the service. Any thread. */
#ifndef FCGIWAIT_SERVICE_NUMBERS_H
#define FCGIWAIT_SERVICE_NUMBERS_H

#include "service_private.h"

/* The status as JSON, and the metrics (status.h); malloc'd. NULL: out of memory. */
char *numbers_status(struct service *service, size_t *len);
char *numbers_metrics(struct service *service, size_t *len);

#endif
