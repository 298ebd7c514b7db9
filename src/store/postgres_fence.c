/* SPDX-License-Identifier: ISC */
/*
 * Readers who bring an index that we do not have. It may come at any moment; else the
 * server is asked how far it has written, which costs it nothing.
 */
#include <libpq-fe.h>

#include "postgres_await.h"
#include "postgres_index.h"

/* How long who is behind waits for the follower before the server is asked. */
#define SHORTLY (5 * NANOS_PER_MS)

static bool await_index(struct postgres *postgres, uint64_t index, struct instant until)
{
    return postgres_await(postgres, &(struct awaited){index, UINT64_MAX, UINT64_MAX},
                          until);
}

/* NULL: link->error. A connection that was closed meanwhile is no trouble. */
static PGresult *ask_place(struct postgres *postgres, struct instant until)
{
    static const char question[] =
        "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')";
    struct postgres_link *link = &postgres->proposing;
    PGresult *result = postgres_link_ask(link, question, NULL, until);
    if (result == NULL && !postgres_link_is_open(link) &&
        postgres_connected(postgres, until))
        result = postgres_link_ask(link, question, NULL, until);
    return result;
}

/* How far the server has written, as an index. False: it could not be asked, or we do not
 * follow it. */
static bool ask_newest(struct postgres *postgres, uint64_t *newest)
{
    struct instant until = postgres_soon(postgres);
    uint64_t session = postgres_session(postgres), place;
    if (atomic_load(&postgres->engine.lost) != 0 || !postgres_connected(postgres, until))
        return false;
    PGresult *result = ask_place(postgres, until);
    bool good = result != NULL && PQntuples(result) == 1 &&
                text_number(text_of(PQgetvalue(result, 0, 0)), UINT64_MAX, &place) &&
                postgres_index_of(atomic_load(&postgres->base),
                                  atomic_load(&postgres->timeline), place, newest) &&
                session == postgres_session(postgres);
    PQclear(result);
    if (good)
        engine_set_newest(&postgres->engine, *newest);
    else if (result == NULL) {
        postgres_note_trouble(postgres);
        atomic_store(&postgres->owes_mark, true); /* which says that it is over */
    }
    return good;
}

static uint64_t lowest(const struct fence *fences)
{
    uint64_t index = UINT64_MAX;
    for (; fences != NULL; fences = fences->next)
        if (fences->index < index)
            index = fences->index;
    return index;
}

static uint64_t highest(const struct fence *fences)
{
    uint64_t index = 0;
    for (; fences != NULL; fences = fences->next)
        if (fences->index > index)
            index = fences->index;
    return index;
}

/* Those that have come by, and those higher than `given`, which never will. */
static void open_due(struct postgres *postgres, uint64_t given)
{
    uint64_t index = atomic_load(&postgres->store.index);
    for (struct fence **at = &postgres->fences; *at != NULL;) {
        struct fence *fence = *at;
        if (fence->index <= index || fence->index > given) {
            *at = fence->next;
            fence->done(fence, true);
        } else {
            at = &fence->next;
        }
    }
}

bool postgres_fences_look(struct postgres *postgres)
{
    uint64_t newest = UINT64_MAX; /* that was given */
    struct instant shortly = instant_after(clock_now(), SHORTLY);
    bool came = await_index(postgres, highest(postgres->fences), shortly);
    bool known = came || ask_newest(postgres, &newest);
    if (known && !came) {
        atomic_store(&postgres->ping, true);
        postgres_link_nudge(&postgres->following);
    }
    struct instant until = queue_latest(postgres->fences, postgres_soon(postgres));
    do
        open_due(postgres, known ? newest : UINT64_MAX);
    while (known && postgres->fences != NULL &&
           await_index(postgres, lowest(postgres->fences), until));
    postgres_fences_open(postgres, false);
    return known;
}

void postgres_fences_open(struct postgres *postgres, bool reached)
{
    while (postgres->fences != NULL) {
        struct fence *fence = postgres->fences;
        postgres->fences = fence->next;
        queue_settle_fence(&postgres->queue, fence, reached, &postgres->patience_ends);
    }
}
