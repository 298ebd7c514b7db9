/* SPDX-License-Identifier: ISC */
/*
 * Connecting, authenticating, calling. Only what the connection itself refuses closes it;
 * an error that the engine answers leaves it open.
 */
#include "redis_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <hiredis/hiredis.h>

#include "redis_tls.h"

#define WORDS_NEAR 64 /* of a command that needs no memory of its own */

void redis_link_init(struct redis_link *link, const redis_place_ref *place,
                     const char *const *keys, struct engine *engine)
{
    *link = (struct redis_link){.place = place, .keys = keys, .engine = engine};
    lock_init(&link->lock, LOCK_LINK);
}

void redis_link_dispose(struct redis_link *link)
{
    redis_link_close(link);
    lock_destroy(&link->lock);
}

static void set_context(struct redis_link *link, struct redisContext *context,
                        const struct redis_address *address)
{
    lock_take(&link->lock);
    if (address != NULL)
        link->address = *address;
    struct redisContext *old = link->context;
    link->context = atomic_load(&link->cut) ? NULL : context;
    bool refused = link->context != context;
    lock_drop(&link->lock);
    if (old != NULL)
        redisFree(old);
    if (refused)
        redisFree(context);
}

void redis_link_close(struct redis_link *link)
{
    set_context(link, NULL, NULL);
}

void redis_link_cut(struct redis_link *link)
{
    lock_take(&link->lock);
    atomic_store(&link->cut, true);
    if (link->context != NULL)
        shutdown(link->context->fd, SHUT_RDWR);
    lock_drop(&link->lock);
}

bool redis_link_leads_to(struct redis_link *link, const struct redis_address *address)
{
    lock_take(&link->lock);
    bool leads = link->context != NULL && redis_address_is(address, &link->address);
    lock_drop(&link->lock);
    return leads;
}

void redis_link_shake(struct redis_link *link, const struct redis_address *address)
{
    lock_take(&link->lock);
    if (link->context != NULL &&
        (address == NULL || !redis_address_is(address, &link->address)))
        shutdown(link->context->fd, SHUT_RDWR);
    lock_drop(&link->lock);
}

/* --- calling --- */

bool redis_link_refuse(struct redis_link *link, enum engine_state trouble,
                       const char *why)
{
    link->trouble = trouble;
    snprintf(link->error, sizeof link->error, "%s", why);
    return false;
}

static bool fail(struct redis_link *link, const char *why)
{
    return redis_link_refuse(link, ENGINE_LOST, why);
}

/* What it answers begins with a word. */
static enum engine_state trouble_of(const char *error)
{
    static const struct {
        const char *word;
        enum engine_state trouble;
    } words[] = {{"OOM ", ENGINE_FULL},
                 {"MISCONF ", ENGINE_FULL},
                 {"NOREPLICAS ", ENGINE_ALONE},
                 {"READONLY ", ENGINE_READONLY},
                 {"MASTERDOWN ", ENGINE_READONLY},
                 {"LOADING ", ENGINE_LOADING},
                 {"BUSY ", ENGINE_SLOW},
                 {"WRONGTYPE ", ENGINE_FOREIGN}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strncmp(error, words[i].word, strlen(words[i].word)) == 0)
            return words[i].trouble;
    return ENGINE_REFUSED;
}

static struct redisReply *lose(struct redis_link *link)
{
    bool late = link->context->err == REDIS_ERR_IO && errno == EAGAIN;
    redis_link_refuse(link, late ? ENGINE_SLOW : ENGINE_LOST,
                      late ? "no answer in time" : link->context->errstr);
    redis_link_close(link);
    return NULL;
}

/* As a read that has waited for too long, else. One that was cut is readable. */
static bool await_bytes(struct redis_link *link)
{
    struct pollfd fd = {.fd = link->context->fd, .events = POLLIN};
    struct instant until = instant_after(clock_now(), link->patience);
    struct instant due = instant_after(clock_now(), link->grace);
    if (due.at > until.at)
        due = until;
    for (;;) {
        bool early = clock_now().at < due.at;
        struct instant next = early ? due : link->meanwhile(link, until);
        if (poll(&fd, 1, instant_left_ms(next, clock_now())) > 0)
            return true;
        if (clock_now().at < until.at)
            continue;
        link->context->err = REDIS_ERR_IO;
        errno = EAGAIN;
        return false;
    }
}

