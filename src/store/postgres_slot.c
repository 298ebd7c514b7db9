/* SPDX-License-Identifier: ISC */
/*
 * Beginning to follow: who the server is, a slot that lives as long as the connection,
 * and the stream. What happened before the slot nobody has seen: everything counts as
 * changed where it begins.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "postgres.h"
#include "postgres_index.h"

/* Values are written as paths have them, and a slot waits for as long as it takes,
 * whatever the role's settings are. */
#define SETTINGS                                                                         \
    "SET datestyle = 'ISO'; SET intervalstyle = 'postgres'; SET timezone = 'UTC'; "      \
    "SET extra_float_digits = 3; SET bytea_output = 'hex'; "                             \
    "SET lock_timeout = 0; SELECT pg_is_in_recovery()"

/* NULL: link->error. The result is the caller's. */
static PGresult *ask(struct postgres *postgres, const char *command, int columns)
{
    struct postgres_link *link = &postgres->following;
    PGresult *result = postgres_link_ask(link, command, NULL, postgres_soon(postgres));
    if (result == NULL)
        return NULL;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1 &&
        PQnfields(result) >= columns)
        return result;
    PQclear(result);
    postgres_link_lose(link, ENGINE_REFUSED,
                       "an answer that is none; is that PostgreSQL?");
    return NULL;
}

static bool parse_place(const char *text, uint64_t *place)
{
    uint32_t high, low;
    if (sscanf(text, "%" SCNx32 "/%" SCNx32, &high, &low) != 2)
        return false;
    *place = (uint64_t)high << 32 | low;
    return true;
}

/* --- who it is --- */

static bool settle(struct postgres *postgres)
{
    PGresult *result = ask(postgres, SETTINGS, 1);
    if (result == NULL)
        return false;
    bool standby = strcmp(PQgetvalue(result, 0, 0), "t") == 0;
    PQclear(result);
    if (!standby)
        return true;
    return postgres_link_lose(&postgres->following, ENGINE_READONLY, POSTGRES_IS_STANDBY);
}

static bool identify(struct postgres *postgres, uint64_t *system)
{
    PGresult *result = ask(postgres, "IDENTIFY_SYSTEM", 2);
    if (result == NULL)
        return false;
    *system = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    atomic_store(&postgres->timeline,
                 (uint32_t)strtoul(PQgetvalue(result, 0, 1), NULL, 10));
    PQclear(result);
    return true;
}

/* --- the slot --- */

/* What was open when we came has to end first: the server begins a slot only where it
 * knows all that is under way. */
static bool make_slot(struct postgres *postgres, char name[64], uint64_t *start)
{
    struct postgres_link *link = &postgres->following;
    char command[160];
    snprintf(name, 64, "fcgiwait_%s_%" PRIu64, postgres->id, ++postgres->slots);
    snprintf(
        command, sizeof command,
        "CREATE_REPLICATION_SLOT \"%s\" TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT",
        name);
    link->slow = "the store waits until the transactions have ended that were open in "
                 "PostgreSQL when it came (SELECT * FROM pg_stat_activity WHERE "
                 "backend_xid IS NOT NULL; SELECT * FROM pg_prepared_xacts)";
    PGresult *result = ask(postgres, command, 2);
    link->slow = NULL;
    if (result == NULL)
        return false;
    bool good = parse_place(PQgetvalue(result, 0, 1), start);
    PQclear(result);
    return good ||
           postgres_link_lose(link, ENGINE_REFUSED, "a slot without a place in the log");
}

static char *put_quoted(char *out, const char *text, char quote)
{
    *out++ = quote;
    for (; *text != '\0'; text++) {
        if (*text == quote)
            *out++ = quote;
        *out++ = *text;
    }
    *out++ = quote;
    *out = '\0';
    return out;
}

/* What the server offers; without streamed or prepared transactions they say the same. */
static int protocol_of(int version)
{
    return version >= 160000 ? 4 : version >= 150000 ? 3 : 2;
}

