/* SPDX-License-Identifier: ISC */
/*
 * Two sides with a state each. The log is written without the lock; where two threads
 * speak of one side at once, their lines may come in the other order.
 */
#include "fcgiwait/engine.h"

#include <stdio.h>

#include "fcgiwait/log.h"

static struct counters nobodys;

static const char *const names[ENGINE_STATES] = {
    [ENGINE_GOOD] = "good",       [ENGINE_FULL] = "full",
    [ENGINE_ALONE] = "alone",     [ENGINE_READONLY] = "readonly",
    [ENGINE_LOADING] = "loading", [ENGINE_SLOW] = "slow",
    [ENGINE_LOST] = "lost",       [ENGINE_REFUSED] = "refused",
    [ENGINE_FOREIGN] = "foreign",
};

const char *engine_state_name(enum engine_state state)
{
    return names[state];
}

void engine_init(struct engine *engine, const char *type, struct counters *counters)
{
    *engine = (struct engine){.type = type,
                              .counters = counters != NULL ? counters : &nobodys,
                              .level = clock_now()};
    lock_init(&engine->lock, LOCK_ENGINE);
}

void engine_dispose(struct engine *engine)
{
    lock_destroy(&engine->lock);
}

void engine_set_where(struct engine *engine, const char *where)
{
    lock_take(&engine->lock);
    snprintf(engine->where, sizeof engine->where, "%s", where);
    lock_drop(&engine->lock);
}

/* True: it was another one before. */
static bool set(struct engine *engine, enum engine_side side, enum engine_state state,
                const char *why, char where[ENGINE_WHERE])
{
    lock_take(&engine->lock);
    bool news = engine->sides[side].state != state;
    engine->sides[side].state = state;
    snprintf(engine->sides[side].why, ENGINE_WHY, "%s", why);
    snprintf(where, ENGINE_WHERE, "%s", engine->where);
    if (side == ENGINE_IS_FOLLOWED && state == ENGINE_GOOD)
        atomic_store(&engine->lost, 0);
    else if (side == ENGINE_IS_FOLLOWED && atomic_load(&engine->lost) == 0)
        atomic_store(&engine->lost, clock_now().at);
    lock_drop(&engine->lock);
    return news;
}

void engine_set_trouble(struct engine *engine, enum engine_side side,
                        enum engine_state state, const char *why)
{
    char where[ENGINE_WHERE];
    if (!set(engine, side, state, why, where))
        return;
    if (side == ENGINE_TAKES_CHANGES)
        log_error("the store's engine at %s takes no changes (%s): %s", where,
                  names[state], why);
    else
        log_error("the store's engine at %s can't be followed (%s): %s; what is known "
                  "is served",
                  where, names[state], why);
}

void engine_set_good(struct engine *engine, enum engine_side side)
{
    char where[ENGINE_WHERE];
    if (set(engine, side, ENGINE_GOOD, "", where))
        log_info("the store's engine at %s %s again", where,
                 side == ENGINE_TAKES_CHANGES ? "takes changes" : "is followed");
}

void engine_set_level(struct engine *engine)
{
    lock_take(&engine->lock);
    engine->level = clock_now();
    lock_drop(&engine->lock);
}

void engine_set_newest(struct engine *engine, uint64_t index)
{
    lock_take(&engine->lock);
    engine->newest = index;
    lock_drop(&engine->lock);
}

void engine_note_reset(struct engine *engine)
{
    char where[ENGINE_WHERE];
    lock_take(&engine->lock);
    snprintf(where, sizeof where, "%s", engine->where);
    lock_drop(&engine->lock);
    counter_add(&engine->counters->engine_resets, 1);
    log_warn(
        "the store's engine at %s is another one than before, and may have forgotten "
        "what came last: everything counts as changed",
        where);
}

bool engine_answers(const struct engine *engine, nanos patience)
{
    nanos lost = atomic_load(&engine->lost);
    return lost == 0 || clock_now().at - lost < patience;
}

void engine_tell(struct engine *engine, uint64_t index, struct engine_report *report)
{
    struct instant now = clock_now();
    lock_take(&engine->lock);
    *report =
        (struct engine_report){.type = engine->type,
                               .lag = engine->newest > index ? engine->newest - index : 0,
                               .lag_time = now.at - engine->level.at};
    snprintf(report->where, sizeof report->where, "%s", engine->where);
    for (int side = 0; side < ENGINE_SIDES; side++)
        if (engine->sides[side].state > report->state) {
            report->state = engine->sides[side].state;
            snprintf(report->why, sizeof report->why, "%s", engine->sides[side].why);
        }
    lock_drop(&engine->lock);
}
