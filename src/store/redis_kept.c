/* SPDX-License-Identifier: ISC */
/*
 * What is touched while the engine is away: that nobody may sleep through. The documents
 * of such paths are elsewhere, behind origins, so each path counts once, however often it
 * was touched; and too many of them count as everything.
 */
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/log.h"
#include "redis.h"

#define KEPT_MOST 1000

static void count_kept(struct redis *redis)
{
    counter_set(&redis->engine.counters->engine_kept,
                redis->kept.everything ? 1 : (int64_t)redis->kept.count);
}

static void keep_everything(struct redis *redis)
{
    paths_free(&redis->kept.touched);
    paths_free(&redis->kept.below);
    redis->kept.count = 0;
    redis->kept.everything = true;
}

static bool has(const struct paths *paths, struct text path)
{
    for (size_t at = 0; at < paths->len;)
        if (text_is(paths_next(paths, &at), path))
            return true;
    return false;
}

bool redis_keep(struct redis *redis, const struct edit *edit)
{
    bool below = edit->kind == EDIT_EVERYTHING;
    struct paths *paths = below ? &redis->kept.below : &redis->kept.touched;
    if (!edit_is_unconditional(edit) ||
        clock_now().at >= atomic_load(&redis->patience_ends))
        return false;
    if (redis->kept.everything || has(paths, edit->path))
        return true;
    if ((below && text_is(edit->path, TEXT("/"))) || redis->kept.count == KEPT_MOST ||
        !paths_add(paths, edit->path))
        keep_everything(redis);
    else
        redis->kept.count++;
    count_kept(redis);
    return true;
}

/* The path lies behind it. */
static void delivered(struct edit *edit)
{
    free(edit);
}

static bool propose(struct redis *redis, enum edit_kind kind, struct text path)
{
    struct edit *edit = calloc(1, sizeof *edit + path.len);
    if (edit == NULL)
        return false;
    memcpy(edit + 1, path.at, path.len);
    *edit = (struct edit){
        .kind = kind, .path = {(const char *)(edit + 1), path.len}, .done = delivered};
    queue_add(&redis->queue, edit, 1);
    return true;
}

static bool propose_all(struct redis *redis, struct paths *paths, enum edit_kind kind)
{
    bool good = true;
    for (size_t at = 0; good && at < paths->len;)
        good = propose(redis, kind, paths_next(paths, &at));
    paths_free(paths);
    return good;
}

void redis_deliver_kept(struct redis *redis)
{
    log_info(
        "what was touched while the store's engine was away is delivered: %zu paths%s",
        redis->kept.count, redis->kept.everything ? ", and everything" : "");
    bool good = propose_all(redis, &redis->kept.touched, EDIT_TOUCH);
    good = propose_all(redis, &redis->kept.below, EDIT_EVERYTHING) && good;
    redis->kept.count = 0;
    if (redis->kept.everything || !good)
        redis->kept.everything = !propose(redis, EDIT_EVERYTHING, TEXT("/"));
    count_kept(redis);
}
