/* SPDX-License-Identifier: ISC */
/*
 * Proposes what has come meanwhile in one call, then waits until it has come by in the
 * stream. One call at a time: where its answer is lost, the stream tells which of its
 * edits were made, once no connection of before can make any more.
 */
#include <string.h>

#include <hiredis/hiredis.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/container.h"
#include "fcgiwait/thread.h"
#include "redis.h"

#define REFUSED (50 * NANOS_PER_MS)
#define SHORTLY (50 * NANOS_PER_MS)
#define GRACE NANOS_PER_SECOND /* for each reply, before readers are given up for it */
#define AGAIN NANOS_PER_SECOND /* where something is kept, or it took no changes */

static bool has_sentinels(const struct redis *redis)
{
    return atomic_load(&redis->place)->master != NULL;
}

/* What we were led to last. Nobody else tells us where the master is. */
static bool is_at_replica(const struct redis *redis)
{
    return redis->proposing.trouble == ENGINE_READONLY && !has_sentinels(redis);
}

/* Where changes were refused as by a replica, and still are, nobody waits for that. */
static bool connected(struct redis *redis, struct instant until)
{
    struct patience patience = {until, &redis->patience_ends};
    bool refused = redis->troubled && is_at_replica(redis), demoted = refused;
    for (int tries = 50; !redis_link_is_open(&redis->proposing); tries++) {
        if (redis_take_over(redis)) {
            if (demoted) /* the follower may be there still */
                redis_link_shake(&redis->following, NULL);
            return true;
        }
        redis_link_close(&redis->proposing);
        demoted = demoted || is_at_replica(redis);
        if (refused && is_at_replica(redis))
            return false;
        queue_expire(&redis->queue, &redis->fences, until);
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
    struct redis_point point; /* of the engine, when it answered */
    bool taken;               /* then it took changes, too */
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
    arguments[5] = edit->trace;
}

/* With what has come by so far. `count`: how many there was room for. */
static void decide(struct call *call)
{
    struct redis *redis = call->redis;
    lock_take(&redis->lock);
    uint64_t known = atomic_load(&redis->shown);
    batch_open(&call->batch, &redis->store, redis->decisions, REDIS_MOST, known);
    size_t decided = 0;
    for (; decided < call->count && !batch_is_full(&call->batch); decided++)
        decide_one(call, decided, known);
    call->count = decided;
    redis->first_number = redis->numbered;
    memset(redis->seen, 0, sizeof redis->seen);
    redis->blind = redis->reading; /* then what is made may come by unseen */
    lock_drop(&redis->lock);
}

/* What became of one edit, as the engine says. True: it is to be decided again. */
static bool settle(struct edit *edit, struct text said, bool safe)
{
    uint64_t index;
    if (text_is(said, TEXT(REDIS_SAID_AGAIN)))
        return true;
    if (text_is(said, TEXT(REDIS_SAID_FULL))) {
        edit->result = EDIT_FULL;
        return false;
    }
    if (text_number(said, INDEX_LIMIT, &index))
        edit->index = index;
    /* Nor is that safe which it is the same as. */
    if (!safe && edit->result <= EDIT_SAME)
        edit->result = EDIT_UNSURE;
    return false; /* it is what was decided */
}

static void fail(struct redis *redis, struct edit *edit, enum edit_result result)
{
    bool later = clock_now().at < atomic_load(&redis->patience_ends) &&
                 kept_add(&redis->kept, edit);
    edit->result = later ? EDIT_KEPT : result;
    edit->index = 0; /* what was decided is void */
    edit->done(edit);
}

/* To be decided again. */
static void hold(struct redis *redis, struct edit *edit)
{
    if (clock_now().at < edit->until.at) {
        redis->edits[redis->held++] = edit;
        counter_add(&redis->engine.counters->engine_retries, 1);
    } else {
        fail(redis, edit, EDIT_FAILED);
    }
}

static void settle_all(struct call *call, bool safe)
{
    struct redis *redis = call->redis;
    for (size_t i = 0; i < call->count; i++) {
        struct edit *edit = call->edits[i];
        if (settle(edit, redis_text(call->reply->element[REDIS_ANSWERS + i]), safe))
            hold(redis, edit);
        else
            edit->done(edit);
    }
}

/* The answer is lost: what has come by was made, and nothing else was or will be, unless
 * the stream was not there to be looked at. `safe`: and is where it has to be. */
static void search(struct call *call, bool certain, bool safe)
{
    struct redis *redis = call->redis;
    uint64_t seen[REDIS_MOST];
    lock_take(&redis->lock);
    memcpy(seen, redis->seen, sizeof seen);
    certain = certain && !redis->blind;
    lock_drop(&redis->lock);
    for (size_t i = 0; i < call->count; i++) {
        struct edit *edit = call->edits[i];
        if (seen[i] != 0 && safe) {
            edit->index = seen[i];
            edit->done(edit);
        } else if (seen[i] == 0 && certain) {
            hold(redis, edit);
        } else {
            fail(redis, edit, EDIT_UNSURE);
        }
    }
}

/* A master that was demoted keeps its clients, though its name leads to another one. */
static void note_trouble(struct redis *redis)
{
    redis->troubled = true;
    engine_set_trouble(&redis->engine, ENGINE_TAKES_CHANGES, redis->proposing.trouble,
                       redis->proposing.error);
    if (is_at_replica(redis))
        redis_link_close(&redis->proposing);
}

/* Only edits wait until they are there as well. Else it is asked whether those before
 * have come to be. */
static bool is_replicated(const struct call *call)
{
    struct redis *redis = call->redis;
    if (call->count > 0)
        redis->alone = !redis_is_replicated(redis, redis->patience / 2);
    else if (redis->alone)
        redis->alone = !redis_is_replicated(redis, SHORTLY);
    return !redis->alone;
}

static void recover(struct call *call)
{
    struct redis *redis = call->redis;
    bool certain = connected(redis, call->until) &&
                   redis_hello(redis, &redis->proposing, &call->point) &&
                   redis_await(redis, &call->point, call->until);
    bool safe = redis->replicas == 0 || (certain && is_replicated(call));
    /* An idle connection that was closed is no trouble. */
    if (!certain || !safe)
        note_trouble(redis);
    search(call, certain, safe);
}

static void refuse(struct call *call)
{
    for (size_t i = 0; i < call->count; i++)
        fail(call->redis, call->edits[i], EDIT_FAILED);
}

static void note_good(struct redis *redis)
{
    redis->troubled = false;
    engine_set_good(&redis->engine, ENGINE_TAKES_CHANGES);
}

/* An answer is there. One to a call that changes nothing does not say that a change would
 * have been taken. */
static void settle_call(struct call *call)
{
    struct redis *redis = call->redis;
    bool replicated = is_replicated(call);
    call->taken = !redis->troubled || redis_claim(redis);
    if (replicated && call->taken)
        note_good(redis);
    else
        note_trouble(redis);
    if (call->count > 0)
        settle_all(call, replicated && redis_await(redis, &call->point, call->until));
    freeReplyObject(call->reply);
}

/* False: the engine could not be asked. */
static bool ask(struct call *call)
{
    struct redis *redis = call->redis;
    /* Who has lost it for long does not let each one wait for that. */
    if (!engine_answers(&redis->engine, redis->patience)) {
        refuse(call);
        return false;
    }
    if (!connected(redis, call->until)) {
        note_trouble(redis);
        refuse(call);
        return false;
    }
    decide(call);
    call->reply =
        redis_call(redis, &redis->proposing, call->arguments, call->count, &call->point);
    redis->numbered += call->count;
    batch_close(&call->batch);
    if (call->reply != NULL) {
        settle_call(call);
        return true;
    }
    if (redis_link_is_open(&redis->proposing)) { /* it has said no: memory, a replica */
        note_trouble(redis);
        refuse(call);
    } else {
        recover(call);
    }
    return false;
}

/* --- the thread --- */

/* The engine was asked after they had come. Whose time is not over waits on. */
static void open_fences(struct redis *redis, bool asked, const struct redis_point *point)
{
    struct instant most = instant_after(clock_now(), redis->patience);
    bool reached = asked && redis->fences != NULL &&
                   redis_await(redis, point, queue_latest(redis->fences, most));
    while (redis->fences != NULL) {
        struct fence *fence = redis->fences;
        redis->fences = fence->next;
        if (reached && fence->index > atomic_load(&redis->store.index) &&
            fence->index < INDEX_LIMIT && has_sentinels(redis))
            redis_doubt(redis, fence);
        else
            queue_settle_fence(&redis->queue, fence, reached, &redis->patience_ends);
    }
}

/* Something is to be done though nobody comes with anything. */
static bool owes(const struct redis *redis)
{
    return redis->troubled || kept_has(&redis->kept);
}

static void run(struct redis *redis, size_t count, char (*bases)[TEXT_NUMBER])
{
    struct edit *edits[REDIS_MOST];
    redis->fences = queue_take_fences(&redis->queue);
    memcpy(edits, redis->edits, count * sizeof *edits);
    redis->held = 0;
    bool bare = count == 0 && redis->fences == NULL;
    if (bare && !owes(redis))
        return;
    struct call call = {.redis = redis,
                        .edits = edits,
                        .count = count,
                        /* Where nobody waits one try is enough. */
                        .until = bare ? clock_now() : queue_earliest(edits, count),
                        .bases = bases,
                        .arguments = redis->arguments};
    bool asked = ask(&call);
    for (size_t i = call.count; i < count; i++) /* there was no room for them */
        redis->edits[redis->held++] = edits[i];
    if (!asked && redis->fences != NULL)
        thread_pause(REFUSED); /* they ask again */
    open_fences(redis, asked, &call.point);
    if (call.taken && kept_has(&redis->kept))
        kept_deliver(&redis->kept, &redis->queue);
}

static struct instant expire(struct redis_link *link, struct instant until)
{
    struct redis *redis = CONTAINER_OF(link, struct redis, proposing);
    return queue_expire(&redis->queue, &redis->fences, until);
}

void *redis_proposer(void *context)
{
    struct redis *redis = context;
    redis->proposing.meanwhile = expire;
    redis->proposing.grace = GRACE;
    char bases[REDIS_MOST][TEXT_NUMBER];
    for (;;) {
        size_t count = 0;
        struct instant until =
            owes(redis) ? instant_after(clock_now(), AGAIN) : INSTANT_NEVER;
        if (redis->held == 0 &&
            !queue_take(&redis->queue, until, redis->edits, REDIS_MOST, &count))
            break;
        run(redis, redis->held + count, bases);
    }
    queue_end(&redis->queue);
    return NULL;
}
