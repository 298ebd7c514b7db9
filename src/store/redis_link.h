/* SPDX-License-Identifier: ISC */
/*
 * redis_link: one connection to the engine. Private to the Redis store.
 *
 * SIGPIPE has to be ignored. One thread's, but for redis_link_cut(). Every call has an
 * end. A call that fails for a reason of the connection leaves it closed;
 * redis_link_open() makes another.
 */
#ifndef FCGIWAIT_STORE_REDIS_LINK_H
#define FCGIWAIT_STORE_REDIS_LINK_H

#include <stddef.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/lock.h"
#include "fcgiwait/text.h"
#include "redis_script.h"

struct redisContext;
struct redisReply;

/* Where the engine is: redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE], or
 * redis+unix:PATH[?DATABASE] */
struct redis_place {
    char *host; /* or the path of a socket, where `port` is 0 */
    int port, database;
    char *user, *password; /* or NULL */
};

/* False with `error`: what is wrong with the URL, without the password. */
bool redis_place_parse(struct redis_place *place, const char *url, char *error,
                       size_t capacity);
void redis_place_free(struct redis_place *place);

struct redis_link {
    const struct redis_place *place;
    const char *const *keys;      /* REDIS_KEYS of them */
    struct lock lock;             /* guards `context` against redis_link_cut() */
    struct redisContext *context; /* NULL: closed */
    bool cut;                     /* for good */
    char hashes[REDIS_SCRIPTS][41];
    char error[256]; /* of the last call that failed */
};

void redis_link_init(struct redis_link *link, const struct redis_place *place,
                     const char *const *keys);
void redis_link_dispose(struct redis_link *link);

/* Connects, and loads the scripts. `patience`: for this, and then for each reply. */
bool redis_link_open(struct redis_link *link, nanos patience);
static inline bool redis_link_is_open(const struct redis_link *link)
{
    return link->context != NULL;
}
void redis_link_close(struct redis_link *link);

/* From another thread: ends what waits, and lets nothing be opened again. */
void redis_link_cut(struct redis_link *link);

/* The reply is the caller's (freeReplyObject()). NULL: `error`; where the link is still
 * open then, the engine has refused. */
struct redisReply *redis_link_call(struct redis_link *link, const struct text *words,
                                   size_t count);
/* The same without the reply. */
bool redis_link_say(struct redis_link *link, const struct text *words, size_t count);
struct redisReply *redis_link_script(struct redis_link *link, enum redis_script script,
                                     const struct text *arguments, size_t count);

/* A number or the text of one; 0 where it is neither. */
uint64_t redis_number(const struct redisReply *reply);
struct text redis_text(const struct redisReply *reply);

#endif
