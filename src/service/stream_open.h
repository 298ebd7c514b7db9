/* SPDX-License-Identifier: ISC */
/* stream_open: whether a reader gets a stream, and which. Private to the service. */
#ifndef FCGIWAIT_SERVICE_STREAM_OPEN_H
#define FCGIWAIT_SERVICE_STREAM_OPEN_H

#include "service_private.h"

/* Answers with a stream, if the client wants one, or with 406, if it takes nothing that
 * can be given. False: it wants what a GET gives, or takes that, too, or a condition that
 * it has does not hold, which is answered as of any GET.
 * `present` is the state now, as its feed saw it if it has one, and `span` was looked at
 * after it. */
bool stream_serve(struct service *service, struct request *request,
                  const struct operation *operation, const struct tree_span *span,
                  const struct present *present);

/* The store's engine does not answer. A client that wants events is told to come back,
 * with a stream that says nothing else: any other status would end an EventSource for
 * good. One that wants lines gets a 503. False: it wants no stream. */
bool stream_unreached(struct service *service, struct request *request,
                      const struct operation *operation);

#endif
