/* SPDX-License-Identifier: ISC */
/*
 * The only way into the state. Entries of the stream name the index before them: where
 * one is missing (we were away for longer than the engine remembers, or have just
 * started) all resources that changed since are read by index instead, which comes to the
 * same.
 */
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "paths.h"
#include "redis.h"

#define PAGE 128      /* resources in one call */
#define ENTRIES "256" /* of the stream */
#define BLOCK_MS 1000 /* then we ask whether the engine still is what it was */
#define ASKED 500     /* paths in one call */
#define AGAIN (200 * NANOS_PER_MS)

/* --- showing --- */

static bool sink(struct redis *redis, const struct change *change)
{
    const struct store_view *view = &redis->store.view;
    return view->sink(view->context, change);
}

/* Nobody but us moves it. The lock is held. */
static void move(struct redis *redis, uint64_t index)
{
    atomic_store(&redis->store.index, index);
    pthread_cond_broadcast(&redis->moved);
}

/* The lock is held. False: out of memory. */
static bool show(struct redis *redis, struct change *change, struct text type,
                 struct text body)
{
    struct present present = {.index = change->index, .changed = change->at};
    bool exists = change->kind == CHANGE_PUT, shown = true;
    if (!store_is_sound(change->path, &present, exists, type, body)) {
        redis->unsound++;
    } else {
        if (exists)
            change->document = document_new(type, body);
        shown = (!exists || change->document != NULL) && sink(redis, change);
        document_unref(&change->document);
    }
    if (shown)
        move(redis, change->index);
    return shown;
}

static bool show_forgotten(struct redis *redis, uint64_t upto)
{
    redis->forgotten = upto;
    return store_forget(&redis->store, upto);
}

/* --- reading by index --- */

/* What is told between the resources, in its place. */
struct mark {
    uint64_t index;
    nanos at;
    struct text path;
    bool missing; /* here what the engine no longer has is deleted */
};

