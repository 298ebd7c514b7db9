/* SPDX-License-Identifier: ISC */
/*
 * The thread that reads the log. A transaction is gathered until its commit, and shown at
 * once under the place where the commit ends. The server's keepalives tell how far it has
 * read where there was nothing for us: the index moves with them, so that one that
 * another machine gave is known here.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "postgres.h"
#include "postgres_index.h"

#define AGAIN (200 * NANOS_PER_MS)

/* How often the server is told how far we are: it keeps the log that far back, and where
 * synchronous_standby_names is `*`, its commits wait for it. */
#define TELL (10 * NANOS_PER_MS)

/* What the log has of a commit, which names the caches that it changes: at most. */
#define COMMIT_MOST ((uint64_t)1 << 20)

/* A server that goes through a big transaction without anything for us is silent for half
 * of its wal_sender_timeout, which is a minute. Nothing else is waited for so long. */
#define BUSY (60 * NANOS_PER_SECOND)

static bool lose(struct postgres *postgres, enum engine_state trouble, const char *why)
{
    return postgres_link_lose(&postgres->following, trouble, why);
}

/* --- what the log says --- */

/* Another process knows of an index that is higher than any of ours can be. From its
 * place in the log on, all that follow take the same base. One that leaves the log no
 * room is nobody's: every role may write such a message. */
static void take_lift(struct postgres *postgres)
{
    uint64_t natural;
    if (postgres->lift <= atomic_load(&postgres->base) ||
        !postgres_index_of(0, atomic_load(&postgres->timeline), postgres->reached,
                           &natural) ||
        postgres->lift >= POSTGRES_INDEX_LIMIT / 2 ||
        postgres->lift >= POSTGRES_INDEX_LIMIT - natural)
        return;
    log_warn("another fcgiwait has told higher indexes than the server's log gives: "
             "they go on from there");
    atomic_store(&postgres->base, postgres->lift);
    postgres_gather_everything(&postgres->gather);
}

/* "PROCESS NUMBER BASE" */
static void take_mark(struct postgres *postgres, struct text content)
{
    struct text id, number, base = content;
    uint64_t count = 0, lift = 0;
    if (!text_cut(&base, ' ', &id) || !text_cut(&base, ' ', &number) ||
        !text_number(number, INT64_MAX, &count) ||
        !text_number(base, POSTGRES_INDEX_LIMIT, &lift))
        return;
    if (text_is(id, text_of(postgres->id)))
        postgres->mark = count;
    else if (lift < atomic_load(&postgres->base))
        postgres_owe_mark(postgres); /* it has to know ours */
    if (lift > postgres->lift)
        postgres->lift = lift;
}

static void take_message(struct postgres *postgres,
                         const struct postgres_message *message)
{
    struct text path;
    bool below;
    if (text_is(message->prefix, TEXT(POSTGRES_MARK)))
        take_mark(postgres, message->content);
    else if (!text_is(message->prefix, TEXT(POSTGRES_PREFIX)))
        return;
    else if (postgres_message_path(message->content, &path, &below))
        postgres_gather_path(&postgres->gather, path, below);
    else if (!postgres->passed) {
        postgres->passed = true;
        log_warn("a message in the log is no path such as /a or /a/*: \"%.*s\"; it is "
                 "passed over, and so are others like it",
                 message->content.len < 100 ? (int)message->content.len : 100,
                 message->content.at);
    }
}

/* One that is not part of a transaction happens where it stands: a place in its record
 * that is no other's end. */
static bool take_loose_message(struct postgres *postgres,
                               const struct postgres_message *message)
{
    take_message(postgres, message);
    return postgres_gather_is_empty(&postgres->gather) ||
           postgres_show(postgres, message->lsn + POSTGRES_UNIT, clock_wall());
}

static bool begin(struct postgres *postgres, const struct postgres_message *message)
{
    postgres->inside = true;
    postgres->number = message->transaction;
    postgres->ends = message->lsn + COMMIT_MOST;
    postgres->at = message->at;
    postgres->mark = 0;
    postgres->lift = 0;
    return true;
}

static bool commit(struct postgres *postgres, const struct postgres_message *message)
{
    postgres->inside = false;
    postgres->ends = message->end;
    if (!postgres_gather_is_empty(&postgres->gather) &&
        !postgres_await_visible(postgres, postgres->number))
        return false;
    take_lift(postgres);
    return postgres_show(postgres, message->end, postgres->at);
}

static bool take_data(struct postgres *postgres, struct text payload)
{
    struct postgres_message message;
    if (!postgres_message_read(payload, &message))
        return lose(postgres, ENGINE_REFUSED, "a message that PostgreSQL does not send");
    switch (message.kind) {
    case POSTGRES_BEGIN:
        return begin(postgres, &message);
    case POSTGRES_COMMIT:
        return commit(postgres, &message);
    case POSTGRES_RELATION:
        return postgres_learn(postgres, &message);
    case POSTGRES_INSERT:
    case POSTGRES_UPDATE:
    case POSTGRES_DELETE:
    case POSTGRES_TRUNCATE:
        postgres_gather_row(&postgres->gather, postgres->tables, &message);
        return true;
    case POSTGRES_MESSAGE:
        if (!postgres->inside)
            return take_loose_message(postgres, &message);
        take_message(postgres, &message);
        return true;
    case POSTGRES_TYPE:
    case POSTGRES_ORIGIN:
        break;
    }
    return true;
}

/* --- the stream --- */

/* How far we are; `asks`: and the server is to say how far it is. */
static bool tell(struct postgres *postgres, bool asks)
{
    if (!postgres_link_tell(&postgres->following, postgres->reached, asks))
        return false;
    postgres->confirmed = postgres->reached;
    postgres->told = clock_now();
    return true;
}

