/* SPDX-License-Identifier: ISC */
/*
 * trace: what becomes of each request, a line for each step, where log_level is "debug".
 * Private to the service; any thread, no locks held. At any other level it costs a
 * comparison.
 */
#ifndef FCGIWAIT_SERVICE_TRACE_H
#define FCGIWAIT_SERVICE_TRACE_H

#include "fcgiwait/request.h"
#include "operation.h"

void trace_asked(const struct request *request, const struct operation *operation);
void trace_held(const struct request *request, struct instant deadline);
/* With the index that the reply tells: the change's, in every process that tells it. */
void trace_replied(const struct request *request, const struct reply *reply);
void trace_stream_ended(const struct request *request);
void trace_hung_up(const struct request *request);

#endif
