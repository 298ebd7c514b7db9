/* SPDX-License-Identifier: ISC */
/* libpq itself reads it, and its sentences are told as far as they quote nothing. */
#include "postgres_url.h"

#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

bool postgres_url_is_name(const char *url)
{
    return strchr(url, '=') == NULL && strncmp(url, "postgresql://", 13) != 0 &&
           strncmp(url, "postgres://", 11) != 0;
}

/* Without what libpq quotes of it: that may be the password. */
static void say_unread(const char *why, char *error, size_t capacity)
{
    static const char *const quotes[] = {"\n", ": \"", " after \""};
    size_t len = strlen(why);
    for (size_t i = 0; i < sizeof quotes / sizeof *quotes; i++) {
        const char *at = strstr(why, quotes[i]);
        if (at != NULL && (size_t)(at - why) < len)
            len = (size_t)(at - why);
    }
    snprintf(error, capacity,
             "store.url: %.*s; it is like postgresql://fcgiwait@127.0.0.1/app or "
             "host=127.0.0.1 user=fcgiwait dbname=app",
             (int)len, why);
}

struct _PQconninfoOption *postgres_url_parse(const char *url, char *error,
                                             size_t capacity)
{
    char *why = NULL; /* that there is no memory */
    PQconninfoOption *parsed =
        PQconninfoParse(postgres_url_is_name(url) ? "" : url, &why);
    if (parsed == NULL)
        say_unread(why != NULL ? why : "out of memory", error, capacity);
    PQfreemem(why);
    return parsed;
}
