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
#include "fcgiwait/container.h"
#include "fcgiwait/thread.h"
#include "postgres_await.h"

#define REFUSED (50 * NANOS_PER_MS)

/* How long a mark may take that may not come. */
#define SHORTLY (5 * NANOS_PER_MS)

/* --- one transaction --- */

/* Bytes, not text: a path may have any, in whatever encoding the database is. No standby
 * is waited for: after a failover everything counts as changed, and one that is away
 * would hold a connection of the server's for each attempt. */
#define EMIT                                                                             \
    "SELECT set_config('synchronous_commit', CASE current_setting("                      \
    "'synchronous_commit') WHEN 'off' THEN 'off' ELSE 'local' END, true), "              \
    "count(pg_logical_emit_message(true, CASE WHEN get_byte(m, 0) = 47 "                 \
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
    char mark[MARK_MOST];
    size_t capacity = 2 * MARK_MOST + 2 * AROUND;
    int len = snprintf(mark, sizeof mark, "%s %" PRIu64 " %" PRIu64, postgres->id,
                       ++postgres->numbered, atomic_load(&postgres->base));
    for (size_t i = 0; i < count; i++)
        capacity += 2 * (postgres->edits[i]->path.len + 2) + AROUND;
    char *messages = malloc(capacity), *at = messages;
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
    uint64_t after = postgres_session(postgres);
    struct awaited awaited = {UINT64_MAX, postgres->numbered, after};
    *again = after != before;
    return postgres_await(postgres, &awaited,
                          *again ? instant_after(clock_now(), SHORTLY) : until);
}

/* False: link->error. A connection that was lost meanwhile is no reason to give up. */
static bool emit_at_last(struct postgres *postgres, size_t count, struct instant until)
{
    const struct postgres_link *link = &postgres->proposing;
    while (postgres_connected(postgres, until)) {
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
        uint64_t before = postgres_session(postgres);
        if (!emit_at_last(postgres, count, until)) {
            postgres_note_trouble(postgres);
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

/* --- the thread --- */

/* Nobody waits for a server that has been away for so long: the follower says when it is
 * back. */
static void run_alone(struct postgres *postgres, size_t count)
{
    settle(postgres, count, EDIT_FAILED, 0);
    if (postgres->fences == NULL)
        return;
    thread_pause(REFUSED);
    postgres_fences_open(postgres, false);
}

static void run(struct postgres *postgres, size_t count)
{
    postgres->fences = queue_take_fences(&postgres->queue);
    bool strict = postgres->fenced && postgres->fences != NULL, good = true;
    if (!engine_answers(&postgres->engine, postgres->patience)) {
        run_alone(postgres, count);
        return;
    }
    if (count > 0 || strict || kept_has(&postgres->kept) ||
        atomic_load(&postgres->owes_mark))
        good = propose(postgres, count, queue_earliest(postgres->edits, count));
    if (good && kept_has(&postgres->kept))
        kept_deliver(&postgres->kept, &postgres->queue);
    if (strict)
        postgres_fences_open(postgres, good);
    else if (postgres->fences != NULL)
        good = postgres_fences_look(postgres) && good;
    if (good)
        return;
    thread_pause(REFUSED);
    queue_nudge(&postgres->queue); /* for what is left to do */
}

static struct instant expire(struct postgres_link *link, struct instant until)
{
    struct postgres *postgres = CONTAINER_OF(link, struct postgres, proposing);
    return queue_expire(&postgres->queue, &postgres->fences, until);
}

void *postgres_proposer(void *context)
{
    struct postgres *postgres = context;
    size_t count;
    postgres->proposing.meanwhile = expire;
    while (queue_take(&postgres->queue, INSTANT_NEVER, postgres->edits, POSTGRES_MOST,
                      &count))
        run(postgres, count);
    queue_end(&postgres->queue);
    return NULL;
}
