/* SPDX-License-Identifier: ISC */
/*
 * A commit is in the log, and comes to us, before others see what it did: a client that
 * is told at once would be given the old state by the API, and would not be told again.
 * So each transaction waits here until readers see it. That takes the server some
 * microseconds after the log, or, where it waits for a synchronous standby, as long as
 * that. Meanwhile nothing is read: what comes after it may not be shown before it.
 */
#include <string.h>

#include <libpq-fe.h>

#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "postgres.h"

/* The server is not asked more often than this, however many commits there are. */
#define ASK_LEAST (2 * NANOS_PER_MS)
#define ASK_MOST (100 * NANOS_PER_MS)

/* Nor more seldom: what is on the way closes what is idle after a minute or more. */
#define WARM (20 * NANOS_PER_SECOND)

/* Meanwhile it is told that we are here, and once, early, that we have the commit. */
#define TELL (5 * NANOS_PER_SECOND)
#define HELD (10 * NANOS_PER_MS)

bool postgres_asking_open(struct postgres *postgres)
{
    /* What the server tidies up meanwhile is no reason to wait for a standby. */
    static const char patient[] =
        "SET idle_session_timeout = 0; SET synchronous_commit = off";
    struct postgres_link *link = &postgres->asking;
    struct instant until = postgres_soon(postgres);
    PGresult *result = NULL;
    if (postgres_link_open(link, until))
        result = postgres_link_ask(link, patient, NULL, until);
    bool good = result != NULL;
    PQclear(result);
    return good || postgres_link_lose_with(&postgres->following, link);
}

bool postgres_is_alive(struct postgres *postgres, struct instant until)
{
    struct postgres_link *link = &postgres->asking;
    PQclear(postgres->snapshot_said);
    postgres->snapshot = (struct postgres_snapshot){.to = 0};
    postgres->snapshot_said =
        postgres_link_ask(link, "SELECT pg_current_snapshot()", NULL, until);
    postgres->looked = clock_now();
    return postgres->snapshot_said != NULL && PQntuples(postgres->snapshot_said) == 1 &&
           postgres_snapshot_read(text_of(PQgetvalue(postgres->snapshot_said, 0, 0)),
                                  &postgres->snapshot);
}

/* Who has closed the connection has not closed the stream. */
static bool look(struct postgres *postgres)
{
    const struct postgres_link *link = &postgres->asking;
    if (postgres_is_alive(postgres, postgres_soon(postgres)))
        return true;
    return !postgres_link_is_open(link) && link->trouble != ENGINE_SLOW &&
           postgres_asking_open(postgres) &&
           postgres_is_alive(postgres, postgres_soon(postgres));
}

static void pause_until(struct instant then)
{
    nanos left = then.at - clock_now().at;
    if (left > 0)
        thread_pause(left);
}

/* One whose commit waits, maybe for us: a server that takes each follower for a standby
 * ends no commit before we say that we have it. False: it could not be told. */
static bool stay_known(struct postgres *postgres, struct instant since,
                       struct instant *tell)
{
    if (clock_now().at < tell->at)
        return true;
    if (clock_now().at >= instant_after(since, TELL).at)
        log_warn("a transaction is in PostgreSQL's log, and nobody sees it yet: does the "
                 "server wait for a synchronous standby?");
    *tell = instant_after(clock_now(), TELL);
    return postgres_link_tell(&postgres->following, postgres->ends, false);
}

static bool lose(struct postgres *postgres)
{
    return postgres_link_lose_with(&postgres->following, &postgres->asking);
}

/* --- before the slot --- */

/* A transaction that is newer than all that the slot can have passed: a snapshot knows of
 * those that have ended only. `may_wait`: commits may wait for a standby, so that one is
 * seen long after everybody was told of the start. */
static bool ask_bound(struct postgres *postgres, uint64_t *bound, bool *may_wait)
{
    static const char question[] = "SELECT pg_current_xact_id(), "
                                   "current_setting('synchronous_standby_names')";
    PGresult *result =
        postgres_link_ask(&postgres->asking, question, NULL, postgres_soon(postgres));
    bool good = result != NULL && PQntuples(result) == 1 &&
                text_number(text_of(PQgetvalue(result, 0, 0)), UINT64_MAX, bound);
    *may_wait = good && PQgetlength(result, 0, 1) > 0;
    postgres->counts = *may_wait && strchr(PQgetvalue(result, 0, 1), '*') != NULL;
    if (postgres->counts)
        log_warn("the server's synchronous_standby_names has a *: its commits wait for "
                 "fcgiwait, too, which keeps nothing of them; name the standbys instead");
    PQclear(result);
    return good;
}

bool postgres_await_start(struct postgres *postgres)
{
    struct instant end = instant_after(clock_now(), ASK_MOST);
    uint64_t bound = 0;
    bool may_wait = false;
    if (!ask_bound(postgres, &bound, &may_wait) || !look(postgres))
        return lose(postgres);
    while (postgres->snapshot.from < bound && clock_now().at < end.at) {
        thread_pause(ASK_LEAST);
        if (!look(postgres))
            return lose(postgres);
    }
    postgres->unseen = may_wait && postgres->snapshot.from < bound ? bound : 0;
    return true;
}

struct instant postgres_next_look(const struct postgres *postgres)
{
    return instant_after(postgres->looked, postgres->unseen != 0 ? ASK_MOST : WARM);
}

bool postgres_look_back(struct postgres *postgres)
{
    /* Where much is committed, what is looked at for that will do. */
    if (clock_now().at >= postgres_next_look(postgres).at && !look(postgres))
        return lose(postgres);
    if (postgres->unseen != 0 && postgres->snapshot.from >= postgres->unseen) {
        postgres->unseen = 0;
        postgres_gather_everything(&postgres->gather);
        postgres_owe_mark(postgres);
    }
    return true;
}

/* --- one of the log --- */

bool postgres_await_visible(struct postgres *postgres, uint32_t transaction)
{
    struct instant since = clock_now();
    struct instant tell = instant_after(since, postgres->counts ? 0 : HELD);
    nanos step = ASK_LEAST;
    while (!postgres_snapshot_sees(&postgres->snapshot, transaction)) {
        pause_until(instant_after(postgres->looked, step));
        if (atomic_load(&postgres->stopping) || !stay_known(postgres, since, &tell))
            return false;
        if (!look(postgres))
            return lose(postgres);
        if (clock_now().at >= instant_after(since, TELL / 2).at && step < ASK_MOST)
            step *= 2;
    }
    postgres->heard = clock_now();
    return true;
}
