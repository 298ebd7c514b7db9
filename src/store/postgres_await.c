/* SPDX-License-Identifier: ISC */
/* Every wait has an end, and a stop of the process cuts all of them short. Fences are
 * given up meanwhile, each at its own. */
#include "postgres_await.h"

#include <string.h>

/* An attempt that has no time left tells nothing: what the one before it was told is why
 * there is no connection. */
static bool try_again(struct postgres_link *link, struct instant until, bool first)
{
    enum engine_state trouble = link->trouble;
    char error[sizeof link->error];
    memcpy(error, link->error, sizeof error);
    if (postgres_link_open(link, until))
        return true;
    if (!first && clock_now().at >= until.at) {
        link->trouble = trouble;
        memcpy(link->error, error, sizeof error);
    }
    return false;
}

bool postgres_connected(struct postgres *postgres, struct instant until)
{
    enum { FIRST = 50 };
    struct patience patience = {until, &postgres->patience_ends};
    for (int tries = FIRST; !postgres_link_is_open(&postgres->proposing); tries++) {
        struct instant bound = postgres_soon(postgres);
        if (try_again(&postgres->proposing, bound.at < until.at ? bound : until,
                      tries == FIRST))
            return true;
        queue_expire(&postgres->queue, &postgres->fences, until);
        if (!patience_pause(&patience, tries))
            return false;
    }
    return true;
}

void postgres_note_trouble(struct postgres *postgres)
{
    engine_set_trouble(&postgres->engine, ENGINE_TAKES_CHANGES,
                       postgres->proposing.trouble, postgres->proposing.error);
    /* What is a standby stays one; the next connection may find the primary. */
    if (postgres->proposing.trouble == ENGINE_READONLY)
        postgres_link_close(&postgres->proposing);
}

/* The lock is held. */
static bool is_reached(const struct postgres *postgres, const struct awaited *awaited)
{
    return atomic_load(&postgres->store.index) >= awaited->index ||
           postgres->seen >= awaited->mark || postgres->session > awaited->session;
}

static bool await_until(struct postgres *postgres, const struct awaited *awaited,
                        struct instant until)
{
    struct patience patience = {until, &postgres->patience_ends};
    lock_take(&postgres->lock);
    while (!is_reached(postgres, awaited) &&
           patience_wait(&patience, &postgres->lock, &postgres->moved))
        ;
    bool reached = is_reached(postgres, awaited);
    lock_drop(&postgres->lock);
    return reached;
}

bool postgres_await(struct postgres *postgres, const struct awaited *awaited,
                    struct instant until)
{
    struct patience patience = {until, &postgres->patience_ends};
    struct instant next = {.at = 0}; /* a look first: whose time is over may have it */
    while (!await_until(postgres, awaited, next)) {
        if (patience_is_over(&patience))
            return false;
        next = queue_expire(&postgres->queue, &postgres->fences, until);
    }
    return true;
}

uint64_t postgres_session(struct postgres *postgres)
{
    lock_take(&postgres->lock);
    uint64_t session = postgres->session;
    lock_drop(&postgres->lock);
    return session;
}
