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

/* How far the server has written, as an index. False: it could not be asked, or we do not
 * follow it. */
static bool ask_newest(struct postgres *postgres, uint64_t *newest)
{
    struct instant until = postgres_soon(postgres);
    uint64_t session = postgres_session(postgres), place;
    if (atomic_load(&postgres->engine.lost) != 0 || !postgres_connected(postgres, until))
        return false;
    PGresult *result = postgres_link_ask(
        &postgres->proposing, "SELECT pg_wal_lsn_diff(pg_current_wal_flush_lsn(), '0/0')",
        NULL, until);
    bool good = result != NULL && PQntuples(result) == 1 &&
                text_number(text_of(PQgetvalue(result, 0, 0)), UINT64_MAX, &place) &&
                postgres_index_of(atomic_load(&postgres->base),
                                  atomic_load(&postgres->timeline), place, newest) &&
                session == postgres_session(postgres);
    PQclear(result);
    if (good)
        engine_set_newest(&postgres->engine, *newest);
    else if (result == NULL)
        postgres_note_trouble(postgres);
    return good;
}

bool postgres_fences_look(struct postgres *postgres, struct fence *fences)
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
    struct instant bound = postgres_soon(postgres);
    while (fences != NULL) {
        struct fence *fence = fences;
        struct instant until = fence->until.at < bound.at ? fence->until : bound;
        fences = fence->next;
        bool given = newest == 0 || fence->index <= newest;
        queue_settle_fence(&postgres->queue, fence,
                           known &&
                               (!given || await_index(postgres, fence->index, until)),
                           &postgres->patience_ends);
    }
    return known;
}

void postgres_fences_open(struct postgres *postgres, struct fence *fences, bool reached)
{
    while (fences != NULL) {
        struct fence *fence = fences;
        fences = fence->next;
        queue_settle_fence(&postgres->queue, fence, reached, &postgres->patience_ends);
    }
}
