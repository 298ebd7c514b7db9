/* SPDX-License-Identifier: ISC */
/*
 * redis: the store in Redis, shared by processes on any number of machines. Private to
 * the store.
 *
 * One thread proposes (redis_propose.c): all edits that have come meanwhile in one atomic
 * step, on a connection of its own. One follows (redis_follow.c): what has happened, our
 * own changes included, reaches the state through its stream alone, in the engine's
 * order. An edit is done once it has come by there.
 */
#ifndef FCGIWAIT_STORE_REDIS_H
#define FCGIWAIT_STORE_REDIS_H

#include <pthread.h>

#include "backend.h"
#include "batch.h"
#include "kept.h"
#include "paths.h"
#include "patience.h"
#include "queue.h"
#include "redis_link.h"

/* Edits in one call, at most. What is told of two histories of an engine that may have
 * the same indexes is kept apart by its replid, the `era`. */
enum { REDIS_MOST = 512 };

struct redis {
    struct store store;
    struct engine engine;
    redis_place_ref place; /* another one after a SIGHUP */
    char *keys[REDIS_KEYS];
    char id[STORE_ID]; /* of this process, for as long as it runs */
    unsigned replicas;
    bool fenced;
    nanos patience;
    uint64_t history;
    struct queue queue;
    struct redis_link proposing, following;
    pthread_t proposer, follower, watcher;
    _Atomic bool stopping;
    _Atomic uint64_t shown; /* the newest index that reached the state. Above the store's
                               while it reads by index: others may lie below still */
    _Atomic nanos patience_ends; /* an instant: then nobody waits for the engine */

    /* The order in which changes reach the state. */
    struct lock lock;          /* guards what follows, and the store's index */
    bool reading;              /* by index; it goes on until it was whole */
    pthread_cond_t moved;      /* the index did, or the era */
    pthread_cond_t look;       /* for the watcher: a doubt, another place, or stop */
    char era[48];              /* the replid under which what we follow was given */
    uint64_t forgotten;        /* that the state knows of */
    uint64_t first_number;     /* of the edits that were proposed last */
    uint64_t seen[REDIS_MOST]; /* under which index each of them came by; 0: not yet */
    bool blind;            /* the stream was not there: they may have come by unseen */
    struct fence *doubted; /* of an index that only another engine can have given */

    /* the proposer's own */
    uint64_t connections; /* of its own, so far */
    uint64_t numbered;    /* edits, so far */
    size_t held;          /* edits in `edits`, those to be decided again first */
    struct fence *fences; /* that it has taken */
    bool alone;           /* replicas miss the newest edits */
    struct edit *edits[REDIS_MOST];
    struct decision *decisions; /* REDIS_MOST */
    struct text *arguments;     /* of one call */
    struct kept kept;           /* touches for when the engine is back */
    bool troubled; /* it took no changes the last time; the engine's state says which */

    /* the follower's own */
    char last[48];  /* ID in the stream that it has read up to */
    size_t unsound; /* entries that no fcgiwait can have written */
};

/* How far the engine was when it answered. */
struct redis_point {
    uint64_t newest;
    char era[48];
};

/* That, after it has made a new beginning where it forgot. Without edits. False:
 * link->error. */
bool redis_hello(struct redis *redis, struct redis_link *link, struct redis_point *point);

/* The same with edits, whose arguments stand behind the first REDIS_ARGUMENTS. Those are
 * filled in, under the connection and the number of the first edit. NULL: link->error. */
struct redisReply *redis_call(struct redis *redis, struct redis_link *link,
                              struct text *arguments, size_t edits,
                              struct redis_point *point);

/* Opens the proposer's link, and ends what connections of before may still do. */
bool redis_take_over(struct redis *redis);
/* Says that once more, which is a change like any other. False: link->error. */
bool redis_claim(struct redis *redis);

/* With `replicas`: whether so many have what was proposed on the proposer's link, within
 * this span, of milliseconds. */
bool redis_is_replicated(struct redis *redis, nanos span);

/* Waits until the state has come to this point; false: it has not in time. */
bool redis_await(struct redis *redis, const struct redis_point *point,
                 struct instant until);

/* One step of the state, and of the store's index, with the lock held. What no fcgiwait
 * can have written is passed over (`unsound`). False: out of memory. */
bool redis_show(struct redis *redis, struct change *change, struct text type,
                struct text body);
bool redis_show_forgotten(struct redis *redis, uint64_t upto);
void redis_move(struct redis *redis,
                uint64_t index); /* where there was nothing to show */

/* With the link open: the state becomes what the engine has, whatever was missed. */
bool redis_catch_up(struct redis *redis);
/* And then as new as the engine was when we asked: what changed meanwhile. */
bool redis_level(struct redis *redis);

/* A fence is to be looked at by the watcher: only the sentinels can tell. */
void redis_doubt(struct redis *redis, struct fence *fence);

/* The threads. The watcher asks Sentinel, where there is one. */
void *redis_proposer(void *redis);
void *redis_follower(void *redis);
void *redis_watcher(void *redis);

#endif
