/* SPDX-License-Identifier: ISC */
/* builder: a queue of feeds, each with its request. Who comes later for the same finds
 * the page that was built before. */
#include "builder.h"

#include "fcgiwait/pace.h"
#include "feed.h"

int builder_open(struct builder *builder, struct service *service,
                 builder_build_fn *build)
{
    *builder = (struct builder){.service = service, .build = build};
    lock_init(&builder->lock, LOCK_BUILDER);
    return cond_init_monotonic(&builder->wake);
}

static struct request *take_first(struct builder *builder)
{
    struct feed *feed = builder->first;
    builder->first = feed->next;
    return feed->request;
}

static void *run(void *context)
{
    struct builder *builder = context;
    pace_wait_its_turn();
    lock_take(&builder->lock);
    while (!builder->is_closed || builder->first != NULL) {
        if (builder->first == NULL) {
            lock_wait_until(&builder->lock, &builder->wake, INSTANT_NEVER);
            continue;
        }
        struct request *request = take_first(builder);
        lock_drop(&builder->lock);
        builder->build(builder->service, request);
        lock_take(&builder->lock);
    }
    lock_drop(&builder->lock);
    return NULL;
}

/* The lock is held. */
static bool is_running(struct builder *builder)
{
    if (!builder->is_running && !builder->is_closed)
        builder->is_running = pthread_create(&builder->thread, NULL, run, builder) == 0;
    return builder->is_running && !builder->is_closed;
}

bool builder_add(struct builder *builder, struct request *request)
{
    struct feed *feed = request->feed;
    feed->request = request;
    feed->next = NULL;
    lock_take(&builder->lock);
    bool added = is_running(builder);
    if (added) {
        if (builder->first == NULL)
            builder->first = feed;
        else
            builder->last->next = feed;
        builder->last = feed;
        pthread_cond_signal(&builder->wake);
    }
    lock_drop(&builder->lock);
    return added;
}

void builder_close(struct builder *builder)
{
    lock_take(&builder->lock);
    bool running = builder->is_running;
    builder->is_running = false;
    builder->is_closed = true;
    pthread_cond_signal(&builder->wake);
    lock_drop(&builder->lock);
    if (running)
        pthread_join(builder->thread, NULL);
}

void builder_dispose(struct builder *builder)
{
    lock_destroy(&builder->lock);
    pthread_cond_destroy(&builder->wake);
}
