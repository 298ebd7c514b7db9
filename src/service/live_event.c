/* SPDX-License-Identifier: ISC */
/*
 * What the live page is told: the status, and who waits for what. One viewer makes the
 * event, the others who are due meanwhile get the one before it: nobody waits for it.
 */
#include "live.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgiwait/telling.h"
#include "numbers.h"
#include "sse.h"

/* Viewers that are due within so long share an event. */
#define FRESH (LIVE_EVERY / 2)

#define HOST_MOST 256

static void add_member(struct telling *telling, const char *name, uint64_t number)
{
    telling_add(telling, text_of(name));
    telling_number(telling, number);
}

static void add_waited(struct telling *telling, const struct tree_waited *waited)
{
    telling_add(telling, TEXT("{\"path\":"));
    telling_string(telling, (struct text){waited->path, waited->kept});
    if (waited->kept < waited->path_len)
        add_member(telling, ",\"length\":", waited->path_len);
    if (waited->scope != SCOPE_SELF)
        telling_add(telling, TEXT(",\"below\":true"));
    add_member(telling, ",\"watchers\":", waited->watchers);
    telling_add(telling, TEXT("}"));
}

static void add_most(struct telling *telling, struct tree *tree)
{
    struct tree_most most;
    tree_most(tree, &most);
    add_member(telling, ",\"targets\":", most.targets);
    add_member(telling, ",\"seen\":", most.seen);
    telling_add(telling, TEXT(",\"most\":["));
    for (size_t i = 0; i < most.count; i++) {
        if (i > 0)
            telling_add(telling, TEXT(","));
        add_waited(telling, &most.at[i]);
    }
    telling_add(telling, TEXT("]"));
}

static void add_process(struct telling *telling, struct service *service)
{
    char host[HOST_MOST];
    if (gethostname(host, sizeof host) != 0)
        host[0] = '\0';
    host[sizeof host - 1] = '\0';
    telling_add(telling, TEXT(",\"host\":"));
    telling_string(telling, text_of(host));
    add_member(telling, ",\"pid\":", (uint64_t)getpid());
    telling_add(telling, TEXT(",\"store\":"));
    telling_string(telling, text_of(store_type(service->store)));
    telling_add(telling, store_answers(service->store) ? TEXT(",\"answers\":true")
                                                       : TEXT(",\"answers\":false"));
}

/* The status ends with a line break, which would end the event's line. */
static bool add_status(struct telling *telling, struct service *service)
{
    size_t len;
    char *status = numbers_status(service, &len);
    if (status == NULL)
        return false;
    telling_add(telling, TEXT("{\"status\":"));
    telling_add(telling, (struct text){status, len - 1});
    free(status);
    return true;
}

static struct chunk *make(struct service *service, struct instant now)
{
    struct telling telling = {.len = 0};
    struct chunk *chunk = NULL;
    uint64_t ms = (uint64_t)(now.at / NANOS_PER_MS);
    if (add_status(&telling, service)) {
        add_member(&telling, ",\"ms\":", ms);
        add_process(&telling, service);
        add_most(&telling, service->tree);
        telling_add(&telling, TEXT("}"));
        struct text text = {telling.bytes, telling.len};
        if (!telling.failed)
            chunk = sse_chunk(TEXT(""), ms, text);
    }
    free(telling.bytes);
    return chunk;
}

struct chunk *live_event(struct service *service)
{
    struct live *live = &service->live;
    struct chunk *event = NULL;
    struct instant now = clock_now();
    lock_take(&live->lock);
    bool stale = live->event == NULL || now.at - live->made.at >= FRESH;
    bool ours = stale && !live->making;
    if (!ours && live->event != NULL)
        event = chunk_ref(live->event);
    live->making |= ours;
    lock_drop(&live->lock);
    if (!ours)
        return event;
    event = make(service, now);
    lock_take(&live->lock);
    live->making = false;
    struct chunk *before = live->event;
    live->event = event != NULL ? chunk_ref(event) : NULL;
    live->made = now;
    lock_drop(&live->lock);
    chunk_unref(&before);
    return event;
}
