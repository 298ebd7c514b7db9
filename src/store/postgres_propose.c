/* SPDX-License-Identifier: ISC */
/*
 * Touches become messages in the log, all that have come meanwhile in one transaction,
 * with a mark: they are done once the mark has come by. A touch may happen twice, so
 * whatever is not certain is proposed again.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/thread.h"
#include "postgres.h"
#include "postgres_index.h"

#define REFUSED (50 * NANOS_PER_MS)

/* How long who is behind waits for the follower before the server is asked. */
#define SHORTLY (5 * NANOS_PER_MS)

static bool connected(struct postgres *postgres, struct instant until)
{
    struct patience patience = {until, &postgres->patience_ends};
    for (int tries = 50; !postgres_link_is_open(&postgres->proposing); tries++) {
        struct instant bound = instant_after(clock_now(), postgres->patience);
        if (postgres_link_open(&postgres->proposing, bound.at < until.at ? bound : until))
            return true;
        if (!patience_pause(&patience, tries))
            return false;
    }
    return true;
}

/* --- waiting for the follower --- */

/* What it is waited for. */
struct awaited {
    uint64_t index;   /* of the state, */
    uint64_t mark;    /* or that has come by: UINT64_MAX: none */
    uint64_t session; /* or a session that began after this one */
};

/* The lock is held. */
static bool is_reached(const struct postgres *postgres, const struct awaited *awaited)
{
    return atomic_load(&postgres->store.index) >= awaited->index ||
           postgres->seen >= awaited->mark || postgres->session > awaited->session;
}

/* False: not in time. */
static bool await(struct postgres *postgres, const struct awaited *awaited,
                  struct instant until)
{
    lock_take(&postgres->lock);
    while (!is_reached(postgres, awaited)) {
        nanos stop = atomic_load(&postgres->patience_ends);
        struct instant end = {stop < until.at ? stop : until.at};
        if (clock_now().at >= end.at)
            break;
        lock_wait_until(&postgres->lock, &postgres->moved, end);
    }
    bool reached = is_reached(postgres, awaited);
    lock_drop(&postgres->lock);
    return reached;
}

static bool await_index(struct postgres *postgres, uint64_t index, struct instant until)
{
    return await(postgres, &(struct awaited){index, UINT64_MAX, UINT64_MAX}, until);
}

static uint64_t session_of(struct postgres *postgres)
{
    lock_take(&postgres->lock);
    uint64_t session = postgres->session;
    lock_drop(&postgres->lock);
    return session;
}

/* --- one transaction --- */

/* Bytes, not text: a path may have any, in whatever encoding the database is. */
#define EMIT                                                                             \
    "SELECT count(pg_logical_emit_message(true, CASE WHEN get_byte(m, 0) = 47 "          \
    "THEN '" POSTGRES_PREFIX "' ELSE '" POSTGRES_MARK "' END, m)) "                      \
    "FROM unnest($1::bytea[]) AS t(m)"

static char *put_bytes(char *out, struct text bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        *out++ = digits[(unsigned char)bytes.at[i] >> 4];
        *out++ = digits[(unsigned char)bytes.at[i] & 15];
    }
    return out;
}

/* What a message with this path and end says, as an element of an array. */
static char *put_message(char *out, struct text path, struct text end)
{
    out = text_put(out, TEXT("\"\\\\x"));
    out = put_bytes(out, path);
    out = put_bytes(out, end);
    return text_put(out, TEXT("\""));
}

static struct text end_of(const struct edit *edit)
{
    if (edit->kind != EDIT_EVERYTHING)
        return TEXT("");
    return text_is(edit->path, TEXT("/")) ? TEXT("*") : TEXT("/*");
}

#define MARK_MOST 80
#define AROUND 8 /* what an element has around its digits, at most */

/* NULL: out of memory. */
static char *messages_of(struct postgres *postgres, size_t count)
{
    char mark[MARK_MOST], *messages, *at;
    size_t capacity = 2 * MARK_MOST + 2 * AROUND;
    int len = snprintf(mark, sizeof mark, "%s %" PRIu64 " %" PRIu64, postgres->id,
                       ++postgres->numbered, atomic_load(&postgres->base));
    for (size_t i = 0; i < count; i++)
        capacity += 2 * (postgres->edits[i]->path.len + 2) + AROUND;
    at = messages = malloc(capacity);
    if (messages == NULL)
        return NULL;
    *at++ = '{';
    for (size_t i = 0; i < count; i++) {
        at = put_message(at, postgres->edits[i]->path, end_of(postgres->edits[i]));
        *at++ = ',';
    }
    at = put_message(at, (struct text){mark, (size_t)len}, TEXT(""));
    text_put(at, (struct text){"}", 2});
    return messages;
}

