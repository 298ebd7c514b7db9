/* SPDX-License-Identifier: ISC */
/* postgres_url: what store.url says, as libpq reads it. Private to the PostgreSQL store;
 * asks nobody. */
#ifndef FCGIWAIT_STORE_POSTGRES_URL_H
#define FCGIWAIT_STORE_POSTGRES_URL_H

#include <stdbool.h>
#include <stddef.h>

struct _PQconninfoOption;

/* What is no connection string is a database's name. */
bool postgres_url_is_name(const char *url);

/* What a connection string says, a name nothing; the caller's, for PQconninfoFree().
 * NULL: `error`, which has nothing of the password. */
struct _PQconninfoOption *postgres_url_parse(const char *url, char *error,
                                             size_t capacity);

#endif
