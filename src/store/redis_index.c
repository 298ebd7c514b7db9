/* SPDX-License-Identifier: ISC */
/*
 * Reading by index: all resources that changed since, as they are now, for who has just
 * started or was away for longer than the stream remembers. It comes to the same.
 *
 * What changes between two pages moves behind the last one, and is read there. So the
 * state is as new as an index only once a page was the last; until then it may have older
 * ones of what has moved, and the store's index stays where it was.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "redis.h"

#define PAGE 1024            /* resources in one call */
#define PAGE_BYTES (1 << 20) /* of documents, and one more */
#define ASKED 500            /* paths in one call */

/* What is told between the resources, in its place. */
struct mark {
    uint64_t index;
    nanos at;
    struct text path;
    bool missing; /* here what the engine no longer has is deleted */
};

/* One page of it. */
struct reading {
    struct redis *redis;
    const struct redisReply *state; /* REDIS_STATE_... */
    uint64_t newest;
    struct mark *marks;
    size_t count, next;
};

static bool ask_scores(struct redis *redis, const struct paths *paths, size_t *at,
                       struct text asked[ASKED + 2], struct redisReply **reply)
{
    size_t count = 2;
    asked[0] = TEXT("ZMSCORE");
    asked[1] = text_of(redis->keys[REDIS_INDEX]);
    while (*at < paths->len && count < ASKED + 2)
        asked[count++] = paths_next(paths, at);
    *reply = redis_link_call(&redis->following, asked, count);
    return *reply != NULL && (*reply)->type == REDIS_REPLY_ARRAY &&
           (*reply)->elements == count - 2;
}

static bool delete_missing(struct redis *redis, const struct paths *paths,
                           uint64_t forgotten)
{
    const struct store_view *view = &redis->store.view;
    struct text asked[ASKED + 2];
    bool good = true;
    for (size_t at = 0; good && at < paths->len;) {
        struct redisReply *reply;
        good = ask_scores(redis, paths, &at, asked, &reply);
        lock_take(&redis->lock);
        for (size_t i = 0; good && i < reply->elements; i++)
            if (reply->element[i]->type == REDIS_REPLY_NIL)
                good = view->sink(view->context, &(struct change){.kind = CHANGE_DELETE,
                                                                  .index = forgotten,
                                                                  .at = clock_wall(),
                                                                  .path = asked[2 + i]});
        lock_drop(&redis->lock);
        if (reply != NULL)
            freeReplyObject(reply);
    }
    return good;
}

/* What was deleted and then forgotten before we came to see it; and what was touched
 * behind origins can't be told either. */
static bool show_missing(struct redis *redis, const struct mark *mark)
{
    const struct store_view *view = &redis->store.view;
    struct paths paths = {0};
    bool good = view->each(view->context, paths_add, &paths) &&
                delete_missing(redis, &paths, mark->index);
    paths_free(&paths);
    return good;
}

static bool show_mark(struct redis *redis, const struct mark *mark)
{
    struct change change = {.kind = CHANGE_EVERYTHING,
                            .index = mark->index,
                            .at = mark->at,
                            .path = mark->path};
    if (mark->missing && !show_missing(redis, mark))
        return false;
    lock_take(&redis->lock);
    bool good = redis_show(redis, &change, TEXT(""), TEXT(""));
    lock_drop(&redis->lock);
    return good;
}

static bool show_marks(struct reading *reading, uint64_t before)
{
    while (reading->next < reading->count && reading->marks[reading->next].index < before)
        if (!show_mark(reading->redis, &reading->marks[reading->next++]))
            return false;
    return true;
}

static enum change_kind kind_of_row(const struct redisReply *document,
                                    const struct redisReply *deleted)
{
    if (document->type == REDIS_REPLY_STRING)
        return CHANGE_PUT;
    return redis_number(deleted) != 0 ? CHANGE_DELETE : CHANGE_BARE;
}

static bool show_row(struct reading *reading, struct redisReply **row)
{
    struct redis *redis = reading->redis;
    struct text type = {NULL, 0}, body = redis_text(row[3]);
    struct change change = {.kind = kind_of_row(row[3], row[4]),
                            .path = redis_text(row[0]),
                            .index = redis_number(row[1]),
                            .at = (nanos)redis_number(row[2])};
    if (change.kind == CHANGE_PUT)
        text_cut(&body, '\n', &type);
    if (!show_marks(reading, change.index))
        return false;
    lock_take(&redis->lock);
    bool good = redis_show(redis, &change, type, body);
    lock_drop(&redis->lock);
    return good;
}

static int by_index(const void *a, const void *b)
{
    uint64_t first = ((const struct mark *)a)->index,
             second = ((const struct mark *)b)->index;
    return first < second ? -1 : first > second;
}