/* False: link->error. */
static bool emit(struct postgres *postgres, size_t count, struct instant until)
{
    char *messages = messages_of(postgres, count);
    if (messages == NULL) {
        snprintf(postgres->proposing.error, sizeof postgres->proposing.error,
                 "out of memory");
        postgres->proposing.trouble = ENGINE_LOST;
        return false;
    }
    atomic_store(&postgres->owes_mark, false);
    PGresult *result = postgres_link_ask(&postgres->proposing, EMIT, messages, until);
    if (result == NULL)
        atomic_store(&postgres->owes_mark, true);
    free(messages);
    PQclear(result);
    return result != NULL;
}

/* --- what comes of it --- */

static void note_trouble(struct postgres *postgres)
{
    engine_set_trouble(&postgres->engine, ENGINE_TAKES_CHANGES,
                       postgres->proposing.trouble, postgres->proposing.error);
}

static void count_kept(struct postgres *postgres)
{
    counter_set(&postgres->engine.counters->engine_kept,
                postgres->kept.everything ? 1 : (int64_t)postgres->kept.count);
}

static void settle(struct postgres *postgres, size_t count, enum edit_result result,
                   uint64_t index)
{
    for (size_t i = 0; i < count; i++) {
        struct edit *edit = postgres->edits[i];
        edit->result = result;
        edit->index = index;
        if (result == EDIT_FAILED &&
            clock_now().at < atomic_load(&postgres->patience_ends) &&
            kept_add(&postgres->kept, edit))
            edit->result = EDIT_KEPT;
        edit->done(edit);
    }
}

/* Nobody knows whether it was followed: a session began while we proposed. Else it came
 * by, or is before where a session began after it. */
static bool is_followed(struct postgres *postgres, uint64_t before, struct instant until,
                        bool *again)
{
    uint64_t after = session_of(postgres);
    struct awaited awaited = {UINT64_MAX, postgres->numbered, after};
    *again = after != before;
    if (*again)
        return await(postgres, &(struct awaited){UINT64_MAX, postgres->numbered, after},
                     instant_after(clock_now(), SHORTLY));
    return await(postgres, &awaited, until);
}

/* False: link->error. A connection that was lost meanwhile is no reason to give up. */
static bool emit_at_last(struct postgres *postgres, size_t count, struct instant until)
{
    const struct postgres_link *link = &postgres->proposing;
    while (connected(postgres, until)) {
        if (emit(postgres, count, until))
            return true;
        if (postgres_link_is_open(link) || clock_now().at >= until.at)
            break;
    }
    return false;
}

/* False: the server did not take it, or nobody knows. */
static bool propose(struct postgres *postgres, size_t count, struct instant until)
{
    bool again = true, followed = false;
    while (again && !followed) {
        uint64_t before = session_of(postgres);
        if (!emit_at_last(postgres, count, until)) {
            note_trouble(postgres);
            settle(postgres, count, EDIT_FAILED, 0);
            return false;
        }
        followed = is_followed(postgres, before, until, &again);
        if (again && !followed)
            counter_add(&postgres->engine.counters->engine_retries, (int64_t)count);
    }
    engine_set_good(&postgres->engine, ENGINE_TAKES_CHANGES);
    lock_take(&postgres->lock);
    uint64_t index = postgres->seen >= postgres->numbered
                         ? postgres->seen_index
                         : atomic_load(&postgres->store.index);
    lock_drop(&postgres->lock);
    /* In the server it is, for others to see; we shall. */
    settle(postgres, count, followed ? EDIT_CHANGED : EDIT_KEPT, index);
    return followed;
}

/* --- fences --- */

static struct fence *take_fences(struct postgres *postgres, bool last)
{
    lock_take(&postgres->lock);
    struct fence *fences = postgres->fences;
    postgres->fences = NULL;
    postgres->proposer_ended = last;
    lock_drop(&postgres->lock);
    return fences;
}

static void put_back(struct postgres *postgres, struct fence *fence)
{
    lock_take(&postgres->lock);
    fence->next = postgres->fences;
    postgres->fences = fence;
    lock_drop(&postgres->lock);
    queue_nudge(&postgres->queue);
}

/* Whose time is not over waits on. */
static void open_fence(struct postgres *postgres, struct fence *fence, bool reached)
{
    nanos now = clock_now().at;
    if (reached)
        fence->done(fence, true);
    else if (now < fence->until.at && now < atomic_load(&postgres->patience_ends))
        put_back(postgres, fence);
    else
        fence->done(fence, false);
}

