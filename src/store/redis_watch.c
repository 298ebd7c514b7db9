/* SPDX-License-Identifier: ISC */
/*
 * The watcher asks the sentinels, and cuts connections to what is no master any more: an
 * engine that was demoted says nothing of it, and one that was cut off from its replicas
 * goes on as if nothing were. Without Sentinel it sleeps.
 */
#include "redis.h"

#define EVERY NANOS_PER_SECOND
#define SENTINEL_PATIENCE (NANOS_PER_SECOND / 2)

static void look(struct redis *redis, const struct redis_place *place)
{
    struct redis_address master;
    char why[ENGINE_WHY];
    if (!redis_sentinel_ask(place, SENTINEL_PATIENCE, &redis->stopping, &master, why,
                            sizeof why))
        return; /* what is connected goes on */
    redis_link_shake(&redis->proposing, &master);
    redis_link_shake(&redis->following, &master);
}

static void rest(struct redis *redis, const struct redis_place *seen)
{
    struct instant until =
        seen->master != NULL ? instant_after(clock_now(), EVERY) : INSTANT_NEVER;
    lock_take(&redis->lock);
    while (!atomic_load(&redis->stopping) && atomic_load(&redis->place) == seen &&
           lock_wait_until(&redis->lock, &redis->look, until))
        ;
    lock_drop(&redis->lock);
}

void *redis_watcher(void *context)
{
    struct redis *redis = context;
    while (!atomic_load(&redis->stopping)) {
        const struct redis_place *place = atomic_load(&redis->place);
        if (place->master != NULL)
            look(redis, place);
        rest(redis, place);
    }
    return NULL;
}
