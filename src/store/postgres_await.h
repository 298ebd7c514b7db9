/* SPDX-License-Identifier: ISC */
/*
 * postgres_await: what the proposer waits for: a connection, and the follower. Private to
 * the PostgreSQL store; its proposer's.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_AWAIT_H
#define FCGIWAIT_STORE_POSTGRES_AWAIT_H

#include "postgres.h"

/* Opens the proposer's link where it is closed. False: not in time. */
bool postgres_connected(struct postgres *postgres, struct instant until);

/* The server takes no changes: link->error. */
void postgres_note_trouble(struct postgres *postgres);

/* What the follower has to come to. */
struct awaited {
    uint64_t index;   /* of the state, */
    uint64_t mark;    /* or that has come by: UINT64_MAX: none */
    uint64_t session; /* or a session that began after this one */
};

/* False: not in time. */
bool postgres_await(struct postgres *postgres, const struct awaited *awaited,
                    struct instant until);

uint64_t postgres_session(struct postgres *postgres);

/* --- fences (postgres_fence.c) --- */

/* All that were taken, after what was proposed once they had come: it was `reached`, or
 * not. Whose time is not over waits on. */
void postgres_fences_open(struct postgres *postgres, bool reached);

/* The same for those that bring an index: one that was given is one that the server has
 * written, and the follower comes to it. Any other was never given. False: the server
 * could not be asked. */
bool postgres_fences_look(struct postgres *postgres);

#endif
