/* SPDX-License-Identifier: ISC */
/* endpoint: health, status, metrics and the live page, where the web server's
 * configuration asks for them. */
#include <stdlib.h>
#include <string.h>

#include "deliver.h"
#include "live.h"
#include "numbers.h"

void endpoint_serve(struct service *service, struct request *request,
                    const struct operation *operation)
{
    const char *type = NULL;
    char *bytes = NULL;
    size_t len = 0;
    struct reply reply;
    if (operation->method != METHOD_GET && operation->method != METHOD_HEAD) {
        deliver_problem(service, request, 405, "This can only be read.",
                        "Allow: GET, HEAD\r\n");
        return;
    }
    if (operation->endpoint == ENDPOINT_HEALTH && !store_answers(service->store)) {
        deliver_problem(service, request, 503, "The store's engine does not answer.",
                        "Retry-After: 5\r\n");
        return;
    }
    switch (operation->endpoint) {
    case ENDPOINT_HEALTH:
        type = "text/plain; charset=utf-8";
        bytes = strdup("ok\n");
        len = 3;
        break;
    case ENDPOINT_STATUS:
        type = "application/json";
        bytes = numbers_status(service, &len);
        break;
    case ENDPOINT_METRICS:
        type = "text/plain; version=0.0.4; charset=utf-8";
        bytes = numbers_metrics(service, &len);
        break;
    case ENDPOINT_PAGE:
        live_serve(service, request, operation);
        return;
    case ENDPOINT_NONE:
    case ENDPOINT_UNKNOWN:
        deliver_problem(service, request, 500,
                        "FCGIWAIT_ENDPOINT in the web server's configuration must be "
                        "health, status, metrics or page.",
                        NULL);
        return;
    }
    reply_bytes(&reply, type, bytes, len, request->head_only);
    deliver_reply(service, request, &reply);
}
