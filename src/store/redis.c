/* SPDX-License-Identifier: ISC */
/*
 * Opening and closing: two connections, the state as the engine has it, two threads. A
 * start needs the engine; later it may go and come back.
 */
#include "redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HISTORY 10000

static void redis_propose(struct store *store, struct edit *edits, size_t count)
{
    queue_add(&((struct redis *)store)->queue, edits, count);
}

static bool redis_reached(struct store *store, uint64_t index)
{
    struct redis *redis = (struct redis *)store;
    return !redis->fenced &&
           (index <= atomic_load(&store->index) || index >= INDEX_LIMIT);
}

static void redis_fence(struct store *store, struct fence *fence)
{
    fence->doubted = INSTANT_NEVER;
    queue_add_fence(&((struct redis *)store)->queue, fence);
}

static void redis_hurry(struct store *store)
{
    queue_hurry(&((struct redis *)store)->queue);
}

static bool redis_move_to(struct store *store, const struct store_options *options,
                          char *error, size_t capacity)
{
    struct redis *redis = (struct redis *)store;
    struct redis_place *place = redis_place_new(options->url, error, capacity);
    if (place == NULL)
        return false;
    place->before = atomic_load(&redis->place); /* links may still look at it */
    atomic_store(&redis->place, place);
    redis_link_shake(&redis->proposing, NULL);
    redis_link_shake(&redis->following, NULL);
    lock_take(&redis->lock);
    pthread_cond_broadcast(&redis->look);
    lock_drop(&redis->lock);
    return true;
}

/* --- life --- */

static char *key_of(const char *name, const char *what)
{
    size_t capacity = strlen(name) + strlen(what) + sizeof "{}:";
    char *key = malloc(capacity);
    if (key != NULL)
        snprintf(key, capacity, "{%s}:%s", name, what);
    return key;
}

static bool make_keys(struct redis *redis, const char *name)
{
    static const char *const names[REDIS_KEYS] = {
        "state", "index", "times", "docs", "gone", "deleted", "below", "log", NULL};
    char alive[32];
    snprintf(alive, sizeof alive, "alive:%s", redis->id);
    for (int i = 0; i < REDIS_KEYS; i++) {
        redis->keys[i] = key_of(name, names[i] != NULL ? names[i] : alive);
        if (redis->keys[i] == NULL)
            return false;
    }
    return true;
}

static bool read_all(struct redis *redis)
{
    struct redis_point point;
    return redis_link_open(&redis->following, redis->patience) &&
           redis_hello(redis, &redis->following, &point) && redis_catch_up(redis) &&
           redis_level(redis);
}

/* Lets the threads end, whichever there are. */
static void end_follower(struct redis *redis)
{
    atomic_store(&redis->stopping, true);
    redis_link_cut(&redis->following);
    pthread_join(redis->follower, NULL);
}

static void end_proposer(struct redis *redis)
{
    queue_close(&redis->queue);
    redis_link_cut(&redis->proposing);
    pthread_join(redis->proposer, NULL);
}

/* 0, or an errno value. */
static int start_threads(struct redis *redis)
{
    int result = queue_open(&redis->queue);
    if (result != 0)
        return result;
    result = pthread_create(&redis->proposer, NULL, redis_proposer, redis);
    if (result != 0)
        goto no_proposer;
    result = pthread_create(&redis->follower, NULL, redis_follower, redis);
    if (result != 0)
        goto no_follower;
    result = pthread_create(&redis->watcher, NULL, redis_watcher, redis);
    if (result == 0)
        return 0;
    end_follower(redis);
no_follower:
    end_proposer(redis);
no_proposer:
    queue_dispose(&redis->queue);
    return result;
}

static void redis_free(struct redis *redis)
{
    redis_link_dispose(&redis->proposing);
    redis_link_dispose(&redis->following);
    pthread_cond_destroy(&redis->moved);
    pthread_cond_destroy(&redis->look);
    lock_destroy(&redis->lock);
    engine_dispose(&redis->engine);
    for (int i = 0; i < REDIS_KEYS; i++)
        free(redis->keys[i]);
    redis_place_free(atomic_load(&redis->place));
    kept_free(&redis->kept);
    free(redis->decisions);
    free(redis->arguments);
    free(redis);
}

