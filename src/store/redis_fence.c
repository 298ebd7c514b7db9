/* SPDX-License-Identifier: ISC */
/*
 * The fences on their way: to the proposer, which asks the engine, and to the watcher,
 * where only the sentinels can tell. Nobody waits here.
 */
#include "redis.h"

void redis_ask_fence(struct redis *redis, struct fence *fence)
{
    lock_take(&redis->lock);
    bool ended = redis->proposer_ended;
    if (!ended) {
        fence->next = redis->fences;
        redis->fences = fence;
    }
    lock_drop(&redis->lock);
    if (ended)
        fence->done(fence, false);
    else
        queue_nudge(&redis->queue);
}

struct fence *redis_take_fences(struct redis *redis, bool last)
{
    lock_take(&redis->lock);
    struct fence *fences = redis->fences;
    redis->fences = NULL;
    redis->proposer_ended = last;
    lock_drop(&redis->lock);
    return fences;
}

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

struct fence *redis_take_doubted(struct redis *redis)
{
    lock_take(&redis->lock);
    struct fence *doubted = redis->doubted;
    redis->doubted = NULL;
    lock_drop(&redis->lock);
    return doubted;
}
