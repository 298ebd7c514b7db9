/* SPDX-License-Identifier: ISC */
/*
 * postgres_link: one connection to the server. Private to the PostgreSQL store.
 *
 * SIGPIPE has to be ignored. One thread's, but for postgres_link_cut() and
 * postgres_link_nudge(). Nothing blocks for longer than it is told to. What fails leaves
 * the link closed, but for what the server has refused.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_LINK_H
#define FCGIWAIT_STORE_POSTGRES_LINK_H

#include <stdatomic.h>
#include <stdbool.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/engine.h"
#include "fcgiwait/text.h"
#include "postgres_hosts.h"

struct pg_conn;
struct pg_result;

struct postgres_link {
    const char *url;
    struct postgres_hosts hosts; /* the order that they are tried in */
    /* NULL, or one whose server is meant, whatever else the URL has, while it is open */
    const struct postgres_link *beside;
    struct engine *engine;      /* that is told of connections and round trips */
    bool replication;           /* a connection that can follow the log */
    struct pg_conn *connection; /* NULL: closed */
    int wake;                   /* eventfd: another thread wants ours */
    _Atomic bool cut;           /* for good */
    const char *slow;           /* set: said where an answer takes long, which it may;
                                 * nothing is followed meanwhile */
    /* NULL: nothing; else done before each wait, which ends for it when it returns. */
    struct instant (*meanwhile)(struct postgres_link *link, struct instant until);
    char error[512];           /* of the last call that failed, with what to do */
    enum engine_state trouble; /* what that says of the engine */
};

/* 0, or an errno value. `url` and `engine` stay the caller's. */
int postgres_link_init(struct postgres_link *link, const char *url, struct engine *engine,
                       bool replication);
void postgres_link_dispose(struct postgres_link *link);

/* Each of several hosts has its share of the time; who says nothing in it is the last
 * that is tried from then on. */
bool postgres_link_open(struct postgres_link *link, struct instant until);
static inline bool postgres_link_is_open(const struct postgres_link *link)
{
    return link->connection != NULL;
}
void postgres_link_close(struct postgres_link *link);

/* From another thread: ends what waits, and lets nothing be opened again. */
void postgres_link_cut(struct postgres_link *link);
/* From another thread: postgres_link_wait() returns. */
void postgres_link_nudge(struct postgres_link *link);

/* Waits for the server (or with `writable` until it takes more), a nudge, or the time.
 * False: cut. */
bool postgres_link_wait(struct postgres_link *link, bool writable, struct instant until);

/* One command and its last result, which is the caller's (PQclear()). NULL: `error`; the
 * link is still open where the server has refused. `value`: of $1, or NULL. */
struct pg_result *postgres_link_ask(struct postgres_link *link, const char *command,
                                    const char *value, struct instant until);

/* Of a stream: all up to this place in the log is done with; `asks`: the server is to say
 * how far it is. False: error. */
bool postgres_link_tell(struct postgres_link *link, uint64_t place, bool asks);

/* Always false: the connection is lost, or says what nobody understands. `why`: NULL:
 * what libpq says. */
bool postgres_link_lose(struct postgres_link *link, enum engine_state trouble,
                        const char *why);

/* The same with what the other one was lost by, or refused. */
bool postgres_link_lose_with(struct postgres_link *link,
                             const struct postgres_link *other);

/* The same by what the server says at the end of a stream. */
bool postgres_link_lose_by(struct postgres_link *link, const struct pg_result *result);

#define POSTGRES_IS_STANDBY                                                              \
    "this is a standby: store.url has to lead to the primary (several hosts and "        \
    "target_session_attrs=read-write find it)"

/* What to do about it, for an SQLSTATE ("" where it is not known) and what the server
 * said; NULL: it says so itself. `trouble`: what it says of the server; stays as it is
 * where that says nothing. Pure. */
const char *postgres_cure(struct text state, struct text said,
                          enum engine_state *trouble);

#endif