static void add_mark(struct reading *reading, struct mark mark)
{
    uint64_t known = atomic_load(&reading->redis->shown);
    if (mark.index > known && mark.index <= reading->newest)
        reading->marks[reading->count++] = mark;
}

/* False: out of memory. */
static bool gather_marks(struct reading *reading)
{
    const struct redisReply *state = reading->state;
    uint64_t everything = redis_number(state->element[REDIS_STATE_EVERYTHING]),
             forgotten = redis_number(state->element[REDIS_STATE_FORGOTTEN]);
    bool away = atomic_load(&reading->redis->store.index) > 0;
    reading->marks = calloc(2 + state->elements / 3, sizeof *reading->marks);
    if (reading->marks == NULL)
        return false;
    if (away)
        add_mark(reading, (struct mark){forgotten, clock_wall(), TEXT("/"), true});
    if (everything != forgotten || !away)
        add_mark(reading, (struct mark){everything,
                                        (nanos)redis_number(
                                            state->element[REDIS_STATE_EVERYTHING_AT]),
                                        TEXT("/"), false});
    for (size_t i = REDIS_STATE_MARKS; i + 2 < state->elements; i += 3)
        add_mark(reading, (struct mark){redis_number(state->element[i + 1]),
                                        (nanos)redis_number(state->element[i + 2]),
                                        redis_text(state->element[i]), false});
    qsort(reading->marks, reading->count, sizeof *reading->marks, by_index);
    return true;
}

/* The last page was read: the state is whole, as the engine was then. */
static bool finish(struct reading *reading)
{
    struct redis *redis = reading->redis;
    uint64_t forgotten = redis_number(reading->state->element[REDIS_STATE_FORGOTTEN]);
    uint64_t born = redis_number(reading->state->element[REDIS_STATE_BORN]);
    struct text era = redis_text(reading->state->element[REDIS_STATE_REPLID]);
    if (!show_marks(reading, UINT64_MAX))
        return false;
    lock_take(&redis->lock);
    atomic_store(&redis->store.born, born);
    bool good = forgotten == redis->forgotten || redis_show_forgotten(redis, forgotten);
    if (good) {
        redis->reading = false;
        if (!text_is(era, text_of(redis->era))) /* which may not have it any more */
            memset(redis->seen, 0, sizeof redis->seen);
        snprintf(redis->era, sizeof redis->era, "%.*s", (int)era.len, era.at);
        redis_move(redis, reading->newest);
    }
    lock_drop(&redis->lock);
    /* What was forgotten under the newest index is told by the state, too. */
    snprintf(redis->last, sizeof redis->last, "%" PRIu64 "-9", reading->newest);
    return good;
}

#define COLUMNS 5

static bool show_page(struct redis *redis, const struct redisReply *reply, bool *last)
{
    struct reading reading = {
        .redis = redis,
        .state = reply->element[0],
        .newest = redis_number(reply->element[0]->element[REDIS_STATE_NEWEST])};
    bool good = reading.newest >= atomic_load(&redis->shown) && gather_marks(&reading);
    for (size_t i = 1; good && i < reply->elements; i += COLUMNS)
        good = show_row(&reading, reply->element + i);
    *last = redis_number(reading.state->element[REDIS_STATE_LAST]) == 1;
    if (good && *last)
        good = finish(&reading);
    free(reading.marks);
    return good;
}

static bool read_page(struct redis *redis, bool *last, uint64_t *began)
{
    char from[TEXT_NUMBER], most[TEXT_NUMBER], bytes[TEXT_NUMBER];
    struct text arguments[] = {{from, text_format(atomic_load(&redis->shown), from)},
                               {most, text_format(PAGE, most)},
                               {bytes, text_format(PAGE_BYTES, bytes)}};
    struct redisReply *reply =
        redis_link_script(&redis->following, REDIS_PAGE, arguments, 3);
    if (reply == NULL)
        return false;
    bool good = reply->type == REDIS_REPLY_ARRAY && reply->elements % COLUMNS == 1 &&
                reply->element[0]->type == REDIS_REPLY_ARRAY &&
                reply->element[0]->elements >= REDIS_STATE_MARKS;
    if (good) {
        *began = redis_number(reply->element[0]->element[REDIS_STATE_BEGAN]);
        good = show_page(redis, reply, last);
    }
    freeReplyObject(reply);
    return good;
}

bool redis_catch_up(struct redis *redis)
{
    uint64_t known = atomic_load(&redis->store.index), began = 0;
    bool last = false, good = true;
    lock_take(&redis->lock);
    redis->blind = redis->reading = true;
    lock_drop(&redis->lock);
    while (good && !last)
        good = read_page(redis, &last, &began);
    /* Another history than the one that we followed: it forgot, or is another engine. */
    if (good && known > 0 && began > known)
        engine_note_reset(&redis->engine);
    return good;
}
