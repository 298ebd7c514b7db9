/* SPDX-License-Identifier: ISC */
/*
 * Proposes what has come meanwhile in one call, then waits until it has come by in the
 * stream. One call at a time: where its answer is lost, the stream tells which of its
 * edits were made, once no connection of before can make any more.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "redis.h"

#define REFUSED (50 * NANOS_PER_MS)
#define ALIVE "86400" /* seconds: longer than any connection of before lingers */

/* --- calling --- */

#define ROOM (REDIS_ARGUMENTS * TEXT_NUMBER)

/* Those that all calls of REDIS_PROPOSE begin with; their text lies in `room`. */
static void begin_arguments(struct redis *redis, uint64_t connection, uint64_t number,
                            char room[ROOM], struct text arguments[REDIS_ARGUMENTS])
{
    char *at = room;
    uint64_t numbers[] = {connection,
                          number,
                          atomic_load(&redis->store.index),
                          store_first_index(),
                          (uint64_t)clock_wall(),
                          atomic_load(&redis->store.limit),
                          redis->history};
    arguments[0] = text_of(redis->id);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        arguments[1 + i] = (struct text){at, text_format(numbers[i], at)};
        at += TEXT_NUMBER;
    }
}

/* NULL: link->error, whatever was wrong. */
static struct redisReply *propose(struct redis *redis, struct redis_link *link,
                                  const struct text *arguments, size_t count)
{
    struct redisReply *reply = redis_link_script(link, REDIS_PROPOSE, arguments, count);
    if (reply == NULL)
        return NULL;
    struct text said = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0
                           ? redis_text(reply->element[0])
                           : TEXT("");
    size_t edits = (count - REDIS_ARGUMENTS) / REDIS_EDIT_ARGUMENTS;
    if (text_is(said, TEXT("ok")) && reply->elements == 2 + edits)
        return reply;
    snprintf(link->error, sizeof link->error,
             text_is(said, TEXT(REDIS_SAID_FOREIGN))
                 ? "the keys %s are another application's: store.name chooses others"
                 : "an answer that is none (%s)",
             redis->keys[REDIS_STATE]);
    freeReplyObject(reply);
    return NULL;
}

/* Without edits: there is nothing in it that could be given up. */
bool redis_hello(struct redis *redis, struct redis_link *link, uint64_t *newest)
{
    char room[ROOM];
    struct text arguments[REDIS_ARGUMENTS];
    begin_arguments(redis, 0, 0, room, arguments);
    struct redisReply *reply = propose(redis, link, arguments, REDIS_ARGUMENTS);
    if (reply == NULL)
        return false;
    *newest = redis_number(reply->element[1]);
    freeReplyObject(reply);
    return true;
}

/* --- connecting --- */

/* From now on no call of a connection before this one does anything. */
static bool take_over(struct redis *redis)
{
    char connection[TEXT_NUMBER];
    struct text words[] = {TEXT("SET"),
                           text_of(redis->keys[REDIS_ALIVE]),
                           {connection, text_format(++redis->connections, connection)},
                           TEXT("EX"),
                           TEXT(ALIVE)};
    return redis_link_say(&redis->proposing, words, 5);
}

static bool connected(struct redis *redis, struct instant until)
{
    struct patience patience = {until, &redis->patience_ends};
    for (int tries = 50; !redis_link_is_open(&redis->proposing); tries++) {
        if (redis_link_open(&redis->proposing, redis->patience) && take_over(redis))
            return true;
        redis_link_close(&redis->proposing);
        if (!patience_pause(&patience, tries))
            return false;
    }
    return true;
}

/* --- a call with edits --- */

struct call {
    struct redis *redis;
    struct edit **edits;
    size_t count;
    struct instant until;
    uint64_t newest; /* of the engine, when it answered */
    struct batch batch;
    char (*bases)[TEXT_NUMBER];
    struct text *arguments;
    struct redisReply *reply;
};

static struct text word_of(const struct edit *edit, bool through)
{
    static const char *const words[] = {[EDIT_PUT] = "put",
                                        [EDIT_PATCH] = "put",
                                        [EDIT_TOUCH] = "touch",
                                        [EDIT_DELETE] = "delete",
                                        [EDIT_EVERYTHING] = "everything"};
    return text_of(through ? words[edit->kind] : "check");
}

/* What the engine has to find, so that what was decided holds. */
static struct text base_of(const struct edit *edit, uint64_t before, uint64_t known,
                           char base[TEXT_NUMBER])
{
    if (edit_is_unconditional(edit))
        return TEXT(REDIS_BASE_ANY);
    if (before > known) /* the batch gave it, for itself */
        return TEXT(REDIS_BASE_BATCH);
    return (struct text){base, text_format(before, base)};
}