/* What redisCommandArgv() does, but for the wait. NULL: context->err. */
static struct redisReply *converse(struct redis_link *link, const char **words,
                                   const size_t *lengths, size_t count)
{
    struct redisContext *context = link->context;
    void *reply = NULL;
    if (link->meanwhile == NULL)
        return redisCommandArgv(context, (int)count, words, lengths);
    if (redisAppendCommandArgv(context, (int)count, words, lengths) != REDIS_OK)
        return NULL;
    for (int done = 0; done == 0;)
        if (redisBufferWrite(context, &done) != REDIS_OK)
            return NULL;
    while (reply == NULL)
        if (!await_bytes(link) || redisBufferRead(context) != REDIS_OK ||
            redisGetReplyFromReader(context, &reply) != REDIS_OK)
            return NULL;
    return reply;
}

static struct redisReply *call(struct redis_link *link, const char **words,
                               const size_t *lengths, size_t count)
{
    if (link->context == NULL) {
        fail(link, "not connected");
        return NULL;
    }
    struct redisReply *reply = converse(link, words, lengths, count);
    if (reply == NULL)
        return lose(link);
    counter_add(&link->engine->counters->engine_round_trips, 1);
    if (reply->type != REDIS_REPLY_ERROR)
        return reply;
    redis_link_refuse(link, trouble_of(reply->str), reply->str);
    freeReplyObject(reply);
    return NULL;
}

struct redisReply *redis_link_call(struct redis_link *link, const struct text *texts,
                                   size_t count)
{
    const char *near_words[WORDS_NEAR], **words = near_words;
    size_t near_lengths[WORDS_NEAR], *lengths = near_lengths;
    struct redisReply *reply = NULL;
    if (count > WORDS_NEAR) {
        words = malloc(count * sizeof *words);
        lengths = malloc(count * sizeof *lengths);
    }
    if (words == NULL || lengths == NULL) {
        fail(link, "out of memory");
    } else {
        for (size_t i = 0; i < count; i++) {
            words[i] = texts[i].len > 0 ? texts[i].at : "";
            lengths[i] = texts[i].len;
        }
        reply = call(link, words, lengths, count);
    }
    if (count > WORDS_NEAR) {
        free(words);
        free(lengths);
    }
    return reply;
}

bool redis_link_say(struct redis_link *link, const struct text *words, size_t count)
{
    struct redisReply *reply = redis_link_call(link, words, count);
    if (reply == NULL)
        return false;
    freeReplyObject(reply);
    return true;
}

static bool load(struct redis_link *link, int script)
{
    struct text words[] = {TEXT("SCRIPT"), TEXT("LOAD"), text_of(redis_scripts[script])};
    struct redisReply *reply = redis_link_call(link, words, 3);
    if (reply == NULL)
        return false;
    snprintf(link->hashes[script], sizeof link->hashes[script], "%s",
             reply->str != NULL ? reply->str : "");
    freeReplyObject(reply);
    return true;
}

struct redisReply *redis_link_script(struct redis_link *link, enum redis_script script,
                                     const struct text *arguments, size_t count)
{
    enum { BEFORE = 3 + REDIS_KEYS };
    char keys[TEXT_NUMBER];
    struct redisReply *reply = NULL;
    struct text *words = malloc((BEFORE + count) * sizeof *words);
    if (words == NULL) {
        fail(link, "out of memory");
        return NULL;
    }
    words[0] = TEXT("EVALSHA");
    words[2] = (struct text){keys, text_format(REDIS_KEYS, keys)};
    for (int i = 0; i < REDIS_KEYS; i++)
        words[3 + i] = text_of(link->keys[i]);
    if (count > 0)
        memcpy(words + BEFORE, arguments, count * sizeof *words);
    for (int tries = 0; tries < 2 && reply == NULL; tries++) {
        words[1] = text_of(link->hashes[script]);
        reply = redis_link_call(link, words, BEFORE + count);
        /* It has forgotten the script, and so has not run it: SCRIPT FLUSH, say. */
        if (reply == NULL &&
            (link->context == NULL || strncmp(link->error, "NOSCRIPT", 8) != 0 ||
             !load(link, script)))
            break;
    }
    free(words);
    return reply;
}

/* --- connecting --- */

/* Several sentinels share the patience, so that those that are gone do not hide those
 * that are there. */
