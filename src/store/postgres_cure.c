/* SPDX-License-Identifier: ISC */
/* What an operator does about what the server says. Codes are the same in every language
 * of the server; words are looked at only where a code has several meanings. */
#include "postgres_link.h"

static bool has(struct text whole, const char *part)
{
    size_t len = strlen(part);
    return len == 0 ||
           (whole.len >= len && memmem(whole.at, whole.len, part, len) != NULL);
}

/* What takes no changes, or can't be followed, during recovery. One of the codes says no
 * more than that PostgreSQL has none for it, and its words are never translated. */
static bool is_standby(struct text state, struct text said)
{
    return text_is(state, TEXT("25006")) ||
           ((text_is(state, TEXT("55000")) || text_is(state, TEXT("XX000"))) &&
            has(said, "recovery"));
}

static const char *cure_without_code(struct text said)
{
    if (has(said, "does not support SSL"))
        return "switch ssl on in postgresql.conf, or take sslmode=require out of "
               "store.url";
    if (has(said, "no password supplied"))
        return "the role's password belongs into ~/.pgpass of whom fcgiwait runs as, or "
               "into store.url";
    if (has(said, "certificate"))
        return "sslrootcert in store.url names the authority that signed the server's "
               "certificate";
    return NULL;
}

static const struct {
    const char *state; /* or how it begins */
    enum engine_state trouble;
} troubles[] = {
    {"57P03", ENGINE_LOADING}, {"57P", ENGINE_LOST}, {"53", ENGINE_FULL},
    {"08P01", ENGINE_REFUSED}, {"08", ENGINE_LOST},  {"", ENGINE_REFUSED},
};
static const struct {
    const char *state, *words, *cure;
} cures[] = {
    {"55000", "wal_level",
     "set wal_level = logical in postgresql.conf and restart the server"},
    {"55000", "max_replication_slots",
     "set max_replication_slots in postgresql.conf and restart the server: each "
     "fcgiwait needs one"},
    {"53400", "slot",
     "raise max_replication_slots in postgresql.conf and restart the server: each "
     "fcgiwait needs one, for as long as it runs"},
    {"53300", "max_wal_senders",
     "raise max_wal_senders in postgresql.conf and restart the server: each fcgiwait "
     "needs one"},
    {"53300", "",
     "raise max_connections, or the role's or database's CONNECTION LIMIT: each "
     "fcgiwait needs three connections"},
    {"42501", "",
     "the role needs the right to follow: ALTER ROLE ... REPLICATION (fcgiwait "
     "--postgres-setup prints all of it)"},
    {"28000", "pg_hba",
     "pg_hba.conf needs a line for this role, database and address (fcgiwait "
     "--postgres-setup prints it)"},
    {"28000", "",
     "the server does not know the role: fcgiwait --postgres-setup prints how to "
     "make it"},
    {"28P01", "", "the password in store.url (or ~/.pgpass) is not the role's"},
    {"3D000", "", "store.url names a database that is not there"},
    {"42704", "publication",
     "store.publication is not there: fcgiwait --postgres-setup prints how to make "
     "it"},
    {"08P01", "startup parameter",
     "that is PgBouncer, or another pool, which can't hand the log on: store.url has "
     "to lead to the server itself"},
    {"08P01", "replication",
     "that may be a pool such as PgBouncer, which can't hand the log on: store.url "
     "has to lead to the server itself"},
};

const char *postgres_cure(struct text state, struct text said, enum engine_state *trouble)
{
    if (is_standby(state, said)) {
        *trouble = ENGINE_READONLY;
        return POSTGRES_IS_STANDBY;
    }
    for (size_t i = 0; state.len > 0; i++)
        if (text_starts(state, text_of(troubles[i].state))) {
            *trouble = troubles[i].trouble;
            break;
        }
    for (size_t i = 0; i < sizeof cures / sizeof *cures; i++)
        if (text_is(state, text_of(cures[i].state)) && has(said, cures[i].words))
            return cures[i].cure;
    return state.len == 0 ? cure_without_code(said) : NULL;
}
