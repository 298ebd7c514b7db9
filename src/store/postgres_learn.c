/* SPDX-License-Identifier: ISC */
/* Before the first change of a table the log describes it. */
#include "fcgiwait/log.h"
#include "postgres.h"

bool postgres_learn(struct postgres *postgres, const struct postgres_message *message)
{
    const char *why = "";
    enum postgres_learned learned =
        postgres_tables_learn(postgres->tables, message, &why);
    if (learned == POSTGRES_LACKING)
        log_warn("%s", why);
    return learned != POSTGRES_NO_MEMORY ||
           postgres_link_lose(&postgres->following, ENGINE_LOST, "out of memory");
}
