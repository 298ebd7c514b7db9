/* SPDX-License-Identifier: ISC */
/*
 * engine: how the engine behind a store is (Redis, PostgreSQL), as the log, the status
 * and the metrics name it.
 *
 * A store that has one keeps a `struct engine` and says what it meets; the log gets a
 * line where that is news. What is only counted (round trips, retries, resets) is added
 * to the counters directly. Any thread; takes its own lock and the log's.
 */
#ifndef FCGIWAIT_ENGINE_H
#define FCGIWAIT_ENGINE_H

#include <stdbool.h>

#include "fcgiwait/counters.h"
#include "fcgiwait/lock.h"

/* From the best to the worst: of two at a time the worse one is told. */
enum engine_state {
    ENGINE_GOOD,
    ENGINE_FULL,     /* out of memory or disk: it takes no changes */
    ENGINE_ALONE,    /* it misses the replicas that it is to have */
    ENGINE_READONLY, /* a replica */
    ENGINE_LOADING,  /* it reads its file */
    ENGINE_SLOW,     /* no answer in time */
    ENGINE_LOST,     /* can't be reached */
    ENGINE_REFUSED,  /* a password, a right, a database, a wrong protocol */
    ENGINE_FOREIGN,  /* what is stored there is another application's */
    ENGINE_STATES
};

/* A word in lower case. */
const char *engine_state_name(enum engine_state state);

/* Changes go to the engine on one way, and come from it on another. */
enum engine_side { ENGINE_TAKES_CHANGES, ENGINE_IS_FOLLOWED, ENGINE_SIDES };

#define ENGINE_WHERE 128
#define ENGINE_WHY 256

struct engine {
    struct counters *counters;
    struct lock lock; /* guards what follows */
    const char *type;
    char where[ENGINE_WHERE];
    struct {
        enum engine_state state;
        char why[ENGINE_WHY]; /* in the engine's words; "": it is good */
    } sides[ENGINE_SIDES];
    struct instant level; /* when what is served was known to be all that it had */
    uint64_t newest;      /* the newest index that it was heard to have */
    _Atomic nanos lost;   /* an instant: since then it is not followed; 0: it is */
};

/* `type` as in store.type: a literal. `counters`: NULL: nobody's. */
void engine_init(struct engine *engine, const char *type, struct counters *counters);
void engine_dispose(struct engine *engine);

/* Where it is, without a password. */
void engine_set_where(struct engine *engine, const char *where);

/* It does not do what this side is for; `why` in the engine's words. Said in the log
 * where the state is another one. */
void engine_set_trouble(struct engine *engine, enum engine_side side,
                        enum engine_state state, const char *why);
void engine_set_good(struct engine *engine, enum engine_side side);

/* What is served was all that the engine had just now; and: it has this much. */
void engine_set_level(struct engine *engine);
void engine_set_newest(struct engine *engine, uint64_t index);

/* It lost what it had acknowledged, or may have: everything counts as changed. */
void engine_note_reset(struct engine *engine);

/* It has been followed within this time. */
bool engine_answers(const struct engine *engine, nanos patience);

/* A copy to be told. */
struct engine_report {
    const char *type; /* NULL: the store has no engine; nothing else counts */
    char where[ENGINE_WHERE];
    enum engine_state state;
    char why[ENGINE_WHY];
    uint64_t lag;   /* indexes that it is known to be ahead of what is served */
    nanos lag_time; /* since what is served was all that it had */
};

/* `index`: what is served. */
void engine_tell(struct engine *engine, uint64_t index, struct engine_report *report);

#endif
