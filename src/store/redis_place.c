/* SPDX-License-Identifier: ISC */
/* Where the engine is, from a URL (RFC 3986). What is wrong is said without the password.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "redis_link.h"

#define PORT 6379

static bool wrong(char *error, size_t capacity, const char *why)
{
    snprintf(error, capacity,
             "store.url %s; it is like redis://USER:PASSWORD@HOST:6379/0", why);
    return false;
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decoded; NULL: out of memory. */
static char *copy(struct text t)
{
    char *copied = malloc(t.len + 1), *at = copied;
    if (copied == NULL)
        return NULL;
    for (size_t i = 0; i < t.len; i++) {
        bool coded = t.at[i] == '%' && i + 2 < t.len && digit(t.at[i + 1]) >= 0 &&
                     digit(t.at[i + 2]) >= 0;
        *at++ = coded ? (char)(digit(t.at[i + 1]) << 4 | digit(t.at[i + 2])) : t.at[i];
        i += coded ? 2 : 0;
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

/* HOST, HOST:PORT or [IPv6]:PORT */
static bool parse_where(struct redis_place *place, struct text where)
{
    struct text host = where, port = {NULL, 0};
    if (where.len > 0 && where.at[0] == '[') {
        text_skip(&where, 1);
        text_cut(&where, ']', &host);
        port = where;
        if (port.len > 0 && port.at[0] == ':')
            text_skip(&port, 1);
    } else if (where.len > 0 && memchr(where.at, ':', where.len) != NULL) {
        text_cut(&where, ':', &host);
        port = where;
    }
    place->port = PORT;
    return set(&place->host, host.len > 0 ? host : TEXT("127.0.0.1")) &&
           parse_number(port, 65535, &place->port) && place->port > 0;
}

bool redis_place_parse(struct redis_place *place, const char *url, char *error,
                       size_t capacity)
{
    struct text rest = text_of(url), database = {NULL, 0}, where, who = {NULL, 0};
    *place = (struct redis_place){.host = NULL};
    if (text_starts(rest, TEXT("rediss://")))
        return wrong(error, capacity, "asks for TLS, which this build has not");
    if (text_starts(rest, TEXT("redis+sentinel://")))
        return wrong(error, capacity, "asks for Sentinel, which this version has not");
    bool is_socket = text_starts(rest, TEXT("redis+unix:"));
    if (!is_socket && !text_starts(rest, TEXT("redis://")))
        return wrong(error, capacity, "does not begin with redis://");
    text_skip(&rest, is_socket ? strlen("redis+unix:") : strlen("redis://"));
    if (!is_socket && rest.len > 0 && memchr(rest.at, '@', rest.len) != NULL)
        text_cut(&rest, '@', &who);
    text_cut(&rest, is_socket ? '?' : '/', &where);
    if (rest.at != NULL)
        database = rest;
    bool good = is_socket ? where.len > 0 && set(&place->host, where)
                          : parse_who(place, who) && parse_where(place, where);
    if (good && parse_number(database, 65535, &place->database))
        return true;
    redis_place_free(place);
    return wrong(error, capacity, "names no host, port and database that can be");
}

void redis_place_free(struct redis_place *place)
{
    free(place->host);
    free(place->user);
    free(place->password);
    *place = (struct redis_place){.host = NULL};
}
