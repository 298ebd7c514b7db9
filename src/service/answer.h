/* SPDX-License-Identifier: ISC */
/*
 * answer: replies to a request, counted and delivered. Private to the service. Any thread
 * that has the request; afterwards it is the reader's again.
 */
#ifndef FCGIWAIT_SERVICE_ANSWER_H
#define FCGIWAIT_SERVICE_ANSWER_H

#include "service_private.h"

/* Counts the reply and delivers it. */
void answer_deliver(struct service *service, struct request *request,
                    struct reply *reply);

/* Delivers an error; `extra` is a header line that ends in CRLF, or NULL. */
void answer_refuse(struct service *service, struct request *request, int status,
                   const char *detail, const char *extra);

/* The state as it is: the document, 404, or the way to the origin. */
void answer_present(struct service *service, struct request *request,
                    const struct present *present);

/* 304: still at request->index. */
void answer_unchanged(struct service *service, struct request *request);

/* 503, to try again. */
void answer_busy(struct service *service, struct request *request, const char *detail);

/* What was kept for an answer that will not be given. */
void answer_forget(struct request *request);

#endif
