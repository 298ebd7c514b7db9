/* SPDX-License-Identifier: ISC */
/*
 * status: what the process says of itself: JSON for people and scripts, Prometheus text
 * for monitoring. Made from plain numbers; any thread.
 */
#ifndef FCGIWAIT_STATUS_H
#define FCGIWAIT_STATUS_H

#include <stddef.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/counters.h"
#include "fcgiwait/engine.h"

/* malloc'd, the caller's; NULL: out of memory. *len without the NUL. */
char *status_json(const struct counters *counters, const struct engine_report *engine,
                  nanos uptime, size_t *len);

/* Prometheus text exposition format, version 0.0.4. The same rules. */
char *metrics_text(const struct counters *counters, const struct engine_report *engine,
                   nanos uptime, size_t *len);

#endif