static struct redis *allocate(void)
{
    struct redis *redis = calloc(1, sizeof *redis);
    if (redis == NULL)
        return NULL;
    if (cond_init_monotonic(&redis->moved) != 0)
        goto no_moved;
    if (cond_init_monotonic(&redis->look) != 0)
        goto no_look;
    return redis;
no_look:
    pthread_cond_destroy(&redis->moved);
no_moved:
    free(redis);
    return NULL;
}

static struct redis *make(const struct store_options *options)
{
    struct redis *redis = allocate();
    if (redis == NULL)
        return NULL;
    const char *const *keys = (const char *const *)redis->keys;
    store_init(&redis->store, &store_redis, &options->view);
    engine_init(&redis->engine, "redis", options->counters);
    lock_init(&redis->lock, LOCK_STORE);
    redis->replicas = options->replicas;
    redis->fenced = options->fenced;
    redis->patience = options->patience > 0 ? options->patience : STORE_PATIENCE;
    redis->history = options->history > 0 ? options->history : HISTORY;
    redis->store.engine = &redis->engine;
    redis->kept.engine = &redis->engine;
    redis->store.patience = redis->patience;
    atomic_init(&redis->patience_ends, INT64_MAX);
    redis_link_init(&redis->proposing, &redis->place, keys, &redis->engine);
    redis_link_init(&redis->following, &redis->place, keys, &redis->engine);
    redis->decisions = calloc(REDIS_MOST, sizeof *redis->decisions);
    redis->arguments = calloc(REDIS_ARGUMENTS + REDIS_EDIT_ARGUMENTS * REDIS_MOST,
                              sizeof *redis->arguments);
    return redis;
}

static struct redis_place *place_of(const struct store_options *options, char *error,
                                    size_t capacity)
{
    return redis_place_new(options->url != NULL ? options->url : "", error, capacity);
}

static bool redis_can_be(const struct store_options *options, char *error,
                         size_t capacity)
{
    struct redis_place *place = place_of(options, error, capacity);
    bool can = place != NULL;
    redis_place_free(place);
    return can;
}

static bool open_all(struct redis *redis, const struct store_options *options,
                     char *error, size_t capacity)
{
    if (redis->decisions == NULL || redis->arguments == NULL ||
        !store_make_id(redis->id) ||
        !make_keys(redis, options->name != NULL ? options->name : "fcgiwait")) {
        snprintf(error, capacity, "out of memory");
        return false;
    }
    struct redis_place *place = place_of(options, error, capacity);
    if (place == NULL)
        return false;
    atomic_store(&redis->place, place);
    int result = 0;
    if (read_all(redis) && (result = start_threads(redis)) == 0)
        return true;
    const char *why = result != 0 ? strerror(result) : redis->following.error;
    if (redis->engine.where[0] != '\0')
        snprintf(error, capacity, "%s: %s", redis->engine.where, why);
    else
        snprintf(error, capacity, "%s", why);
    return false;
}

static struct store *redis_open(const struct store_options *options, char *error,
                                size_t capacity)
{
    struct redis *redis = make(options);
    if (redis == NULL) {
        snprintf(error, capacity, "out of memory");
        return NULL;
    }
    if (open_all(redis, options, error, capacity))
        return &redis->store;
    redis_free(redis);
    return NULL;
}

static void redis_close(struct store *store)
{
    struct redis *redis = (struct redis *)store;
    struct instant end = patience_cut(&redis->patience_ends, &redis->lock, &redis->moved);
    queue_close(&redis->queue);
    queue_await_end(&redis->queue, end);
    end_proposer(redis);
    end_follower(redis);
    lock_take(&redis->lock);
    pthread_cond_broadcast(&redis->look);
    lock_drop(&redis->lock);
    pthread_join(redis->watcher, NULL);
    queue_dispose(&redis->queue);
    redis_free(redis);
}

const struct store_backend store_redis = {.type = "redis",
                                          .can_be = redis_can_be,
                                          .open = redis_open,
                                          .propose = redis_propose,
                                          .reached = redis_reached,
                                          .fence = redis_fence,
                                          .hurry = redis_hurry,
                                          .move_to = redis_move_to,
                                          .close = redis_close};
