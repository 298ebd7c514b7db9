/* SPDX-License-Identifier: ISC */
/* The lists are those that the connection has, wherever it has them from: store.url, the
 * environment, or a service file. */
#include "postgres_hosts.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

const char *const postgres_lists[POSTGRES_LISTS] = {"host", "hostaddr", "port"};

void postgres_hosts_free(struct postgres_hosts *hosts)
{
    for (size_t i = 0; i < POSTGRES_LISTS; i++)
        free(hosts->lists[i]);
    *hosts = (struct postgres_hosts){.lists = {NULL}};
}

static const char *list_of(const PQconninfoOption *option, const char *keyword)
{
    for (; option->keyword != NULL; option++)
        if (strcmp(option->keyword, keyword) == 0 && option->val != NULL)
            return option->val;
    return "";
}

static size_t length_of(const char *list)
{
    size_t length = 1;
    for (; *list != '\0'; list++)
        length += *list == ',';
    return length;
}

size_t postgres_hosts_count(struct pg_conn *connection)
{
    size_t most = 1;
    PQconninfoOption *options = PQconninfo(connection);
    for (size_t i = 0; options != NULL && i < POSTGRES_LISTS; i++) {
        size_t length = length_of(list_of(options, postgres_lists[i]));
        most = length > most ? length : most;
    }
    PQconninfoFree(options);
    return most;
}

/* NULL: out of memory. */
static char *rotated(const char *list)
{
    size_t len = strlen(list), first = strcspn(list, ",");
    char *other = malloc(len + 1);
    if (other != NULL && first < len)
        snprintf(other, len + 1, "%s,%.*s", list + first + 1, (int)first, list);
    else if (other != NULL)
        memcpy(other, list, len + 1);
    return other;
}

void postgres_hosts_rotate(struct postgres_hosts *hosts, struct pg_conn *connection)
{
    struct postgres_hosts next = {.lists = {NULL}};
    PQconninfoOption *options = PQconninfo(connection);
    bool good = options != NULL;
    for (size_t i = 0; good && i < POSTGRES_LISTS; i++) {
        next.lists[i] = rotated(list_of(options, postgres_lists[i]));
        good = next.lists[i] != NULL;
    }
    PQconninfoFree(options);
    postgres_hosts_free(good ? hosts : &next);
    if (good)
        *hosts = next;
}
