/* SPDX-License-Identifier: ISC */
/*
 * The one call that asks the engine for something, with edits or without, and what goes
 * with it: who may still call, who has it as well, and waiting until it has come by.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "fcgiwait/clock.h"
#include "redis.h"

#define ALIVE "86400" /* seconds: longer than any connection of before lingers */

#define ROOM (REDIS_ARGUMENTS * TEXT_NUMBER)

/* Those that all calls begin with; their text lies in `room`. */
static void begin_arguments(struct redis *redis, uint64_t connection, uint64_t number,
                            char room[ROOM], struct text arguments[REDIS_ARGUMENTS])
{
    char *at = room;
    uint64_t numbers[] = {connection,
                          number,
                          atomic_load(&redis->shown),
                          store_first_index(),
                          (uint64_t)clock_wall(),
                          atomic_load(&redis->store.limit),
                          redis->history};
    arguments[0] = text_of(redis->id);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        arguments[1 + i] = (struct text){at, text_format(numbers[i], at)};
        at += TEXT_NUMBER;
    }
}

static void refuse(struct redis *redis, struct redis_link *link, struct text said)
{
    char why[ENGINE_WHY];
    if (text_is(said, TEXT(REDIS_SAID_REPLICA))) {
        redis_link_refuse(link, ENGINE_READONLY, "READONLY: it is a replica");
        return;
    }
    bool foreign = text_is(said, TEXT(REDIS_SAID_FOREIGN));
    snprintf(why, sizeof why,
             foreign ? "the keys %.150s are another application's: store.name chooses "
                       "others"
                     : "an answer that is none (%.150s)",
             redis->keys[REDIS_STATE]);
    redis_link_refuse(link, foreign ? ENGINE_FOREIGN : ENGINE_REFUSED, why);
}

static bool read_point(const struct redisReply *reply, size_t edits,
                       struct redis_point *point)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != REDIS_ANSWERS + edits)
        return false;
    struct text era = redis_text(reply->element[2]);
    point->newest = redis_number(reply->element[1]);
    snprintf(point->era, sizeof point->era, "%.*s", (int)era.len, era.at);
    return text_is(redis_text(reply->element[0]), TEXT("ok"));
}

static struct redisReply *call(struct redis *redis, struct redis_link *link,
                               uint64_t connection, uint64_t number,
                               struct text *arguments, size_t edits,
                               struct redis_point *point)
{
    char room[ROOM];
    begin_arguments(redis, connection, number, room, arguments);
    struct redisReply *reply = redis_link_script(
        link, REDIS_PROPOSE, arguments, REDIS_ARGUMENTS + REDIS_EDIT_ARGUMENTS * edits);
    if (reply == NULL)
        return NULL;
    if (read_point(reply, edits, point)) {
        engine_set_newest(&redis->engine, point->newest);
        return reply;
    }
    refuse(redis, link,
           reply->type == REDIS_REPLY_ARRAY && reply->elements > 0
               ? redis_text(reply->element[0])
               : TEXT(""));
    freeReplyObject(reply);
    return NULL;
}

struct redisReply *redis_call(struct redis *redis, struct redis_link *link,
                              struct text *arguments, size_t edits,
                              struct redis_point *point)
{
    return call(redis, link, redis->connections, redis->numbered, arguments, edits,
                point);
}

/* There is nothing in it that could be given up. */
bool redis_hello(struct redis *redis, struct redis_link *link, struct redis_point *point)
{
    struct text arguments[REDIS_ARGUMENTS];
    struct redisReply *reply = call(redis, link, 0, 0, arguments, 0, point);
    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

bool redis_claim(struct redis *redis)
{
    char connection[TEXT_NUMBER];
    struct text words[] = {TEXT("SET"),
                           text_of(redis->keys[REDIS_ALIVE]),
                           {connection, text_format(redis->connections, connection)},
                           TEXT("EX"),
                           TEXT(ALIVE)};
    return redis_link_say(&redis->proposing, words, 5);
}

bool redis_take_over(struct redis *redis)
{
    if (!redis_link_open(&redis->proposing, redis->patience))
        return false;
    redis->connections++;
    return redis_claim(redis);
}

bool redis_is_replicated(struct redis *redis, nanos span)
{
    char count[16], most[24];
    snprintf(count, sizeof count, "%u", redis->replicas);
    snprintf(most, sizeof most, "%" PRId64, span / NANOS_PER_MS);
    struct text words[] = {TEXT("WAIT"), text_of(count), text_of(most)};
    if (redis->replicas == 0)
        return true;
    redis->proposing.grace += span; /* it waits itself, and is well */
    struct redisReply *reply = redis_link_call(&redis->proposing, words, 3);
    redis->proposing.grace -= span;
    bool enough = reply != NULL && redis_number(reply) >= redis->replicas;
    if (reply != NULL && !enough)
        redis_link_refuse(&redis->proposing, ENGINE_ALONE,
                          "fewer replicas than store.replicas have a change");
    if (reply != NULL)
        freeReplyObject(reply);
    return enough;
}

static bool has_reached(const struct redis *redis, const struct redis_point *point)
{
    return atomic_load(&redis->store.index) >= point->newest &&
           strcmp(redis->era, point->era) == 0;
}

static bool await_until(struct redis *redis, const struct redis_point *point,
                        struct instant until)
{
    struct patience patience = {until, &redis->patience_ends};
    lock_take(&redis->lock);
    while (!has_reached(redis, point) &&
           patience_wait(&patience, &redis->lock, &redis->moved))
        ;
    bool reached = has_reached(redis, point);
    lock_drop(&redis->lock);
    return reached;
}

bool redis_await(struct redis *redis, const struct redis_point *point,
                 struct instant until)
{
    struct patience patience = {until, &redis->patience_ends};
    struct instant next = {.at = 0}; /* a look first: whose time is over may have it */
    while (!await_until(redis, point, next)) {
        if (patience_is_over(&patience))
            return false;
        next = queue_expire(&redis->queue, &redis->fences, until);
    }
    return true;
}