static void decide_one(struct call *call, size_t i, uint64_t known)
{
    struct edit *edit = call->edits[i];
    struct text *arguments = call->arguments + REDIS_ARGUMENTS + REDIS_EDIT_ARGUMENTS * i;
    size_t before = call->batch.count;
    batch_decide(&call->batch, edit);
    bool through = call->batch.count > before;
    const struct document *document =
        through ? call->batch.decisions[before].after.document : NULL;
    bool puts = document != NULL && (edit->kind == EDIT_PUT || edit->kind == EDIT_PATCH);
    uint64_t base = through ? call->batch.decisions[before].before : edit->index;
    arguments[0] = word_of(edit, through);
    arguments[1] = edit->path;
    arguments[2] = base_of(edit, base, known, call->bases[i]);
    arguments[3] = puts ? document->type : TEXT("");
    arguments[4] = puts ? document->body : TEXT("");
}

/* With what has come by so far. */
static void decide(struct call *call)
{
    struct redis *redis = call->redis;
    lock_take(&redis->lock);
    uint64_t known = atomic_load(&redis->store.index);
    batch_open(&call->batch, &redis->store, redis->decisions, REDIS_MOST, known);
    for (size_t i = 0; i < call->count; i++)
        decide_one(call, i, known);
    redis->first_number = redis->numbered;
    memset(redis->seen, 0, sizeof redis->seen);
    redis->blind = false;
    lock_drop(&redis->lock);
}

/* Waits until it has come by; false: it did not in time. */
static bool await_index(struct redis *redis, uint64_t index, struct instant until)
{
    lock_take(&redis->lock);
    while (atomic_load(&redis->store.index) < index) {
        nanos stop = atomic_load(&redis->patience_ends);
        struct instant end = {stop < until.at ? stop : until.at};
        if (clock_now().at >= end.at)
            break;
        lock_wait_until(&redis->lock, &redis->moved, end);
    }
    bool reached = atomic_load(&redis->store.index) >= index;
    lock_drop(&redis->lock);
    return reached;
}

/* With `replicas`: whether so many have it, too. */
static bool is_replicated(struct redis *redis)
{
    char count[16], most[16];
    snprintf(count, sizeof count, "%u", redis->replicas);
    snprintf(most, sizeof most, "%" PRId64, redis->patience / NANOS_PER_MS / 2);
    struct text words[] = {TEXT("WAIT"), text_of(count), text_of(most)};
    if (redis->replicas == 0)
        return true;
    struct redisReply *reply = redis_link_call(&redis->proposing, words, 3);
    bool enough = reply != NULL && redis_number(reply) >= redis->replicas;
    if (reply != NULL)
        freeReplyObject(reply);
    return enough;
}

/* What became of one edit, as the engine says. True: it is to be decided again. */
static bool settle(struct edit *edit, struct text said, bool safe)
{
    uint64_t index;
    if (text_is(said, TEXT(REDIS_SAID_AGAIN)))
        return true;
    if (text_is(said, TEXT(REDIS_SAID_FULL))) {
        edit->result = EDIT_FULL;
    } else if (text_number(said, INDEX_LIMIT, &index)) {
        edit->index = index;
        if (!safe)
            edit->result = EDIT_UNSURE;
    } /* else it is what was decided */
    return false;
}

static void fail(struct redis *redis, struct edit *edit, enum edit_result result)
{
    edit->result = redis_keep(redis, edit) ? EDIT_KEPT : result;
    edit->done(edit);
}

/* To be decided again. */
static void hold(struct redis *redis, struct edit *edit)
{
    if (clock_now().at < edit->until.at)
        redis->edits[redis->held++] = edit;
    else
        fail(redis, edit, EDIT_FAILED);
}

static void settle_all(struct call *call, bool safe)
{
    struct redis *redis = call->redis;
    for (size_t i = 0; i < call->count; i++) {
        struct edit *edit = call->edits[i];
        if (settle(edit, redis_text(call->reply->element[2 + i]), safe))
            hold(redis, edit);
        else
            edit->done(edit);
    }
}

/* The answer is lost: what has come by was made, and nothing else was or will be, unless
 * the stream was not there to be looked at. */
static void search(struct call *call, bool certain)
{
    struct redis *redis = call->redis;
    uint64_t seen[REDIS_MOST];
    lock_take(&redis->lock);
    memcpy(seen, redis->seen, sizeof seen);
    certain = certain && !redis->blind;
    lock_drop(&redis->lock);
    for (size_t i = 0; i < call->count; i++) {
        struct edit *edit = call->edits[i];
        if (seen[i] != 0) {
            edit->index = seen[i];
            edit->done(edit);
        } else if (certain) {
            hold(redis, edit);
        } else {
            fail(redis, edit, EDIT_UNSURE);
        }
    }
}

