/* SPDX-License-Identifier: ISC */
/*
 * redis_link: one connection to the engine. Private to the Redis store.
 *
 * SIGPIPE has to be ignored. One thread's, but for redis_link_cut() and
 * redis_link_shake(). Every call has an end. A call that fails for a reason of the
 * connection leaves it closed; redis_link_open() makes another.
 */
#ifndef FCGIWAIT_STORE_REDIS_LINK_H
#define FCGIWAIT_STORE_REDIS_LINK_H

#include <stdatomic.h>
#include <stddef.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/engine.h"
#include "fcgiwait/lock.h"
#include "fcgiwait/text.h"
#include "redis_script.h"
#include "redis_sentinel.h"

struct redisContext;
struct redisReply;

typedef struct redis_place *_Atomic redis_place_ref;

struct redis_link {
    const redis_place_ref *place; /* may become another one meanwhile */
    const char *const *keys;      /* REDIS_KEYS of them */
    struct engine *engine;        /* counts */
    struct lock lock; /* guards `context` and `address` against other threads */
    struct redisContext *context; /* NULL: closed */
    struct redis_address address; /* that it was opened to last */
    _Atomic bool cut;             /* for good */
    nanos patience;               /* for each reply */
    /* NULL: nothing; else done while a reply is waited for for longer than `grace`, and
     * again when it says. */
    struct instant (*meanwhile)(struct redis_link *link, struct instant until);
    nanos grace; /* what a healthy Redis may take */
    char hashes[REDIS_SCRIPTS][41];
    enum engine_state trouble; /* of the last call that failed */
    char error[ENGINE_WHY];    /* and the words for it */
};

void redis_link_init(struct redis_link *link, const redis_place_ref *place,
                     const char *const *keys, struct engine *engine);
void redis_link_dispose(struct redis_link *link);

/* Connects to the engine, or to the one that Sentinel names, and loads the scripts.
 * `patience`: for this, and then for each reply. */
bool redis_link_open(struct redis_link *link, nanos patience);
static inline bool redis_link_is_open(const struct redis_link *link)
{
    return link->context != NULL;
}
void redis_link_close(struct redis_link *link);

/* From another thread: ends what waits, and lets nothing be opened again; or lets it be
 * opened again, where it does not lead to `address` (NULL: wherever it leads). */
void redis_link_cut(struct redis_link *link);
void redis_link_shake(struct redis_link *link, const struct redis_address *address);

/* It is open, and leads there. Any thread. */
bool redis_link_leads_to(struct redis_link *link, const struct redis_address *address);

/* What it takes a stranger's answer for. */
bool redis_link_refuse(struct redis_link *link, enum engine_state trouble,
                       const char *why);

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
