/* endpoint: health, status and metrics, where the web server's configuration asks for
 * them. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "fcgiwait/status.h"

static void refresh(struct desk *desk)
{
    counter_set(&desk->counters->resources, (int64_t)tree_resources(desk->tree));
    counter_set(&desk->counters->index, (int64_t)store_index(desk->store));
}

void endpoint_serve(struct desk *desk, struct request *request, const struct cgi *cgi)
{
    nanos uptime = clock_now().at - desk->started.at;
    const char *type;
    char *bytes;
    size_t len;
    struct reply reply;
    refresh(desk);
    if (!text_is(cgi->method, TEXT("GET")) && !request->head_only) {
        answer_refuse(desk, request, 405, "This can only be read.",
                      "Allow: GET, HEAD\r\n");
        return;
    }
    if (text_is(cgi->endpoint, TEXT("health"))) {
        type = "text/plain; charset=utf-8";
        bytes = strdup("ok\n");
        len = 3;
    } else if (text_is(cgi->endpoint, TEXT("status"))) {
        type = "application/json";
        bytes = status_json(desk->counters, uptime, &len);
    } else if (text_is(cgi->endpoint, TEXT("metrics"))) {
        type = "text/plain; version=0.0.4; charset=utf-8";
        bytes = metrics_text(desk->counters, uptime, &len);
    } else {
        answer_refuse(
            desk, request, 500,
            "FCGIWAIT_ENDPOINT in the web server's configuration must be health, status "
            "or metrics.",
            NULL);
        return;
    }
    reply_bytes(&reply, type, bytes, len, request->head_only);
    answer_deliver(desk, request, &reply);
}