static bool take_keepalive(struct postgres *postgres, const struct postgres_frame *frame)
{
    uint64_t place = frame->end - frame->end % POSTGRES_UNIT;
    engine_set_level(&postgres->engine);
    if (!postgres->inside && place > postgres->reached &&
        !postgres_show(postgres, place, clock_wall()))
        return false;
    return !frame->reply || tell(postgres, false);
}

static bool take(struct postgres *postgres, struct text data)
{
    struct postgres_frame frame;
    postgres->heard = postgres->framed = clock_now();
    postgres->pinged = false;
    postgres->doubted = false;
    if (!postgres_frame_read(data, &frame))
        return lose(postgres, ENGINE_REFUSED, "a frame that PostgreSQL does not send");
    return frame.kind == POSTGRES_KEEPALIVE ? take_keepalive(postgres, &frame)
                                            : take_data(postgres, frame.payload);
}

/* All that has come. */
static bool read_stream(struct postgres *postgres)
{
    struct postgres_link *link = &postgres->following;
    if (PQconsumeInput(link->connection) == 0)
        return lose(postgres, ENGINE_LOST, NULL);
    for (;;) {
        char *bytes;
        int len = PQgetCopyData(link->connection, &bytes, 1);
        if (len == 0)
            return true;
        if (len < 0) {
            PGresult *result = PQgetResult(link->connection);
            postgres_link_lose_by(link, result);
            PQclear(result);
            return false;
        }
        bool good = take(postgres, (struct text){bytes, (size_t)len});
        PQfreemem(bytes);
        if (!good)
            return false;
    }
}

/* Whether the server may be too busy for an answer on the stream: then it is asked beside
 * it, while there is time left for that. */
static bool may_be_busy(const struct postgres *postgres)
{
    return postgres->pinged && !postgres->doubted &&
           clock_now().at - postgres->framed.at < BUSY;
}

static nanos patience_of(const struct postgres *postgres)
{
    return !postgres->pinged       ? postgres->patience / 2
           : may_be_busy(postgres) ? postgres->patience / 8 * 5
                                   : postgres->patience;
}

/* Since when the server says nothing. While we were held up ourselves it was not asked,
 * and says nothing of its own accord: it has half of the patience for an answer. */
static struct instant quiet_since(const struct postgres *postgres)
{
    struct instant least = instant_after(postgres->pinged_at, -(postgres->patience / 2));
    return postgres->pinged && least.at > postgres->heard.at ? least : postgres->heard;
}

/* What came on the stream meanwhile counts all the same. */
static void ask_beside(struct postgres *postgres)
{
    struct instant end = instant_after(quiet_since(postgres), postgres->patience);
    postgres->doubted = !postgres_is_alive(postgres, end);
    if (!postgres->doubted)
        postgres->heard = clock_now();
}

/* With a question. */
static bool ping(struct postgres *postgres)
{
    if (!postgres->pinged)
        postgres->pinged_at = clock_now();
    postgres->pinged = true;
    return tell(postgres, true);
}

/* False: nothing was heard for too long. */
static bool listen_for(struct postgres *postgres)
{
    nanos silence = clock_now().at - quiet_since(postgres).at;
    bool asked = atomic_exchange(&postgres->ping, false);
    if (postgres->pinged && silence >= postgres->patience)
        return lose(postgres, ENGINE_SLOW, "the server does not answer");
    if (asked || (!postgres->pinged && silence >= postgres->patience / 2))
        return ping(postgres);
    if (may_be_busy(postgres) && silence >= patience_of(postgres))
        ask_beside(postgres);
    return true;
}

static struct instant next_duty(const struct postgres *postgres)
{
    struct instant until = instant_after(quiet_since(postgres), patience_of(postgres));
    struct instant telling = instant_after(postgres->told, TELL);
    struct instant looking = postgres_next_look(postgres);
    bool tells = postgres->reached != postgres->confirmed;
    if (tells && telling.at < until.at)
        until = telling;
    return looking.at < until.at ? looking : until;
}

static bool follow_once(struct postgres *postgres)
{
    struct postgres_link *link = &postgres->following;
    if (!read_stream(postgres) || !listen_for(postgres) || !postgres_look_back(postgres))
        return false;
    if (postgres->reached != postgres->confirmed &&
        clock_now().at >= instant_after(postgres->told, TELL).at &&
        !tell(postgres, false))
        return false;
    int left = PQflush(link->connection);
    return left >= 0 ? postgres_link_wait(link, left > 0, next_duty(postgres))
                     : lose(postgres, ENGINE_LOST, NULL);
}

/* --- the thread --- */

/* One that closes a connection may be there for the next one. */
static bool follow_on(struct postgres *postgres)
{
    if (postgres_link_is_open(&postgres->following) && follow_once(postgres))
        return true;
    if (atomic_load(&postgres->stopping) || !postgres_follow_open(postgres))
        return false;
    postgres_owe_mark(postgres);
    return true;
}

void *postgres_follower(void *context)
{
    struct postgres *postgres = context;
    bool lost = false;
    while (!atomic_load(&postgres->stopping)) {
        bool good = follow_on(postgres);
        /* Or while it went on: a slot may wait for long. */
        bool away = lost || atomic_load(&postgres->engine.lost) != 0;
        if (good)
            engine_set_good(&postgres->engine, ENGINE_IS_FOLLOWED);
        if (good && away)
            queue_nudge(&postgres->queue); /* for what was kept */
        if (atomic_load(&postgres->stopping))
            break;
        lost = !good;
        if (!lost)
            continue;
        engine_set_trouble(&postgres->engine, ENGINE_IS_FOLLOWED,
                           postgres->following.trouble, postgres->following.error);
        thread_pause(AGAIN);
    }
    return NULL;
}
