/* SPDX-License-Identifier: ISC */
/*
 * redis_place: where the engine is, from a URL. Private to the Redis store.
 *
 *   redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]
 *   rediss://... the same with TLS
 *   redis+unix:PATH[?DATABASE]
 *   redis+sentinel://[[USER]:PASSWORD@]HOST[:PORT][,HOST[:PORT]]...[/MASTER[/DATABASE]]
 *   rediss+sentinel://... the same with TLS, to the sentinels and to the engine
 *
 * Pure, and immutable once it is there.
 */
#ifndef FCGIWAIT_STORE_REDIS_PLACE_H
#define FCGIWAIT_STORE_REDIS_PLACE_H

#include <stdbool.h>
#include <stddef.h>

#define REDIS_HOSTS 16

struct redis_host {
    char *name; /* or the path of a socket, where `port` is 0 */
    int port;
};

struct redis_place {
    struct redis_host hosts[REDIS_HOSTS]; /* with `master`: the sentinels */
    size_t count;
    char *master; /* Sentinel's name of it; NULL: the one host is the engine */
    int database;
    bool tls;
    char *user, *password;      /* or NULL */
    struct redis_place *before; /* that was in use before (the store's) */
};

/* NULL with `error`: what is wrong with the URL, without the password. */
struct redis_place *redis_place_new(const char *url, char *error, size_t capacity);

/* With all that were before it. */
void redis_place_free(struct redis_place *place);

#endif
