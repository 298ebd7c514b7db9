/* SPDX-License-Identifier: ISC */
/*
 * deliver: replies to a request, made, counted and handed over. Private to the service.
 * Any thread that has the request; afterwards it is the reader's again.
 */
#ifndef FCGIWAIT_SERVICE_DELIVER_H
#define FCGIWAIT_SERVICE_DELIVER_H

#include "service_private.h"

/* Counts a reply that is handed over in another way. */
void deliver_count(struct service *service, struct request *request,
                   const struct reply *reply);

/* Counts the reply and hands it over. */
void deliver_reply(struct service *service, struct request *request, struct reply *reply);

/* An error; `extra` is a header line that ends in CRLF, or NULL. */
void deliver_problem(struct service *service, struct request *request, int status,
                     const char *detail, const char *extra);

/* The state as it is: the document, 404, the way to the origin, or what its feed tells.
 */
void deliver_present(struct service *service, struct request *request,
                     const struct present *present);

/* builder_build_fn: what its feed tells, however long it is. */
void deliver_built(struct service *service, struct request *request);

/* To the origin, which is all that we know of it. */
void deliver_passed(struct service *service, struct request *request);

/* 304: still at request->index. */
void deliver_unchanged(struct service *service, struct request *request);

/* To try again: no more are held (503), or of this client (429); no memory (503). */
void deliver_full(struct service *service, struct request *request);
void deliver_client_full(struct service *service, struct request *request);
void deliver_no_memory(struct service *service, struct request *request);
void deliver_unreached(struct service *service, struct request *request); /* the engine */

/* What was kept for a reply that will not be given. */
void deliver_forget(struct request *request);

#endif
