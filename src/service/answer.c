/* SPDX-License-Identifier: ISC */
#include "answer.h"

#include <stdlib.h>

static _Atomic int64_t *counter_of(struct counters *counters, int status)
{
    switch (status) {
    case 200:
        return &counters->answers_200;
    case 304:
        return &counters->answers_304;
    case 404:
        return &counters->answers_404;
    default:
        return &counters->answers_other;
    }
}

void answer_forget(struct request *request)
{
    free(request->target);
    request->target = NULL;
}

void answer_deliver(struct service *service, struct request *request, struct reply *reply)
{
    counter_add(counter_of(service->counters, reply->status), 1);
    answer_forget(request);
    request->deliver(request, reply);
}

void answer_refuse(struct service *service, struct request *request, int status,
                   const char *detail, const char *extra)
{
    struct reply reply;
    reply_problem(&reply, &(struct problem){status, detail}, extra, request->head_only);
    answer_deliver(service, request, &reply);
}

static struct reply_options options_for(struct service *service,
                                        const struct request *request)
{
    return (struct reply_options){.cache_control = service_rules(service)->cache_control,
                                  .head_only = request->head_only,
                                  .applied = request->applied};
}

void answer_present(struct service *service, struct request *request,
                    const struct present *present)
{
    struct reply reply;
    struct reply_options options = options_for(service, request);
    if (request->target != NULL) {
        reply_redirect(&reply, present->index, request->target, &options);
        request->target = NULL; /* the reply's now */
    } else {
        reply_present(&reply, present, &options);
    }
    answer_deliver(service, request, &reply);
}

void answer_unchanged(struct service *service, struct request *request)
{
    struct reply reply;
    struct reply_options options = options_for(service, request);
    reply_unchanged(&reply, request->index, &options);
    answer_deliver(service, request, &reply);
}

void answer_busy(struct service *service, struct request *request, const char *detail)
{
    counter_add(&service->counters->refused, 1);
    answer_refuse(service, request, 503, detail, "Retry-After: 5\r\n");
}
