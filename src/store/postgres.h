/* SPDX-License-Identifier: ISC */
/*
 * postgres: an application's own PostgreSQL as the source of changes. Private to the
 * store.
 *
 * One thread follows the server's write-ahead log (postgres_follow.c): what rows, touches
 * and our own proposals change reaches the state through it alone, transaction by
 * transaction, under the index of the commit. One proposes (postgres_propose.c): touches
 * become messages in that log. Documents are the application's: none are kept here.
 *
 * Nothing of ours is in the server but the connections and what lives as long as they: a
 * temporary slot.
 */
#ifndef FCGIWAIT_STORE_POSTGRES_H
#define FCGIWAIT_STORE_POSTGRES_H

#include <pthread.h>

#include "backend.h"
#include "kept.h"
#include "patience.h"
#include "postgres_gather.h"
#include "postgres_link.h"
#include "postgres_snapshot.h"
#include "postgres_table.h"
#include "queue.h"

/* Messages with this prefix name paths; those with the other one are acknowledgements. */
#define POSTGRES_PREFIX "fcgiwait"
#define POSTGRES_MARK "fcgiwait.mark"

/* Edits in one transaction, at most. */
enum { POSTGRES_MOST = 512 };

struct postgres {
    struct store store;
    struct engine engine;
    char *url, *publication;
    char id[STORE_ID]; /* of this process, for as long as it runs */
    bool fenced;
    nanos patience;
    struct queue queue;
    struct postgres_link proposing, following, asking;
    pthread_t proposer, follower;
    _Atomic bool stopping;
    _Atomic nanos patience_ends; /* an instant: then nobody waits for the server */
    _Atomic uint64_t base;       /* of indexes; the follower raises it */
    _Atomic uint32_t timeline;   /* of the server that is followed */
    _Atomic bool ping;           /* the follower asks how far the log has come */
    _Atomic bool owes_mark;      /* the proposer tells the base */

    /* The order in which changes reach the state. */
    struct lock lock;     /* guards what follows, and the store's index */
    pthread_cond_t moved; /* any of it did */
    uint64_t session;     /* slots that were followed, so far */
    uint64_t seen;        /* the newest mark of ours that came by */
    uint64_t seen_index;  /* its index */

    /* the proposer's own */
    uint64_t numbered; /* marks, so far */
    struct edit *edits[POSTGRES_MOST];
    struct fence *fences; /* that it has taken */
    struct kept kept;

    /* the follower's own */
    struct postgres_tables *tables;
    struct postgres_gather gather;
    uint64_t slots;     /* that were made, so far */
    uint64_t system;    /* identifier of the server; 0: none yet */
    bool inside;        /* a transaction */
    uint32_t number;    /* its number */
    uint64_t ends;      /* a place in the log where it is over for certain */
    bool counts;        /* the server takes us for a synchronous standby */
    bool passed;        /* something that is not for us was passed over, and logged */
    nanos at;           /* of the transaction */
    uint64_t mark;      /* of ours in it; 0: none */
    uint64_t lift;      /* a base that somebody has told in it */
    uint64_t reached;   /* place in the log up to which all was shown */
    uint64_t confirmed; /* what the server was told of that */
    struct instant heard, told;        /* from the server, and to it */
    struct instant framed;             /* from its stream */
    bool pinged;                       /* and no answer yet */
    struct instant pinged_at;          /* first */
    bool doubted;                      /* and it was asked beside it, since then */
    struct postgres_snapshot snapshot; /* the last that was looked at */
    struct pg_result *snapshot_said;   /* where it lies; NULL: none */
    struct instant looked;             /* when */
    uint64_t unseen; /* a transaction below it may be told by nobody; 0: none */
};

/* Until then the server has to answer. */
static inline struct instant postgres_soon(const struct postgres *postgres)
{
    return instant_after(clock_now(), postgres->patience);
}

/* All that was gathered becomes visible, or that there was nothing, up to this place in
 * the log. False: following.error; its index can't be given, or was given before. */
bool postgres_show(struct postgres *postgres, uint64_t place, nanos at);

/* Everything counts as changed, and nothing from before means anything. False: out of
 * memory. */
bool postgres_show_start(struct postgres *postgres, uint64_t index);

/* Beside the stream, to the server that it comes from. False: following.error. */
bool postgres_asking_open(struct postgres *postgres);

/* Returns once readers of the database see what the transaction did. False:
 * following.error. */
bool postgres_await_visible(struct postgres *postgres, uint32_t transaction);

/* The same for all that were committed before a slot begins: one of them may not be seen
 * yet, and nobody knows which. Those that go on are not waited for, or not here. */
bool postgres_await_start(struct postgres *postgres);

/* It answers beside a stream that is silent. */
bool postgres_is_alive(struct postgres *postgres, struct instant until);

/* When the follower has to look whether these are seen, and that. Once they are,
 * everything counts as changed again. Where there are none it looks now and then, so that
 * nothing on the way takes the connection for one that is not needed, and what was seen
 * last is not too old for the log's short numbers. False: following.error. */
struct instant postgres_next_look(const struct postgres *postgres);
bool postgres_look_back(struct postgres *postgres);

/* The proposer writes a mark, which tells the base, and moves the log on. */
static inline void postgres_owe_mark(struct postgres *postgres)
{
    atomic_store(&postgres->owes_mark, true);
    queue_nudge(&postgres->queue);
}

/* Opens a slot at the end of the log, and counts everything as changed there. The
 * follower's. False: following.error. */
bool postgres_follow_open(struct postgres *postgres);

/* Whether the server can tell all that the configuration asks for. Before the follower
 * begins. False: `error`. */
bool postgres_compare(struct postgres *postgres, char *error, size_t capacity);

/* What the log says of a table. False: following.error. */
bool postgres_learn(struct postgres *postgres, const struct postgres_message *message);

/* The threads. */
void *postgres_proposer(void *postgres);
void *postgres_follower(void *postgres);

#endif
