/* SPDX-License-Identifier: ISC */
/*
 * What tables are. Before the first change of one the log describes it; what it is a part
 * of, and whether the server can tell all that is asked of it, the catalogue alone knows.
 * It is asked beside the stream.
 */
#include <stdio.h>

#include "fcgiwait/log.h"
#include "postgres.h"
#include "postgres_catalogue.h"

static bool adopt(struct postgres *postgres, const struct postgres_message *message,
                  enum postgres_learned *learned, const char **why)
{
    /* The transaction may have made the table. */
    if (!postgres_await_visible(postgres, postgres->number))
        return false;
    return postgres_catalogue_adopt(&postgres->asking, postgres->tables, message,
                                    postgres_soon(postgres), learned, why) ||
           postgres_link_lose_with(&postgres->following, &postgres->asking);
}

bool postgres_learn(struct postgres *postgres, const struct postgres_message *message)
{
    const char *why = "";
    enum postgres_learned learned =
        postgres_tables_learn(postgres->tables, message, &why);
    if (learned == POSTGRES_UNKNOWN && !adopt(postgres, message, &learned, &why))
        return false;
    if (learned == POSTGRES_LACKING)
        log_warn("%s", why);
    return learned != POSTGRES_NO_MEMORY ||
           postgres_link_lose(&postgres->following, ENGINE_LOST, "out of memory");
}

/* The first of them is why nobody can start; all of them are in the log. */
struct findings {
    char *error;
    size_t capacity;
    bool any;
};

static void say(void *context, const char *what)
{
    struct findings *findings = context;
    log_error("%s", what);
    if (!findings->any)
        snprintf(findings->error, findings->capacity, "%s", what);
    findings->any = true;
}

bool postgres_compare(struct postgres *postgres, char *error, size_t capacity)
{
    struct postgres_link *link = &postgres->asking;
    struct findings findings = {error, capacity, false};
    struct instant until = postgres_soon(postgres);
    enum store_checked checked = STORE_UNREACHABLE;
    if (postgres_link_open(link, until))
        checked = postgres_catalogue_check(link, postgres->publication, postgres->tables,
                                           until, say, &findings);
    if (checked == STORE_UNREACHABLE)
        snprintf(error, capacity, "%s", link->error);
    postgres_link_close(link);
    return checked == STORE_GOOD;
}
