/* SPDX-License-Identifier: ISC */
/*
 * A short connection to each sentinel. One that asks for a password gets the engine's:
 * who has other ones for them names none there.
 */
#include "redis_sentinel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "redis_tls.h"

struct named {
    struct redis_address address;
    unsigned long long epoch; /* of the configuration that names it */
};

/* NULL with `error`. */
static redisReply *say(redisContext *context, char *error, size_t capacity,
                       const char *command, const char *first, const char *second)
{
    const char *words[4] = {command, first, second, NULL};
    int count = second == NULL ? 2 : 3;
    redisReply *reply = redisCommandArgv(context, count, words, NULL);
    if (reply == NULL)
        snprintf(error, capacity, "%s", context->errstr);
    else if (reply->type == REDIS_REPLY_ERROR)
        snprintf(error, capacity, "%s", reply->str);
    else
        return reply;
    if (reply != NULL)
        freeReplyObject(reply);
    return NULL;
}

static bool authenticate(redisContext *context, const struct redis_place *place,
                         char *error, size_t capacity)
{
    if (place->password == NULL)
        return false;
    redisReply *reply =
        place->user != NULL
            ? say(context, error, capacity, "AUTH", place->user, place->password)
            : say(context, error, capacity, "AUTH", place->password, NULL);
    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

/* Pairs of name and value. */
static const char *value_of(const redisReply *reply, const char *name)
{
    for (size_t i = 0; i + 1 < reply->elements; i += 2)
        if (reply->element[i]->type == REDIS_REPLY_STRING &&
            reply->element[i + 1]->type == REDIS_REPLY_STRING &&
            strcmp(reply->element[i]->str, name) == 0)
            return reply->element[i + 1]->str;
    return NULL;
}

static bool read_named(const redisReply *reply, struct named *named)
{
    const char *host = value_of(reply, "ip"), *port = value_of(reply, "port"),
               *epoch = value_of(reply, "config-epoch");
    if (host == NULL || port == NULL || atoi(port) <= 0 || atoi(port) > 65535 ||
        strlen(host) >= sizeof named->address.host)
        return false;
    snprintf(named->address.host, sizeof named->address.host, "%s", host);
    named->address.port = atoi(port);
    named->epoch = epoch != NULL ? strtoull(epoch, NULL, 10) : 0;
    return true;
}

static bool ask(redisContext *context, const struct redis_place *place,
                struct named *named, char *error, size_t capacity)
{
    redisReply *reply =
        say(context, error, capacity, "SENTINEL", "MASTER", place->master);
    if (reply == NULL && context->err == 0 && strncmp(error, "NOAUTH", 6) == 0 &&
        authenticate(context, place, error, capacity))
        reply = say(context, error, capacity, "SENTINEL", "MASTER", place->master);
    if (reply == NULL)
        return false;
    bool good = read_named(reply, named);
    if (!good)
        snprintf(error, capacity, "an answer that is none");
    freeReplyObject(reply);
    return good;
}

static bool ask_one(const struct redis_place *place, const struct redis_host *host,
                    nanos patience, struct named *named, char *error, size_t capacity)
{
    struct timeval limit = redis_timeval(patience);
    redisContext *context = redisConnectWithTimeout(host->name, host->port, limit);
    bool good = false;
    if (context == NULL) {
        snprintf(error, capacity, "out of memory");
        return false;
    }
    if (context->err == 0) {
        redisSetTimeout(context, limit);
        good = (!place->tls || redis_tls_start(context, host->name, error, capacity)) &&
               ask(context, place, named, error, capacity);
    } else {
        snprintf(error, capacity, "%s", context->errstr);
    }
    redisFree(context);
    return good;
}

static void hear(struct redis_verdict *verdict, const struct named *named,
                 unsigned long long *epoch)
{
    bool same =
        verdict->agreed > 0 && redis_address_is(&verdict->master, &named->address);
    if (same) {
        verdict->agreed++;
    } else if (verdict->agreed == 0 || named->epoch > *epoch) {
        verdict->master = named->address;
        verdict->agreed = 1;
        *epoch = named->epoch;
    }
}

bool redis_sentinel_ask(const struct redis_place *place, nanos patience,
                        const _Atomic bool *cut, struct redis_verdict *verdict,
                        char *error, size_t capacity)
{
    unsigned long long epoch = 0;
    struct named named;
    char why[128];
    *verdict = (struct redis_verdict){.agreed = 0};
    for (size_t i = 0; i < place->count && !atomic_load(cut); i++) {
        const struct redis_host *host = &place->hosts[i];
        if (ask_one(place, host, patience, &named, why, sizeof why))
            hear(verdict, &named, &epoch);
        else if (verdict->agreed == 0)
            snprintf(error, capacity, "sentinel %s:%d: %s", host->name, host->port, why);
    }
    return verdict->agreed > 0;
}
