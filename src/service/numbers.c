/* SPDX-License-Identifier: ISC */
/* numbers: what is counted elsewhere is looked up when somebody asks for it. */
#include "numbers.h"

#include "fcgiwait/status.h"

static nanos uptime(const struct service *service)
{
    return clock_now().at - service->started.at;
}

static void refresh(struct service *service, struct engine_report *engine)
{
    store_engine(service->store, engine);
    counter_set(&service->counters->engine_lag, (int64_t)engine->lag);
    counter_set(&service->counters->changes, (int64_t)tree_changes(service->tree));
    counter_set(&service->counters->resources, (int64_t)tree_resources(service->tree));
    counter_set(&service->counters->index, (int64_t)store_index(service->store));
}

char *numbers_status(struct service *service, size_t *len)
{
    struct engine_report engine;
    refresh(service, &engine);
    return status_json(service->counters, &engine, uptime(service), len);
}

char *numbers_metrics(struct service *service, size_t *len)
{
    struct engine_report engine;
    refresh(service, &engine);
    return metrics_text(service->counters, &engine, uptime(service), len);
}
