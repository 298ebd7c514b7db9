/* SPDX-License-Identifier: ISC */
/*
 * The watcher asks the sentinels, and cuts connections to what is no master any more: an
 * engine that was demoted says nothing of it, and one that was cut off from its replicas
 * goes on as if nothing were. Without Sentinel it sleeps.
 *
 * An index above all that our engine has given may be a new master's, of whom we have not
 * heard yet; or one of before gave it to another machine that has not left it yet, and
 * will let our engine jump above it. It was given by nobody once most sentinels have
 * named ours for longer than either takes.
 */
#include "redis.h"

#define EVERY NANOS_PER_SECOND
#define EVERY_IN_DOUBT (50 * NANOS_PER_MS)
#define SENTINEL_PATIENCE (NANOS_PER_SECOND / 2)
#define TELL_EACH_OTHER (3 * NANOS_PER_SECOND)

/* --- its fences --- */

void redis_doubt(struct redis *redis, struct fence *fence)
{
    struct instant now = clock_now();
    lock_take(&redis->lock);
    if (fence->doubted.at > now.at)
        fence->doubted = now;
    fence->next = redis->doubted;
    redis->doubted = fence;
    pthread_cond_broadcast(&redis->look);
    lock_drop(&redis->lock);
}

static struct fence *take_doubted(struct redis *redis)
{
    lock_take(&redis->lock);
    struct fence *doubted = redis->doubted;
    redis->doubted = NULL;
    lock_drop(&redis->lock);
    return doubted;
}

/* --- the thread --- */

static void look(struct redis *redis, const struct redis_place *place,
                 struct redis_verdict *verdict)
{
    char why[ENGINE_WHY];
    if (!redis_sentinel_ask(place, SENTINEL_PATIENCE, &redis->stopping, verdict, why,
                            sizeof why))
        return; /* what is connected goes on */
    redis_link_shake(&redis->proposing, &verdict->master);
    redis_link_shake(&redis->following, &verdict->master);
}

static void settle_doubts(struct redis *redis, struct fence *doubted,
                          const struct redis_place *place,
                          const struct redis_verdict *verdict)
{
    nanos now = clock_now().at;
    bool ours = 2 * verdict->agreed > place->count &&
                redis_link_leads_to(&redis->proposing, &verdict->master);
    while (doubted != NULL) {
        struct fence *fence = doubted;
        doubted = fence->next;
        bool never_given =
            (ours && now - fence->doubted.at >= TELL_EACH_OTHER) || place->master == NULL;
        queue_settle_fence(&redis->queue, fence, never_given, &redis->patience_ends);
    }
}

static void rest(struct redis *redis, const struct redis_place *seen, bool in_doubt)
{
    struct instant now = clock_now(), soon = instant_after(now, EVERY_IN_DOUBT),
                   until =
                       seen->master != NULL ? instant_after(now, EVERY) : INSTANT_NEVER;
    lock_take(&redis->lock);
    while (!atomic_load(&redis->stopping) && atomic_load(&redis->place) == seen &&
           (redis->doubted == NULL || (in_doubt && clock_now().at < soon.at)) &&
           lock_wait_until(&redis->lock, &redis->look,
                           redis->doubted != NULL ? soon : until))
        ;
    lock_drop(&redis->lock);
}

void *redis_watcher(void *context)
{
    struct redis *redis = context;
    while (!atomic_load(&redis->stopping)) {
        const struct redis_place *place = atomic_load(&redis->place);
        struct redis_verdict verdict = {.agreed = 0};
        struct fence *doubted = take_doubted(redis);
        if (place->master != NULL)
            look(redis, place, &verdict);
        settle_doubts(redis, doubted, place, &verdict);
        rest(redis, place, doubted != NULL);
    }
    queue_give_up(take_doubted(redis));
    return NULL;
}
