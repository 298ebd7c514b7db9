/* SPDX-License-Identifier: ISC */
/* Where the engine is, from a URL (RFC 3986). What is wrong is said without the password.
 */
#include "redis_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "fcgiwait/query.h"

#define PORT 6379
#define SENTINEL_PORT 26379
#define MASTER "mymaster" /* as in Sentinel's own examples */

/* Decoded; what is no escape stays as it is. NULL: out of memory. */
static char *copy(struct text t)
{
    char *copied = malloc(t.len + 1), *at = copied;
    if (copied == NULL)
        return NULL;
    for (size_t i = 0; i < t.len; i++) {
        int byte = query_escaped((struct text){t.at + i, t.len - i});
        *at++ = byte >= 0 ? (char)byte : t.at[i];
        i += byte >= 0 ? 2 : 0;
    }
    *at = '\0';
    return copied;
}

static bool set(char **member, struct text t)
{
    if (t.len == 0)
        return true;
    *member = copy(t);
    return *member != NULL;
}

/* USER:PASSWORD, :PASSWORD or PASSWORD */
static bool parse_who(struct redis_place *place, struct text who)
{
    struct text user = {NULL, 0};
    const char *colon = who.len > 0 ? memchr(who.at, ':', who.len) : NULL;
    if (colon != NULL)
        text_cut(&who, ':', &user);
    return set(&place->user, user) && set(&place->password, who);
}

static bool parse_number(struct text t, uint64_t most, int *number)
{
    uint64_t value;
    if (t.len == 0)
        return true;
    if (!text_number(t, most, &value))
        return false;
    *number = (int)value;
    return true;
}

/* HOST, HOST:PORT, [V6] or [V6]:PORT */
static bool parse_host(struct redis_place *place, struct text where, int port)
{
    struct text host = where, number = {NULL, 0};
    if (place->count == REDIS_HOSTS)
        return false;
    struct redis_host *made = &place->hosts[place->count++];
    if (where.len > 0 && where.at[0] == '[') {
        text_skip(&where, 1);
        text_cut(&where, ']', &host);
        number = where;
        if (number.len > 0 && number.at[0] == ':')
            text_skip(&number, 1);
    } else if (where.len > 0 && memchr(where.at, ':', where.len) != NULL) {
        text_cut(&where, ':', &host);
        number = where;
    }
    made->port = port;
    return set(&made->name, host.len > 0 ? host : TEXT("127.0.0.1")) &&
           parse_number(number, 65535, &made->port) && made->port > 0;
}

static bool parse_hosts(struct redis_place *place, struct text where)
{
    struct text host;
    if (where.len == 0)
        return parse_host(place, where, SENTINEL_PORT);
    while (text_cut(&where, ',', &host))
        if (!parse_host(place, host, SENTINEL_PORT))
            return false;
    return true;
}

static bool parse_socket(struct redis_place *place, struct text rest)
{
    struct text path;
    text_cut(&rest, '?', &path);
    place->count = 1;
    return path.len > 0 && set(&place->hosts[0].name, path) &&
           parse_number(rest, 65535, &place->database);
}

/* What stands behind redis://, rediss:// and redis+sentinel://. */
static bool parse_network(struct redis_place *place, struct text rest, bool sentinel)
{
    struct text who = {NULL, 0}, where, master;
    if (rest.len > 0 && memchr(rest.at, '@', rest.len) != NULL)
        text_cut(&rest, '@', &who);
    text_cut(&rest, '/', &where);
    if (!parse_who(place, who))
        return false;
    if (!sentinel)
        return parse_host(place, where, PORT) &&
               parse_number(rest, 65535, &place->database);
    text_cut(&rest, '/', &master);
    return parse_hosts(place, where) &&
           set(&place->master, master.len > 0 ? master : TEXT(MASTER)) &&
           parse_number(rest, 65535, &place->database);
}

static struct redis_place *wrong(struct redis_place *place, char *error, size_t capacity,
                                 const char *why)
{
    redis_place_free(place);
    snprintf(error, capacity,
             "store.url %s; it is like redis://USER:PASSWORD@HOST:6379/0 or "
             "redis+sentinel://HOST:26379,HOST:26379/mymaster/0",
             why);
    return NULL;
}

struct redis_place *redis_place_new(const char *url, char *error, size_t capacity)
{
    struct text rest = text_of(url), scheme = {NULL, 0};
    struct redis_place *place = calloc(1, sizeof *place);
    bool good;
    if (place == NULL)
        return wrong(place, error, capacity, "has no memory");
    text_cut(&rest, ':', &scheme);
    bool tls_sentinel = text_is(scheme, TEXT("rediss+sentinel"));
    place->tls = tls_sentinel || text_is(scheme, TEXT("rediss"));
#ifndef WITH_REDIS_TLS
    if (place->tls)
        return wrong(place, error, capacity,
                     "asks for TLS, which this build has not (it takes hiredis 1.0 or "
                     "newer and OpenSSL; stunnel does it, too)");
#endif
    if (text_is(scheme, TEXT("redis+unix"))) {
        good = parse_socket(place, rest);
    } else {
        bool sentinel = tls_sentinel || text_is(scheme, TEXT("redis+sentinel"));
        if ((!sentinel && !place->tls && !text_is(scheme, TEXT("redis"))) ||
            !text_starts(rest, TEXT("//")))
            return wrong(place, error, capacity, "does not begin with redis://");
        text_skip(&rest, 2);
        good = parse_network(place, rest, sentinel);
    }
    return good ? place
                : wrong(place, error, capacity,
                        "names no host, port and database that can be");
}

void redis_place_free(struct redis_place *place)
{
    while (place != NULL) {
        struct redis_place *before = place->before;
        for (size_t i = 0; i < place->count; i++)
            free(place->hosts[i].name);
        free(place->master);
        free(place->user);
        free(place->password);
        free(place);
        place = before;
    }
}