/* How far the server has written, as an index. False: it could not be asked, or we do not
 * follow it. */
static bool ask_newest(struct postgres *postgres, uint64_t *newest)
{
    struct instant until = instant_after(clock_now(), postgres->patience);
    uint64_t session = session_of(postgres), place;
    if (atomic_load(&postgres->engine.lost) != 0 || !connected(postgres, until))
        return false;
    PGresult *result = postgres_link_ask(
        &postgres->proposing, "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')",
        NULL, until);
    bool good = result != NULL && PQntuples(result) == 1 &&
                text_number(text_of(PQgetvalue(result, 0, 0)), UINT64_MAX, &place) &&
                postgres_index_of(atomic_load(&postgres->base),
                                  atomic_load(&postgres->timeline), place, newest) &&
                session == session_of(postgres);
    PQclear(result);
    if (good)
        engine_set_newest(&postgres->engine, *newest);
    else if (result == NULL)
        note_trouble(postgres);
    return good;
}

/* An index that was given is one that the server has written: the follower comes to it.
 * Any other was never given. False: the server could not be asked. */
static bool look_ahead(struct postgres *postgres, struct fence *fences)
{
    uint64_t highest = 0, newest = 0;
    for (const struct fence *fence = fences; fence != NULL; fence = fence->next)
        if (fence->index > highest)
            highest = fence->index;
    bool known = await_index(postgres, highest, instant_after(clock_now(), SHORTLY)) ||
                 ask_newest(postgres, &newest);
    if (known && newest > 0) {
        atomic_store(&postgres->ping, true);
        postgres_link_nudge(&postgres->following);
    }
    struct instant bound = instant_after(clock_now(), postgres->patience);
    while (fences != NULL) {
        struct fence *fence = fences;
        struct instant until = fence->until.at < bound.at ? fence->until : bound;
        fences = fence->next;
        bool given = newest == 0 || fence->index <= newest;
        open_fence(postgres, fence,
                   known && (!given || await_index(postgres, fence->index, until)));
    }
    return known;
}

/* After what was proposed once they had come. */
static void open_fences(struct postgres *postgres, struct fence *fences, bool reached)
{
    while (fences != NULL) {
        struct fence *fence = fences;
        fences = fence->next;
        open_fence(postgres, fence, reached);
    }
}

/* --- the thread --- */

static struct instant earliest(const struct postgres *postgres, size_t count,
                               const struct fence *fences)
{
    struct instant until = instant_after(clock_now(), STORE_PATIENCE);
    for (size_t i = 0; i < count; i++)
        if (postgres->edits[i]->until.at < until.at)
            until = postgres->edits[i]->until;
    for (; fences != NULL; fences = fences->next)
        if (fences->until.at < until.at)
            until = fences->until;
    return until;
}

/* Nobody waits for a server that has been away for so long: the follower says when it is
 * back. */
static void run_alone(struct postgres *postgres, size_t count, struct fence *fences)
{
    settle(postgres, count, EDIT_FAILED, 0);
    count_kept(postgres);
    if (fences == NULL)
        return;
    thread_pause(REFUSED);
    open_fences(postgres, fences, false);
}

static void run(struct postgres *postgres, size_t count)
{
    struct fence *fences = take_fences(postgres, false);
    bool strict = postgres->fenced && fences != NULL, good = true;
    if (!engine_answers(&postgres->engine, postgres->patience)) {
        run_alone(postgres, count, fences);
        return;
    }
    if (count > 0 || strict || kept_has(&postgres->kept) ||
        atomic_load(&postgres->owes_mark))
        good = propose(postgres, count, earliest(postgres, count, fences));
    if (good && kept_has(&postgres->kept))
        kept_deliver(&postgres->kept, &postgres->queue);
    count_kept(postgres);
    if (strict)
        open_fences(postgres, fences, good);
    else if (fences != NULL)
        good = look_ahead(postgres, fences) && good;
    if (good)
        return;
    thread_pause(REFUSED);
    queue_nudge(&postgres->queue); /* for what is left to do */
}

void *postgres_proposer(void *context)
{
    struct postgres *postgres = context;
    size_t count;
    while (queue_take(&postgres->queue, postgres->edits, POSTGRES_MOST, &count))
        run(postgres, count);
    for (struct fence *fence = take_fences(postgres, true), *next; fence != NULL;
         fence = next) {
        next = fence->next;
        fence->done(fence, false);
    }
    return NULL;
}