struct reading {
    struct redis *redis;
    uint64_t newest; /* up to which it reads */
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
    struct text asked[ASKED + 2];
    bool good = true;
    for (size_t at = 0; good && at < paths->len;) {
        struct redisReply *reply;
        good = ask_scores(redis, paths, &at, asked, &reply);
        lock_take(&redis->lock);
        for (size_t i = 0; good && i < reply->elements; i++)
            if (reply->element[i]->type == REDIS_REPLY_NIL)
                good = sink(redis, &(struct change){.kind = CHANGE_DELETE,
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
    bool good = show(redis, &change, TEXT(""), TEXT(""));
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
    bool good = show(redis, &change, type, body);
    lock_drop(&redis->lock);
    return good;
}

#define COLUMNS 5

/* `rows`: how many there were. */
static bool show_page(struct reading *reading, size_t *rows)
{
    struct redis *redis = reading->redis;
    char from[TEXT_NUMBER], upto[TEXT_NUMBER], most[TEXT_NUMBER];
    struct text arguments[] = {
        {from, text_format(atomic_load(&redis->store.index), from)},
        {upto, text_format(reading->newest, upto)},
        {most, text_format(PAGE, most)}};
    struct redisReply *reply =
        redis_link_script(&redis->following, REDIS_PAGE, arguments, 3);
    if (reply == NULL)
        return false;
    bool good = reply->type == REDIS_REPLY_ARRAY && reply->elements % COLUMNS == 0;
    *rows = good ? reply->elements / COLUMNS : 0;
    for (size_t i = 0; good && i < *rows; i++)
        good = show_row(reading, reply->element + COLUMNS * i);
    freeReplyObject(reply);
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
    uint64_t known = atomic_load(&reading->redis->store.index);
    if (mark.index > known && mark.index <= reading->newest)
        reading->marks[reading->count++] = mark;
}

/* `state` is what REDIS_STATE_OF answered. False: out of memory. */
static bool gather_marks(struct reading *reading, const struct redisReply *state,
                         uint64_t forgotten)
{
    uint64_t everything = redis_number(state->element[1]);
    bool away = atomic_load(&reading->redis->store.index) > 0;
    reading->marks = calloc(2 + state->elements / 3, sizeof *reading->marks);
    if (reading->marks == NULL)
        return false;
    if (away)
        add_mark(reading, (struct mark){forgotten, clock_wall(), TEXT("/"), true});
    if (everything != forgotten || !away)
        add_mark(reading,
                 (struct mark){everything, (nanos)redis_number(state->element[2]),
                               TEXT("/"), false});
    for (size_t i = 4; i + 2 < state->elements; i += 3)
        add_mark(reading, (struct mark){redis_number(state->element[i + 1]),
                                        (nanos)redis_number(state->element[i + 2]),
                                        redis_text(state->element[i]), false});
    qsort(reading->marks, reading->count, sizeof *reading->marks, by_index);
    return true;
}

static bool read_by_index(struct redis *redis, const struct redisReply *state)
{
    uint64_t forgotten = redis_number(state->element[3]);
    struct reading reading = {.redis = redis, .newest = redis_number(state->element[0])};
    size_t rows = 1;
    bool good = gather_marks(&reading, state, forgotten);
    while (good && rows > 0)
        good = show_page(&reading, &rows);
    good = good && show_marks(&reading, UINT64_MAX);
    free(reading.marks);
    if (!good)
        return false;
    lock_take(&redis->lock);
    good = forgotten == redis->forgotten || show_forgotten(redis, forgotten);
    if (good)
        move(redis, reading.newest);
    lock_drop(&redis->lock);
    /* What was forgotten under the newest index is told by `state`, too. */
    snprintf(redis->last, sizeof redis->last, "%" PRIu64 "-9", reading.newest);
    return good;
}

bool redis_catch_up(struct redis *redis)
{
    struct redisReply *state =
        redis_link_script(&redis->following, REDIS_STATE_OF, NULL, 0);
    if (state == NULL)
        return false;
    lock_take(&redis->lock);
    redis->blind = true;
    lock_drop(&redis->lock);
    bool good = state->type == REDIS_REPLY_ARRAY && state->elements >= 4 &&
                redis_number(state->element[0]) >= atomic_load(&redis->store.index) &&
                read_by_index(redis, state);
    freeReplyObject(state);
    return good;
}

/* --- the stream --- */

struct entry {
    struct text what, path, type, body, origin, before, upto, at;
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
        return show_forgotten(redis, number_of(entry->upto));
    if (text_is(entry->what, TEXT("begin")) ||
        number_of(entry->before) != atomic_load(&redis->store.index))
        return false;
    struct change change = {.kind = kind_of(entry->what),
                            .index = index,
                            .at = (nanos)number_of(entry->at),
                            .path = entry->path};
    note_origin(redis, entry->origin, index);
    return show(redis, &change, entry->type, entry->body);
}

/* The lock is held. */
static bool take_entry(struct redis *redis, const struct redisReply *reply)
{
    struct entry entry = {0};
    if (reply->elements != 2 || reply->element[1]->type != REDIS_REPLY_ARRAY)
        return false;
    const struct redisReply *fields = reply->element[1];
    struct text id = redis_text(reply->element[0]), rest = id, index;
    for (size_t i = 0; i + 1 < fields->elements; i += 2)
        read_field(&entry, redis_text(fields->element[i]),
                   redis_text(fields->element[i + 1]));
    text_cut(&rest, '-', &index);
    bool good = show_entry(redis, &entry, number_of(index));
    if (good)
        snprintf(redis->last, sizeof redis->last, "%.*s", (int)id.len, id.at);
    return good;
}

/* `wait`: for news, a little. */
static bool read_log(struct redis *redis, bool wait, bool *news)
{
    char block[TEXT_NUMBER];
    nanos most = redis->patience / NANOS_PER_MS / 2;
    struct text words[] = {
        TEXT("XREAD"),
        TEXT("COUNT"),
        TEXT(ENTRIES),
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
    *news = reply->type == REDIS_REPLY_ARRAY && reply->elements == 1 &&
            reply->element[0]->elements == 2;
    if (*news) {
        const struct redisReply *entries = reply->element[0]->element[1];
        /* At once: what one call of a proposer has made, and what it has forgotten. */
        lock_take(&redis->lock);
        for (size_t i = 0; follows && i < entries->elements; i++)
            follows = take_entry(redis, entries->element[i]);
        lock_drop(&redis->lock);
    }
    freeReplyObject(reply);
    return follows || redis_catch_up(redis);
}

bool redis_level(struct redis *redis)
{
    uint64_t newest;
    bool news;
    if (!redis_hello(redis, &redis->following, &newest))
        return false;
    while (atomic_load(&redis->store.index) < newest)
        if (!read_log(redis, false, &news) || (!news && !redis_catch_up(redis)))
            return false;
    return true;
}

/* --- the thread --- */

static bool follow_once(struct redis *redis)
{
    bool news;
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
        if (good && lost) {
            log_info("the store's engine is followed again");
            queue_nudge(&redis->queue); /* for what was kept */
        }
        if (good)
            atomic_store(&redis->lost, 0);
        else if (!lost)
            atomic_store(&redis->lost, clock_now().at);
        if (atomic_load(&redis->stopping))
            break;
        if (!good && !lost)
            log_error("the store's engine at %s can't be followed: %s; what is known is "
                      "served",
                      redis->place.host, redis->following.error);
        lost = !good;
        if (lost)
            thread_pause(AGAIN);
        note_entries(redis);
    }
    return NULL;
}
