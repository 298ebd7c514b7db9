/* SPDX-License-Identifier: ISC */
/* Commits that wait for a standby, which is away: they are in the log, and nobody sees
 * what they did. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <libpq-fe.h>

#include "fcgiwait/thread.h"
#include "must.h"
#include "postgres_server.h"
#include "store_rig.h"

static const struct store_table tables[] = {
    {.name = "public.posts", .path = "/posts/{id}"},
    {.name = "public.events", .path = "/events/{id}"}};
static struct postgres_server server;
static struct store_options options = {.type = "postgres",
                                       .patience = 30 * NANOS_PER_SECOND,
                                       .publication = "fcgiwait",
                                       .tables = tables,
                                       .table_count = 2};
static struct store_rig machine;
static struct pg_conn *first, *second, *waiting;

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server, "synchronous_standby_names = 'nobody'\n"
                                   "synchronous_commit = local");
    postgres_server_say(&server, "CREATE TABLE posts (id int PRIMARY KEY, title text);"
                                 "CREATE TABLE events (id int, at int, PRIMARY KEY (id, "
                                 "at)) PARTITION BY RANGE (at);"
                                 "CREATE PUBLICATION fcgiwait FOR TABLE posts, events;");
    options.url = server.url;
    first = postgres_server_connect(&server);
    second = postgres_server_connect(&server);
    waiting = postgres_server_connect(&server);
    postgres_say(waiting, "SET synchronous_commit = on");
    store_rig_open(&machine, &options);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    store_rig_close(&machine);
    PQfinish(first);
    PQfinish(second);
    PQfinish(waiting);
    postgres_server_must_be_clean(&server);
    postgres_server_stop(&server);
    return 0;
}

static uint64_t index_of(const char *path)
{
    struct present present;
    tree_look(machine.tree, text_of(path), SCOPE_BELOW, &present);
    present_dispose(&present);
    return present.index;
}

static void await_change(const char *path, uint64_t before)
{
    for (int tries = 0; index_of(path) <= before; tries++) {
        must(tries < 3000, "%s does not change", path);
        thread_pause(10 * NANOS_PER_MS);
    }
}

static void await_rows(const char *query)
{
    for (int tries = 0; postgres_server_ask(&server, query) == 0; tries++) {
        must(tries < 3000, "%s: none", query);
        thread_pause(10 * NANOS_PER_MS);
    }
}

/* A commit that is in the log, and waits. */
static void commit_unseen(const char *command)
{
    assert_int_equal(PQsendQuery(waiting, command), 1);
    await_rows("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
}

/* Ours wait for none: each attempt would take one of the server's connections. */
static void a_touch_waits_for_no_standby(void **state)
{
    (void)state;
    postgres_server_say(&server, "ALTER SYSTEM SET synchronous_commit = on");
    postgres_server_say(&server, "SELECT pg_reload_conf()");
    await_rows("SELECT (current_setting('synchronous_commit') = 'on')::int");
    for (int session = 0; session < 2; session++) {
        uint64_t before = index_of("/");
        struct edited edited = store_rig_touch(&machine, "/touched");
        assert_int_equal(edited.result, EDIT_CHANGED);
        await_change("/touched", before);
        before = index_of("/");
        postgres_server_say(&server,
                            "SELECT pg_terminate_backend(pid) FROM "
                            "pg_stat_activity WHERE application_name = 'fcgiwait'");
        await_change("/", before);
    }
    assert_int_equal(postgres_server_ask(&server, "SELECT count(*) FROM pg_stat_activity "
                                                  "WHERE wait_event = 'SyncRep'"),
                     0);
}

/* Its standby is waited for no more. */
static void let_see(void)
{
    PGresult *result;
    postgres_server_say(&server, "SELECT pg_cancel_backend(%d)", PQbackendPID(waiting));
    while ((result = PQgetResult(waiting)) != NULL) {
        assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
        PQclear(result);
    }
}

static void a_commit_is_told_once_it_is_seen(void **state)
{
    (void)state;
    uint64_t before = index_of("/posts/1");
    commit_unseen("INSERT INTO posts VALUES (1, 'one')");
    postgres_say(first, "INSERT INTO posts VALUES (2, 'two')");
    thread_pause(500 * NANOS_PER_MS);
    assert_int_equal(index_of("/posts/1"), before);
    assert_true(index_of("/posts/2") <= before); /* the log's order is everybody's */
    let_see();
    await_change("/posts/1", before);
    await_change("/posts/2", index_of("/posts/1"));
}

/* The slot begins behind it: when all that was open is over that was open when all was
 * over that was open when we came. */
static void one_before_the_slot_is_told(bool busy)
{
    static const char blocked[] =
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype "
        "= "
        "'transactionid' AND NOT granted AND backend_type = 'walsender' AND "
        "transactionid::text = (SELECT backend_xid::text FROM pg_stat_activity "
        "WHERE pid = %d)";
    char query[512];
    uint64_t before = index_of("/posts/7");
    postgres_say(first, "BEGIN; INSERT INTO posts VALUES (5, '')");
    postgres_server_say(&server,
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
    snprintf(query, sizeof query, blocked, PQbackendPID(first));
    await_rows(query);
    postgres_say(second, "BEGIN; INSERT INTO posts VALUES (6, '')");
    postgres_say(first, "COMMIT");
    snprintf(query, sizeof query, blocked, PQbackendPID(second));
    await_rows(query);
    commit_unseen("INSERT INTO posts VALUES (7, '')");
    postgres_say(second, "COMMIT");
    await_change("/posts/7", before); /* everything, and a reader does not find it */
    before = index_of("/posts/7");
    assert_int_equal(
        postgres_server_ask(&server, "SELECT count(*) FROM posts WHERE id = 7"), 0);
    let_see();
    for (int i = 0; busy && i < 3000 && index_of("/posts/7") <= before; i++) {
        postgres_say(first, "INSERT INTO posts VALUES (%d, '')", 1000 + i);
        thread_pause(5 * NANOS_PER_MS);
    }
    if (busy)
        must(index_of("/posts/7") > before, "it is not told while others are");
    await_change("/posts/7", before);
}

static void one_before_the_slot_is_told_once_it_is_seen(void **state)
{
    (void)state;
    one_before_the_slot_is_told(false);
}

static void it_is_told_among_many_others(void **state)
{
    (void)state;
    one_before_the_slot_is_told(true);
}

/* As it does where its synchronous_standby_names is *. */
static void commit_in_time(const char *command)
{
    PGresult *result;
    assert_int_equal(PQsendQuery(waiting, command), 1);
    for (int tries = 0; PQconsumeInput(waiting) == 1 && PQisBusy(waiting); tries++) {
        must(tries < 3000, "%s: it waits for us, and we for it", command);
        thread_pause(10 * NANOS_PER_MS);
    }
    while ((result = PQgetResult(waiting)) != NULL) {
        assert_int_equal(PQresultStatus(result), PGRES_COMMAND_OK);
        PQclear(result);
    }
}

static void a_server_that_takes_us_for_a_standby_goes_on(void **state)
{
    static const char *const commands[] = {
        "INSERT INTO posts VALUES (1, '')", "INSERT INTO posts VALUES (2, '')",
        /* Nobody knows its table before it is seen. */
        "BEGIN; CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (9); "
        "INSERT INTO events VALUES (1, 1); COMMIT"};
    (void)state;
    uint64_t before = index_of("/");
    postgres_server_say(&server, "ALTER SYSTEM SET synchronous_standby_names = '*'");
    postgres_server_say(&server, "SELECT pg_reload_conf()");
    await_rows("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'");
    for (size_t session = 0; session < 2; session++) {
        for (size_t i = 0; i < sizeof commands / sizeof *commands - session; i++)
            commit_in_time(commands[i]);
        await_change("/posts/2", before);
        before = index_of("/");
        /* The next one knows of it from the start. */
        postgres_server_say(&server,
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
        await_change("/", before);
        before = index_of("/");
        postgres_server_say(&server, "TRUNCATE posts");
        await_change("/", before);
        before = index_of("/");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commit_is_told_once_it_is_seen, start, stop),
        cmocka_unit_test_setup_teardown(one_before_the_slot_is_told_once_it_is_seen,
                                        start, stop),
        cmocka_unit_test_setup_teardown(it_is_told_among_many_others, start, stop),
        cmocka_unit_test_setup_teardown(a_touch_waits_for_no_standby, start, stop),
        cmocka_unit_test_setup_teardown(a_server_that_takes_us_for_a_standby_goes_on,
                                        start, stop),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!postgres_server_can()) {
        puts("skipped: PostgreSQL is not installed (postgresql), or this build has none");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