/* An identifier in a string. False: out of memory. */
static bool quote(const char *publication, char **quoted)
{
    char *identifier = malloc(2 * strlen(publication) + 3);
    *quoted = malloc(4 * strlen(publication) + 7);
    if (identifier != NULL && *quoted != NULL) {
        put_quoted(identifier, publication, '"');
        put_quoted(*quoted, identifier, '\'');
    }
    bool good = identifier != NULL && *quoted != NULL;
    free(identifier);
    return good;
}

static bool start_stream(struct postgres *postgres, const char *name)
{
    static const char form[] =
        "START_REPLICATION SLOT \"%s\" LOGICAL 0/0 (proto_version '%d', "
        "publication_names %s, messages 'true')";
    struct postgres_link *link = &postgres->following;
    int protocol = protocol_of(PQserverVersion(link->connection));
    char *publication = NULL, *command = NULL;
    PGresult *result = NULL;
    if (quote(postgres->publication, &publication)) {
        size_t capacity = sizeof form + 64 + 16 + strlen(publication);
        command = malloc(capacity);
        if (command != NULL)
            snprintf(command, capacity, form, name, protocol, publication);
    }
    if (command != NULL)
        result = postgres_link_ask(link, command, NULL, postgres_soon(postgres));
    else
        postgres_link_lose(link, ENGINE_LOST, "out of memory");
    bool good = result != NULL && PQresultStatus(result) == PGRES_COPY_BOTH;
    PQclear(result);
    free(command);
    free(publication);
    return good;
}

/* --- where it begins --- */

/* Another server than before, or one that has lost what it had told: its places begin
 * again where others were. */
static bool raise_base(struct postgres *postgres, uint64_t natural, uint64_t *index)
{
    uint64_t known = atomic_load(&postgres->store.index);
    uint64_t base = atomic_load(&postgres->base);
    engine_note_reset(&postgres->engine);
    if (*index <= known)
        base += known + 1 - *index;
    *index = natural + base;
    if (*index >= POSTGRES_INDEX_LIMIT)
        return false;
    atomic_store(&postgres->base, base);
    return true;
}

static bool place_start(struct postgres *postgres, uint64_t system, uint64_t start,
                        uint64_t *index)
{
    uint32_t timeline = atomic_load(&postgres->timeline);
    uint64_t natural, known = atomic_load(&postgres->store.index);
    if (!postgres_index_of(0, timeline, start, &natural) ||
        !postgres_index_of(atomic_load(&postgres->base), timeline, start, index))
        return false;
    bool other = postgres->system != 0 && postgres->system != system;
    return (!other && *index > known) || raise_base(postgres, natural, index);
}

static bool begin_at(struct postgres *postgres, uint64_t system, uint64_t start)
{
    uint64_t index;
    if (!place_start(postgres, system, start, &index))
        return postgres_link_lose(&postgres->following, ENGINE_REFUSED,
                                  "the server's log is longer than indexes can tell");
    if (!postgres_show_start(postgres, index))
        return postgres_link_lose(&postgres->following, ENGINE_LOST, "out of memory");
    postgres->system = system;
    postgres->reached = start;
    return true;
}

static void reset(struct postgres *postgres)
{
    postgres_gather_empty(&postgres->gather);
    postgres_tables_forget(postgres->tables);
    postgres->inside = false;
    postgres->pinged = false;
    postgres->doubted = false;
    postgres->confirmed = 0;
    postgres->heard = postgres->framed = clock_now();
    postgres->told = (struct instant){0};
    postgres->looked = (struct instant){0};
    postgres->snapshot = (struct postgres_snapshot){.to = 0};
}

bool postgres_follow_open(struct postgres *postgres)
{
    struct postgres_link *link = &postgres->following;
    char name[64];
    uint64_t system, start = 0;
    if (postgres_link_open(link, postgres_soon(postgres)) && settle(postgres) &&
        identify(postgres, &system) && postgres_asking_open(postgres) &&
        make_slot(postgres, name, &start) && start_stream(postgres, name)) {
        reset(postgres);
        if (postgres_await_start(postgres) && begin_at(postgres, system, start))
            return true;
    }
    postgres_link_close(link);
    return false;
}