static void recover(struct call *call)
{
    struct redis *redis = call->redis;
    bool certain = connected(redis, call->until) &&
                   redis_hello(redis, &redis->proposing, &call->newest) &&
                   await_index(redis, call->newest, call->until);
    search(call, certain);
}

static void note_trouble(struct redis *redis, bool trouble)
{
    if (redis->trouble == trouble)
        return;
    redis->trouble = trouble;
    if (trouble)
        log_error("the store takes no changes: %s", redis->proposing.error);
    else
        log_info("the store takes changes again");
}

static void refuse(struct call *call)
{
    note_trouble(call->redis, true);
    for (size_t i = 0; i < call->count; i++)
        fail(call->redis, call->edits[i], EDIT_FAILED);
}

/* False: the engine could not be asked. */
static bool ask(struct call *call)
{
    struct redis *redis = call->redis;
    char room[ROOM];
    if (!connected(redis, call->until)) {
        refuse(call);
        return false;
    }
    decide(call);
    begin_arguments(redis, redis->connections, redis->numbered, room, call->arguments);
    redis->numbered += call->count;
    call->reply = propose(redis, &redis->proposing, call->arguments,
                          REDIS_ARGUMENTS + REDIS_EDIT_ARGUMENTS * call->count);
    batch_close(&call->batch);
    if (call->reply == NULL && redis_link_is_open(&redis->proposing)) {
        refuse(call); /* it has said no: memory, a replica, a password */
        return false;
    }
    if (call->reply == NULL) {
        note_trouble(redis, true);
        recover(call);
        return false;
    }
    note_trouble(redis, false);
    call->newest = redis_number(call->reply->element[1]);
    bool safe = is_replicated(redis) && await_index(redis, call->newest, call->until);
    settle_all(call, safe);
    freeReplyObject(call->reply);
    return true;
}

/* --- the thread --- */

static struct instant earliest(struct edit **edits, size_t count, struct fence *fences)
{
    struct instant until = instant_after(clock_now(), STORE_PATIENCE);
    for (size_t i = 0; i < count; i++)
        if (edits[i]->until.at < until.at)
            until = edits[i]->until;
    for (; fences != NULL; fences = fences->next)
        if (fences->until.at < until.at)
            until = fences->until;
    return until;
}

static struct fence *take_fences(struct redis *redis, bool last)
{
    lock_take(&redis->lock);
    struct fence *fences = redis->fences;
    redis->fences = NULL;
    redis->proposer_ended = last;
    lock_drop(&redis->lock);
    return fences;
}

static void put_back(struct redis *redis, struct fence *fence)
{
    lock_take(&redis->lock);
    fence->next = redis->fences;
    redis->fences = fence;
    lock_drop(&redis->lock);
    queue_nudge(&redis->queue);
}

/* The engine was asked after they had come. Whose time is not over waits on. */
static void open_fences(struct redis *redis, struct fence *fences, bool asked,
                        uint64_t newest)
{
    struct instant bound = instant_after(clock_now(), redis->patience);
    while (fences != NULL) {
        struct fence *fence = fences;
        struct instant until = fence->until.at < bound.at ? fence->until : bound;
        fences = fence->next;
        if (asked && await_index(redis, newest, until))
            fence->done(fence, true);
        else if (clock_now().at < fence->until.at &&
                 clock_now().at < atomic_load(&redis->patience_ends))
            put_back(redis, fence);
        else
            fence->done(fence, false);
    }
}

static void run(struct redis *redis, size_t count, char (*bases)[TEXT_NUMBER])
{
    struct edit *edits[REDIS_MOST];
    struct fence *fences = take_fences(redis, false);
    memcpy(edits, redis->edits, count * sizeof *edits);
    redis->held = 0;
    if (count == 0 && fences == NULL && !redis_has_kept(redis))
        return;
    struct call call = {.redis = redis,
                        .edits = edits,
                        .count = count,
                        .until = earliest(edits, count, fences),
                        .bases = bases,
                        .arguments = redis->arguments};
    bool asked = ask(&call);
    if (!asked && redis_link_is_open(&redis->proposing))
        thread_pause(REFUSED); /* it may be loading its file */
    open_fences(redis, fences, asked, call.newest);
    if (asked && redis_has_kept(redis))
        redis_deliver_kept(redis);
}

void *redis_proposer(void *context)
{
    struct redis *redis = context;
    char bases[REDIS_MOST][TEXT_NUMBER];
    for (;;) {
        size_t count = 0, room = REDIS_MOST - redis->held;
        if (redis->held == 0 && !queue_take(&redis->queue, redis->edits, room, &count))
            break;
        run(redis, redis->held + count, bases);
    }
    for (struct fence *fence = take_fences(redis, true), *next; fence != NULL;
         fence = next) {
        next = fence->next;
        fence->done(fence, false);
    }
    return NULL;
}
