/* SPDX-License-Identifier: ISC */
/*
 * ndjson: a JSON object a line (application/x-ndjson). Private to the service; pure
 * framing.
 */
#ifndef FCGIWAIT_SERVICE_NDJSON_H
#define FCGIWAIT_SERVICE_NDJSON_H

#include "fcgiwait/telling.h"

/* An empty line: the connection is known to live. */
#define NDJSON_HEARTBEAT "\n"

/* What a client is to drop before it reads on. */
#define NDJSON_RESET "{\"reset\": true}\n"

void ndjson_change(struct telling *telling, const struct told *told);

/* All that was missed has been told. */
void ndjson_current(struct telling *telling, uint64_t index);

#endif
