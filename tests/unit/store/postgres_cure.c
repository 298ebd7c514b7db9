/* SPDX-License-Identifier: ISC */
/* What the server says, and what an operator is told to do about it. */
#include "store/postgres_link.h"

#include "must.h"

static void must_say(const char *state, const char *said, const char *expected)
{
    enum engine_state trouble = ENGINE_LOST;
    const char *cure = postgres_cure(text_of(state), text_of(said), &trouble);
    must(cure != NULL && strstr(cure, expected) != NULL, "%s %s: \"%s\"", state, said,
         cure != NULL ? cure : "");
}

static void each_refusal_has_its_cure(void **state)
{
    (void)state;
    must_say("55000", "logical decoding requires wal_level >= logical",
             "wal_level = logical");
    must_say("55000", "logical decoding cannot be used while in recovery", "standby");
    must_say("55000", "replication slots can only be used if max_replication_slots > 0",
             "set max_replication_slots");
    must_say("53400", "all replication slots are in use", "max_replication_slots");
    must_say(
        "53300",
        "number of requested standby connections exceeds max_wal_senders (currently 1)",
        "max_wal_senders");
    must_say("53300", "sorry, too many clients already", "max_connections");
    must_say("42501", "must be superuser or replication role to start walsender",
             "REPLICATION");
    must_say("28000", "no pg_hba.conf entry for host \"10.0.0.1\"", "pg_hba.conf");
    must_say("28000", "role \"fcgiwait\" does not exist", "--postgres-setup");
    must_say("28P01", "password authentication failed for user \"fcgiwait\"",
             "store.url");
    must_say("3D000", "database \"app\" does not exist", "store.url");
    must_say("42704", "publication \"fcgiwait\" does not exist", "store.publication");
    must_say("08P01", "unsupported startup parameter: replication", "PgBouncer");
    must_say("", "server does not support SSL, but SSL was required", "sslmode");
    must_say("", "fe_sendauth: no password supplied", "~/.pgpass");
    must_say("", "SSL error: certificate verify failed", "sslrootcert");
}

static void a_standby_is_one_by_whatever_it_says(void **state)
{
    static const char *const said[][2] = {
        {"55000", "recovery is in progress"},
        {"25006", "cannot execute INSERT in a read-only transaction"},
        {"XX000", "cannot assign TransactionIds during recovery"}};
    (void)state;
    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        enum engine_state trouble = ENGINE_LOST;
        assert_string_equal(
            postgres_cure(text_of(said[i][0]), text_of(said[i][1]), &trouble),
            POSTGRES_IS_STANDBY);
        assert_int_equal(trouble, ENGINE_READONLY);
    }
}

static enum engine_state trouble_of(const char *state, const char *said)
{
    enum engine_state trouble = ENGINE_SLOW;
    assert_null(postgres_cure(text_of(state), text_of(said), &trouble));
    return trouble;
}

static void what_says_it_itself_is_left_alone(void **state)
{
    (void)state;
    assert_int_equal(trouble_of("57P03", "the database system is starting up"),
                     ENGINE_LOADING);
    assert_int_equal(trouble_of("57P01", "terminating connection"), ENGINE_LOST);
    assert_int_equal(trouble_of("53100", "No space left on device"), ENGINE_FULL);
    assert_int_equal(trouble_of("42704", "type \"x\" does not exist"), ENGINE_REFUSED);
    assert_int_equal(trouble_of("", "Connection refused"), ENGINE_SLOW);
    assert_int_equal(trouble_of("", ""), ENGINE_SLOW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusal_has_its_cure),
        cmocka_unit_test(a_standby_is_one_by_whatever_it_says),
        cmocka_unit_test(what_says_it_itself_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
