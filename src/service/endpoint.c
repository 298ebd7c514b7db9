/* SPDX-License-Identifier: ISC */
/* endpoint: health, status and metrics, where the web server's configuration asks for
 * them. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "fcgiwait/status.h"

static void refresh(struct service *service)
{
    counter_set(&service->counters->resources, (int64_t)tree_resources(service->tree));
    counter_set(&service->counters->index, (int64_t)store_index(service->store));
}

void endpoint_serve(struct service *service, struct request *request,
                    const struct cgi *cgi)
{
    nanos uptime = clock_now().at - service->started.at;
    const char *type;
    char *bytes;
    size_t len;
    struct reply reply;
    refresh(service);
    if (!text_is(cgi->method, TEXT("GET")) && !request->head_only) {
        answer_refuse(service, request, 405, "This can only be read.",
                      "Allow: GET, HEAD\r\n");
        return;
    }
    if (text_is(cgi->endpoint, TEXT("health"))) {
        type = "text/plain; charset=utf-8";
        bytes = strdup("ok\n");
        len = 3;
    } else if (text_is(cgi->endpoint, TEXT("status"))) {
        type = "application/json";
        bytes = status_json(service->counters, uptime, &len);
    } else if (text_is(cgi->endpoint, TEXT("metrics"))) {
        type = "text/plain; version=0.0.4; charset=utf-8";
        bytes = metrics_text(service->counters, uptime, &len);
    } else {
        answer_refuse(
            service, request, 500,
            "FCGIWAIT_ENDPOINT in the web server's configuration must be health, status "
            "or metrics.",
            NULL);
        return;
    }
    reply_bytes(&reply, type, bytes, len, request->head_only);
    answer_deliver(service, request, &reply);
}