static bool find(struct redis_link *link, const struct redis_place *place, nanos patience,
                 struct redis_address *address)
{
    char why[ENGINE_WHY] = "the store is being closed";
    struct redis_verdict verdict;
    if (place->master != NULL) {
        bool found = redis_sentinel_ask(place, patience / (nanos)place->count, &link->cut,
                                        &verdict, why, sizeof why);
        *address = verdict.master;
        return found || fail(link, why);
    }
    if (strlen(place->hosts[0].name) >= sizeof address->host)
        return fail(link, "the host's name is too long");
    snprintf(address->host, sizeof address->host, "%s", place->hosts[0].name);
    address->port = place->hosts[0].port;
    return true;
}

static void tell_where(struct redis_link *link, const struct redis_address *address)
{
    char where[ENGINE_WHERE];
    snprintf(where, sizeof where, address->port != 0 ? "%.100s:%d" : "%.100s",
             address->host, address->port);
    engine_set_where(link->engine, where);
}

static bool connect_to(struct redis_link *link, const struct redis_address *address,
                       bool tls, nanos patience)
{
    char why[ENGINE_WHY];
    struct timeval limit = redis_timeval(patience);
    struct redisContext *context =
        address->port != 0 ? redisConnectWithTimeout(address->host, address->port, limit)
                           : redisConnectUnixWithTimeout(address->host, limit);
    if (context == NULL)
        return fail(link, "out of memory");
    if (context->err != 0) {
        fail(link, context->errstr);
        redisFree(context);
        return false;
    }
    redisSetTimeout(context, limit);
    if (address->port != 0) /* a socket has none, and would be closed for it */
        redisEnableKeepAlive(context);
    if (tls && !redis_tls_start(context, address->host, why, sizeof why)) {
        redisFree(context);
        return redis_link_refuse(link, ENGINE_REFUSED, why);
    }
    set_context(link, context, address);
    return link->context != NULL || fail(link, "the store is being closed");
}

/* Sentinel may be about to learn that it is none any more. */
static bool is_master(struct redis_link *link)
{
    struct redisReply *reply = redis_link_call(link, (struct text[]){TEXT("ROLE")}, 1);
    if (reply == NULL)
        return false;
    bool good = reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 &&
                text_is(redis_text(reply->element[0]), TEXT("master"));
    freeReplyObject(reply);
    return good || redis_link_refuse(link, ENGINE_READONLY,
                                     "Sentinel names it, but it is a replica");
}

static bool enter(struct redis_link *link, const struct redis_place *place)
{
    char database[16];
    snprintf(database, sizeof database, "%d", place->database);
    struct text auth[] = {TEXT("AUTH"), text_of(place->user), text_of(place->password)};
    struct text select[] = {TEXT("SELECT"), text_of(database)};
    if (place->user == NULL)
        auth[1] = auth[2];
    if (place->password != NULL &&
        !redis_link_say(link, auth, place->user != NULL ? 3 : 2))
        return false;
    if (place->master != NULL && !is_master(link))
        return false;
    if (place->database != 0 && !redis_link_say(link, select, 2))
        return false;
    for (int i = 0; i < REDIS_SCRIPTS; i++)
        if (!load(link, i))
            return false;
    return true;
}

bool redis_link_open(struct redis_link *link, nanos patience)
{
    const struct redis_place *place = atomic_load(link->place);
    struct redis_address address;
    redis_link_close(link);
    link->patience = patience;
    if (!find(link, place, patience, &address))
        return false;
    tell_where(link, &address);
    if (!connect_to(link, &address, place->tls, patience))
        return false;
    counter_add(&link->engine->counters->engine_connects, 1);
    /* It was another one meanwhile? Then redis_link_shake() came too early. */
    if (enter(link, place) && place == atomic_load(link->place))
        return true;
    redis_link_close(link);
    return false;
}

/* --- replies --- */

struct text redis_text(const struct redisReply *reply)
{
    if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
        return (struct text){NULL, 0};
    return (struct text){reply->str, (size_t)reply->len};
}

uint64_t redis_number(const struct redisReply *reply)
{
    uint64_t number;
    if (reply->type == REDIS_REPLY_INTEGER)
        return (uint64_t)reply->integer;
    return text_number(redis_text(reply), UINT64_MAX, &number) ? number : 0;
}
