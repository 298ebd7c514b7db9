/* SPDX-License-Identifier: ISC */
/*
 * Entries of the stream name the index before them: where one is missing (we were away
 * for longer than the engine remembers) what changed is read by index (redis_index.c).
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#include <hiredis/hiredis.h>

#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "fcgiwait/traceparent.h"
#include "redis.h"

#define ENTRIES 256   /* of the stream, in one call */
#define BLOCK_MS 1000 /* then we ask whether the engine still is what it was */
#define AGAIN (200 * NANOS_PER_MS)

/* --- the stream --- */

struct entry {
    struct text id; /* INDEX-0 */
    struct text what, path, type, body, origin, before, upto, at;
    struct text trace; /* of a publish that has one */
};

static void read_field(struct entry *entry, struct text name, struct text value)
{
    static const struct {
        const char *name;
        size_t at;
    } fields[] = {
        {"what", offsetof(struct entry, what)},
        {"path", offsetof(struct entry, path)},
        {"type", offsetof(struct entry, type)},
        {"body", offsetof(struct entry, body)},
        {"origin", offsetof(struct entry, origin)},
        {"before", offsetof(struct entry, before)},
        {"upto", offsetof(struct entry, upto)},
        {"at", offsetof(struct entry, at)},
        {"trace", offsetof(struct entry, trace)},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (text_is(name, text_of(fields[i].name)))
            *(struct text *)((char *)entry + fields[i].at) = value;
}

static uint64_t number_of(struct text t)
{
    uint64_t number;
    return text_number(t, INT64_MAX, &number) ? number : 0;
}

static bool read_entry(const struct redisReply *reply, struct entry *entry)
{
    *entry = (struct entry){0};
    if (reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    const struct redisReply *fields = reply->element[1];
    entry->id = redis_text(reply->element[0]);
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        read_field(entry, redis_text(fields->element[i]),
                   redis_text(fields->element[i + 1]));
    return true;
}

static uint64_t index_of(const struct entry *entry)
{
    struct text rest = entry->id, index;
    text_cut(&rest, '-', &index);
    return number_of(index);
}

/* One of ours: its edit is done with. The lock is held. */
static void note_origin(struct redis *redis, struct text origin, uint64_t index)
{
    struct text process;
    if (!text_cut(&origin, ':', &process) || !text_is(process, text_of(redis->id)))
        return;
    uint64_t number = number_of(origin);
    if (number >= redis->first_number && number - redis->first_number < REDIS_MOST)
        redis->seen[number - redis->first_number] = index;
}

static enum change_kind kind_of(struct text what)
{
    if (text_is(what, TEXT("put")))
        return CHANGE_PUT;
    if (text_is(what, TEXT("delete")))
        return CHANGE_DELETE;
    return text_is(what, TEXT("everything")) ? CHANGE_EVERYTHING : CHANGE_TOUCH;
}

/* False: out of memory, or it does not follow on what we have. The lock is held. */
static bool show_entry(struct redis *redis, const struct entry *entry, uint64_t index)
{
    if (text_is(entry->what, TEXT("forget")))
        return index == atomic_load(&redis->store.index) &&
               redis_show_forgotten(redis, number_of(entry->upto));
    if (text_is(entry->what, TEXT("begin")) ||
        number_of(entry->before) != atomic_load(&redis->store.index))
        return false;
    struct change change = {.kind = kind_of(entry->what),
                            .index = index,
                            .at = (nanos)number_of(entry->at),
                            .path = entry->path};
    note_origin(redis, entry->origin, index);
    return redis_show(redis, &change, entry->type, entry->body);
}

/* The lock is held. */
static bool take_entry(struct redis *redis, const struct redisReply *reply)
{
    struct entry entry;
    if (!read_entry(reply, &entry) || !show_entry(redis, &entry, index_of(&entry)))
        return false;
    snprintf(redis->last, sizeof redis->last, "%.*s", (int)entry.id.len, entry.id.at);
    return true;
}

/* The first `count` that were taken. No lock is held while the log is written. */
static void tell_traces(const struct redisReply *entries, size_t count)
{
    struct entry entry;
    for (size_t i = 0; i < count && log_wants(LOG_LEVEL_DEBUG); i++)
        if (read_entry(entries->element[i], &entry) && traceparent_is_id(entry.trace))
            log_debug("change %" PRIu64 ": trace %.*s, %.*s", index_of(&entry),
                      (int)entry.trace.len, entry.trace.at, (int)entry.path.len,
                      entry.path.at);
}

/* `wait`: for news, a little. */
static bool read_log(struct redis *redis, bool wait, bool *news)
{
    char block[TEXT_NUMBER], count[TEXT_NUMBER];
    nanos most = redis->patience / NANOS_PER_MS / 2;
    struct text words[] = {
        TEXT("XREAD"),
        TEXT("COUNT"),
        {count, text_format(ENTRIES, count)},
        TEXT("BLOCK"),
        {block, text_format((uint64_t)(most < BLOCK_MS ? most : BLOCK_MS), block)},
        TEXT("STREAMS"),
        text_of(redis->keys[REDIS_LOG]),
        text_of(redis->last)};
    if (!wait) {
        words[3] = TEXT("STREAMS");
        words[4] = words[6];
        words[5] = words[7];
    }
    struct redisReply *reply = redis_link_call(&redis->following, words, wait ? 8 : 6);
    if (reply == NULL)
        return false;
    bool follows = true;
    size_t taken = 0;
    *news = reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
            reply->element[0]->elements == 2;
    if (*news) {
        const struct store_view *view = &redis->store.view;
        const struct redisReply *entries = reply->element[0]->element[1];
        /* At once: what one call of a proposer has made, and what it has forgotten. */
        lock_take(&redis->lock);
        view->hold(view->context);
        for (; follows && taken < entries->elements; taken += follows)
            follows = take_entry(redis, entries->element[taken]);
        view->ring(view->context);
        lock_drop(&redis->lock);
        if (follows && entries->elements < ENTRIES)
            engine_set_level(&redis->engine);
        tell_traces(entries, taken);
    }
    freeReplyObject(reply);
    return follows || redis_catch_up(redis);
}

bool redis_level(struct redis *redis)
{
    struct redis_point point;
    bool news;
    if (!redis_hello(redis, &redis->following, &point))
        return false;
    if (redis->reading && !redis_catch_up(redis)) /* the last time was not whole */
        return false;
    while (atomic_load(&redis->store.index) < point.newest)
        if (!read_log(redis, false, &news) || (!news && !redis_catch_up(redis)))
            return false;
    engine_set_level(&redis->engine);
    return true;
}

/* --- the thread --- */

static bool follow_once(struct redis *redis)
{
    bool news;
    if (redis->reading)
        return redis_catch_up(redis);
    /* In silence: does it still have what we have? */
    return read_log(redis, true, &news) && (news || redis_level(redis));
}

static void note_entries(struct redis *redis)
{
    if (redis->unsound > 0)
        log_warn("the store's engine has %zu entries that no fcgiwait can have written; "
                 "they are passed over",
                 redis->unsound);
    redis->unsound = 0;
}

/* One that closes a connection may be there for the next one. */
static bool follow_on(struct redis *redis)
{
    if (redis_link_is_open(&redis->following) && follow_once(redis))
        return true;
    return !atomic_load(&redis->stopping) &&
           redis_link_open(&redis->following, redis->patience) && redis_level(redis);
}

void *redis_follower(void *context)
{
    struct redis *redis = context;
    bool lost = false;
    while (!atomic_load(&redis->stopping)) {
        bool good = follow_on(redis);
        if (atomic_load(&redis->stopping))
            break;
        if (good)
            engine_set_good(&redis->engine, ENGINE_IS_FOLLOWED);
        else
            engine_set_trouble(&redis->engine, ENGINE_IS_FOLLOWED,
                               redis->following.trouble, redis->following.error);
        if (good && lost)
            queue_nudge(&redis->queue); /* for what was kept */
        lost = !good;
        if (lost)
            thread_pause(AGAIN);
        note_entries(redis);
    }
    return NULL;
}
