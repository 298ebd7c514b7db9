/* SPDX-License-Identifier: ISC */
/* A real PostgreSQL as the source of changes: each machine a store with a tree of its
 * own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <libpq-fe.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/container.h"
#include "fcgiwait/thread.h"
#include "fcgiwait/view.h"
#include "must.h"
#include "postgres_server.h"
#include "store/postgres.h"
#include "store_rig.h"

enum { MACHINES = 2 };

static const struct store_table tables[] = {
    {.name = "public.posts",
     .path = "/posts/{id}",
     .also = (const char *const[]){"/users/{author}/posts"},
     .also_count = 1},
    {.name = "public.comments", .path = "/posts/{post}/comments/{id}"},
    {.name = "public.events", .path = "/events/{id}"},
};

static struct postgres_server server;
static struct store_options options = {.type = "postgres",
                                       .patience = 30 * NANOS_PER_SECOND,
                                       .publication = "fcgiwait",
                                       .tables = tables,
                                       .table_count = sizeof tables / sizeof *tables};
static struct store_rig machines[MACHINES];

static const char schema[] =
    "CREATE TABLE posts (id int PRIMARY KEY, author text, title text);"
    "CREATE TABLE comments (id int PRIMARY KEY, post int REFERENCES posts ON DELETE "
    "CASCADE, words text);"
    "ALTER TABLE comments REPLICA IDENTITY FULL;"
    "ALTER TABLE posts REPLICA IDENTITY FULL;"
    "CREATE TABLE events (id int, at int, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
    "CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM (0) TO (10);"
    "CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM (10) TO (20);"
    "CREATE TABLE private (id int PRIMARY KEY);"
    "CREATE PUBLICATION fcgiwait FOR TABLE posts, comments, events;";

static int start_server(void **state)
{
    (void)state;
    postgres_server_start(&server, NULL);
    postgres_server_say(&server, "%s", schema);
    options.url = server.url;
    return 0;
}

static int stop_server(void **state)
{
    (void)state;
    postgres_server_stop(&server);
    return 0;
}

static int open_machines(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        store_rig_open(&machines[i], &options);
    return 0;
}

/* With less patience. */
static int open_with(void **state, nanos patience)
{
    nanos before = options.patience;
    options.patience = patience;
    int result = open_machines(state);
    options.patience = before;
    return result;
}

static int open_hurried(void **state)
{
    return open_with(state, 3 * NANOS_PER_SECOND);
}

static int open_steady(void **state)
{
    return open_with(state, 5 * NANOS_PER_SECOND);
}

static int close_machines(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        store_rig_close(&machines[i]);
    postgres_server_must_be_clean(&server);
    return 0;
}

/* --- what happened where --- */

static uint64_t index_of(int machine, const char *path, enum scope scope)
{
    struct present present;
    tree_look(machines[machine].tree, text_of(path), scope, &present);
    present_dispose(&present);
    return present.index;
}

/* All that was committed by now is there on all machines. */
static void level(void)
{
    static unsigned number;
    char path[32];
    snprintf(path, sizeof path, "/level/%u", ++number);
    postgres_server_say(&server, "SELECT pg_logical_emit_message(true, 'fcgiwait', '%s')",
                        path);
    for (int i = 0; i < MACHINES; i++)
        for (int tries = 0; index_of(i, path, SCOPE_SELF) == 0; tries++) {
            must(tries < 6000, "a message does not arrive");
            thread_pause(10 * NANOS_PER_MS);
        }
}

/* Does it, and says what changed by it, on all machines under the same index: paths of
 * this list. */
static uint64_t happens(const char *sql, const char *const paths[])
{
    static const char *const all[] = {"/posts/1",
                                      "/posts/2",
                                      "/posts/3",
                                      "/posts/1/comments/7",
                                      "/posts/2/comments/7",
                                      "/users/a/posts",
                                      "/users/b/posts",
                                      "/events/1",
                                      "/events/2",
                                      "/x",
                                      "/x/y"};
    enum { ALL = sizeof all / sizeof *all };
    uint64_t before[ALL], index = 0;
    level();
    for (int i = 0; i < ALL; i++)
        before[i] = index_of(0, all[i], SCOPE_BELOW);
    postgres_server_say(&server, "%s", sql);
    level();
    for (int i = 0; i < ALL; i++) {
        bool expected = false;
        uint64_t now = index_of(0, all[i], SCOPE_BELOW);
        for (int k = 0; paths[k] != NULL; k++)
            expected |= strcmp(paths[k], all[i]) == 0;
        must((now > before[i]) == expected, "%s: %s %s", sql, all[i],
             expected ? "does not change" : "changes");
        if (!expected)
            continue;
        must(now == index_of(1, all[i], SCOPE_BELOW), "%s has two indexes", all[i]);
        must(index == 0 || index == now, "%s: two indexes in one transaction", sql);
        index = now;
    }
    return index;
}
#define HAPPENS(sql, ...) happens(sql, (const char *const[]){__VA_ARGS__, NULL})
#define HAPPENS_NOTHING(sql) happens(sql, (const char *const[]){NULL})

static void rows_are_paths(void **state)
{
    (void)state;
    HAPPENS("INSERT INTO posts VALUES (1, 'a', 'one')", "/posts/1", "/users/a/posts");
    HAPPENS("INSERT INTO posts VALUES (2, 'b', 'two'), (3, 'b', 'three')", "/posts/2",
            "/posts/3", "/users/b/posts");
    HAPPENS("INSERT INTO comments VALUES (7, 1, 'hm')", "/posts/1",
            "/posts/1/comments/7");
    HAPPENS("UPDATE posts SET title = 'ONE' WHERE id = 1", "/posts/1", "/users/a/posts");
    HAPPENS("UPDATE posts SET author = 'b' WHERE id = 1", "/posts/1", "/users/a/posts",
            "/users/b/posts");
    HAPPENS("UPDATE comments SET post = 2 WHERE id = 7", "/posts/1", "/posts/2",
            "/posts/1/comments/7", "/posts/2/comments/7");
    HAPPENS("DELETE FROM posts WHERE id = 2", "/posts/2", "/posts/2/comments/7",
            "/users/b/posts");
    HAPPENS("INSERT INTO events VALUES (1, 1)", "/events/1");
    HAPPENS("UPDATE events SET at = 11 WHERE id = 1", "/events/1");
    HAPPENS("CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM (20) TO (30); "
            "INSERT INTO events VALUES (2, 20)",
            "/events/2");
    HAPPENS_NOTHING("INSERT INTO private VALUES (1)");
    HAPPENS_NOTHING("UPDATE posts SET title = '' WHERE id = 99");
    HAPPENS_NOTHING("BEGIN; UPDATE posts SET title = 'no'; ROLLBACK");
    HAPPENS("BEGIN; INSERT INTO posts VALUES (2, 'a', '2'); SAVEPOINT s; INSERT INTO "
            "events VALUES (2, 2); ROLLBACK TO s; UPDATE posts SET title = 'x' WHERE id "
            "= 2; COMMIT",
            "/posts/2", "/users/a/posts");
    HAPPENS("TRUNCATE events", "/events/1", "/events/2");
}

/* How many lines of the log have this, from start_hearing() on. */
static int stderr_before, heard;

static void start_hearing(void)
{
    fflush(stderr);
    stderr_before = dup(STDERR_FILENO);
    heard = memfd_create("log", MFD_CLOEXEC);
    must(dup2(heard, STDERR_FILENO) >= 0, "no standard error");
}

static int stop_hearing(const char *what)
{
    static char said[16384];
    int count = 0;
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    ssize_t n = pread(heard, said, sizeof said - 1, 0);
    close(heard);
    said[n > 0 ? n : 0] = '\0';
    for (const char *at = said; (at = strstr(at, what)) != NULL; at++)
        count++;
    return count;
}

static void messages_are_paths(void **state)
{
    (void)state;
    HAPPENS("SELECT pg_logical_emit_message(true, 'fcgiwait', '/x/y')", "/x", "/x/y");
    HAPPENS("SELECT pg_logical_emit_message(true, 'fcgiwait', '/posts/1/*')", "/posts/1",
            "/posts/1/comments/7");
    HAPPENS("SELECT pg_logical_emit_message(false, 'fcgiwait', '/x')", "/x");
    HAPPENS_NOTHING("SELECT pg_logical_emit_message(true, 'others', '/x')");
    HAPPENS_NOTHING("SELECT pg_logical_emit_message(true, 'fcgiwait', 'no path')");
    HAPPENS_NOTHING("BEGIN; SELECT pg_logical_emit_message(true, 'fcgiwait', '/x'); "
                    "ROLLBACK");
}

static void one_message_that_is_no_path_is_told(void **state)
{
    (void)state;
    start_hearing();
    postgres_server_say(&server,
                        "SELECT pg_logical_emit_message(true, 'fcgiwait', 'no path ' || "
                        "n) FROM generate_series(1, 50) n");
    level();
    assert_int_equal(stop_hearing("is no path such as"), MACHINES);
}

/* --- touches --- */

static struct edited everything_below(struct store_rig *store_rig, const char *path)
{
    return store_rig_edit(store_rig,
                          &(struct edit){.kind = EDIT_EVERYTHING, .path = text_of(path)});
}

static void a_touch_is_seen_by_all_before_it_is_answered(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++) {
        struct edited edited =
            store_rig_touch(&machines[i % MACHINES], "/t/\xff {\"\\},'");
        assert_int_equal(edited.result, EDIT_CHANGED);
        assert_int_equal(index_of(i % MACHINES, "/t/\xff {\"\\},'", SCOPE_SELF),
                         edited.index);
        level();
        for (int k = 0; k < MACHINES; k++)
            assert_int_equal(index_of(k, "/t/\xff {\"\\},'", SCOPE_SELF), edited.index);
    }
    struct edited edited = everything_below(&machines[0], "/posts/3");
    assert_int_equal(edited.result, EDIT_CHANGED);
    level();
    for (int k = 0; k < MACHINES; k++) {
        assert_int_equal(index_of(k, "/posts/3/comments/9", SCOPE_BELOW), edited.index);
        assert_true(index_of(k, "/posts/4", SCOPE_BELOW) < edited.index);
    }
    edited = everything_below(&machines[1], "/");
    level();
    for (int k = 0; k < MACHINES; k++)
        assert_int_equal(index_of(k, "/whatever", SCOPE_BELOW), edited.index);
}

static void touches_that_come_together_are_one_step(void **state)
{
    enum { TOUCHES = 300 };
    static struct errand errands[TOUCHES];
    static char paths[TOUCHES][32];
    struct edited first;
    size_t steps = machines[0].steps;
    (void)state;
    for (int i = 0; i < TOUCHES; i++) {
        snprintf(paths[i], sizeof paths[i], "/many/%d", i);
        store_rig_send(&machines[0], &errands[i],
                       &(struct edit){.kind = EDIT_TOUCH, .path = text_of(paths[i])});
    }
    for (int i = 0; i < TOUCHES; i++) {
        first = store_rig_await(&errands[i]);
        assert_int_equal(first.result, EDIT_CHANGED);
        assert_int_equal(index_of(0, paths[i], SCOPE_SELF), first.index);
    }
    assert_true(machines[0].steps - steps < TOUCHES / 2);
}

static void documents_are_elsewhere(void **state)
{
    (void)state;
    assert_int_equal(store_rig_put(&machines[0], "/a", "x/y", "1").result,
                     EDIT_ELSEWHERE);
    assert_int_equal(store_rig_delete(&machines[0], "/a").result, EDIT_ELSEWHERE);
    assert_int_equal(store_rig_patch(&machines[0], "/a", "{}").result, EDIT_ELSEWHERE);
    assert_int_equal(
        store_rig_edit(&machines[0], &(struct edit){.kind = EDIT_TOUCH,
                                                    .path = TEXT("/a"),
                                                    .conditions.if_match = TEXT("\"1\"")})
            .result,
        EDIT_ELSEWHERE);
}

/* --- how new --- */

/* Whether the machine comes to the index, or knows that it was never given, in time. */
static bool reaches(int machine, uint64_t index, nanos time)
{
    return store_reached(machines[machine].store, index) ||
           store_rig_pass(&machines[machine], index, time);
}

static void an_index_of_another_machine_is_reached(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++) {
        char path[32];
        snprintf(path, sizeof path, "/news/%d", i);
        uint64_t index = store_rig_touch(&machines[i % MACHINES], path).index;
        int other = (i + 1) % MACHINES;
        assert_true(reaches(other, index, 10 * NANOS_PER_SECOND));
        assert_int_equal(index_of(other, path, SCOPE_SELF), index);
    }
}

/* Any role may write what a process of ours does. */
static void a_base_that_leaves_no_room_is_nobodys(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        assert_true(store_index(machines[i].store) < INDEX_LIMIT / 8);
    postgres_server_say(&server,
                        "SELECT pg_logical_emit_message(true, 'fcgiwait.mark', 'x 1 ' || "
                        "%llu - (pg_current_wal_insert_lsn() - '0/0'))",
                        (unsigned long long)INDEX_LIMIT / 2 -
                            ((unsigned long long)1 << 36));
    level();
    for (int i = 0; i < MACHINES; i++)
        assert_true(store_index(machines[i].store) < INDEX_LIMIT / 8);
}

static void an_index_that_nobody_gave_holds_nobody_up(void **state)
{
    uint64_t newest = store_index(machines[0].store);
    struct instant start = clock_now();
    (void)state;
    assert_true(reaches(0, newest + 1000000, 30 * NANOS_PER_SECOND));
    assert_true(reaches(0, INDEX_LIMIT / 2 - 1, 30 * NANOS_PER_SECOND));
    assert_true(clock_now().at - start.at < 10 * NANOS_PER_SECOND);
    assert_true(store_index(machines[0].store) < newest + 1000000);
}

/* Somebody who started later knows an index that concerns no table. */
static void the_start_of_one_is_known_to_all(void **state)
{
    struct tree_span span;
    (void)state;
    store_rig_close(&machines[1]);
    store_rig_open(&machines[1], &options);
    uint64_t index = index_of(1, "/", SCOPE_BELOW);
    assert_true(reaches(0, index, 10 * NANOS_PER_SECOND));
    tree_span(machines[0].tree, &span);
    assert_true(span.newest >= index);
    assert_true(index_of(0, "/", SCOPE_BELOW) < index);
}

static void open_fenced(void)
{
    store_rig_close(&machines[0]);
    options.fenced = true;
    store_rig_open(&machines[0], &options);
    options.fenced = false;
}

static void fenced_reads_have_all_that_was_committed(void **state)
{
    (void)state;
    open_fenced();
    for (int i = 1; i <= 20; i++) {
        uint64_t before = index_of(0, "/posts/77", SCOPE_SELF);
        /* Not even flushed when it is acknowledged. */
        postgres_server_say(&server,
                            "SET synchronous_commit = off; INSERT INTO posts "
                            "VALUES (77, 'x', '%d') ON CONFLICT (id) DO UPDATE "
                            "SET title = '%d'",
                            i, i);
        assert_true(reaches(0, 0, 10 * NANOS_PER_SECOND));
        assert_true(index_of(0, "/posts/77", SCOPE_SELF) > before);
    }
}

/* And lets no change of others fail. */
static void a_reader_without_time_gets_one_look(void **state)
{
    int looks[MACHINES] = {0};
    struct engine_report report;
    (void)state;
    open_fenced();
    for (int i = 0; i < 20; i++)
        for (int k = 0; k < MACHINES; k++) {
            looks[k] += reaches(k, store_index(machines[k].store) + 1000000, 0);
            assert_int_equal(store_rig_touch(&machines[k], "/t").result, EDIT_CHANGED);
        }
    for (int k = 0; k < MACHINES; k++) {
        must(looks[k] >= 10, "machine %d: %d of 20 looks", k, looks[k]);
        store_engine(machines[k].store, &report);
        assert_int_equal(report.state, ENGINE_GOOD);
    }
}

/* Those have longer. */
static void a_reader_is_given_up_while_changes_are_waited_for(void **state)
{
    struct errand errands[2];
    const struct edit touch = {.kind = EDIT_TOUCH, .path = TEXT("/t")};
    bool reached[2];
    int done[2];
    (void)state;
    open_fenced();
    postgres_server_freeze(&server, true);
    for (int i = 0; i < 2; i++) {
        store_rig_send(&machines[i], &errands[i], &touch);
        reached[i] = reaches(i, store_index(machines[i].store) + 1000000, 0);
        sem_getvalue(&errands[i].done, &done[i]);
    }
    postgres_server_freeze(&server, false);
    for (int i = 0; i < 2; i++) {
        struct edited edited = store_rig_await(&errands[i]);
        must(edited.result == EDIT_CHANGED || edited.result == EDIT_KEPT, "result %d",
             (int)edited.result);
        assert_false(reached[i]);
        assert_int_equal(done[i], 0);
    }
}

/* --- much --- */

static void a_big_transaction_is_all_of_its_table(void **state)
{
    (void)state;
    HAPPENS("INSERT INTO posts SELECT n, 'c', '' FROM generate_series(1000, 300000) n",
            "/posts/1", "/posts/2", "/posts/3", "/posts/1/comments/7",
            "/posts/2/comments/7", "/users/a/posts", "/users/b/posts");
    HAPPENS("DELETE FROM posts WHERE id >= 1000", "/posts/1", "/posts/2", "/posts/3",
            "/posts/1/comments/7", "/posts/2/comments/7", "/users/a/posts",
            "/users/b/posts");
    HAPPENS("INSERT INTO posts VALUES (2000, 'd', '')", (const char *)NULL);
    HAPPENS("DELETE FROM posts WHERE id = 2000", (const char *)NULL);
}

static void the_oldest_paths_are_forgotten(void **state)
{
    size_t resources, paths;
    (void)state;
    store_set_limit(machines[0].store, 100);
    for (int i = 0; i < 30; i++)
        postgres_server_say(&server,
                            "SELECT pg_logical_emit_message(true, 'fcgiwait', "
                            "'/f/%d/' || n) FROM generate_series(1, 20) n",
                            i);
    level();
    struct store_view view = view_of(machines[0].tree);
    view.count(view.context, &resources, &paths);
    assert_int_equal(resources, 0);
    assert_true(paths <= 100);
    assert_true(index_of(0, "/f/29/20", SCOPE_SELF) > 0);
    assert_int_equal(index_of(0, "/f/0/1", SCOPE_SELF), 0);
}

/* --- the server goes, and comes back --- */

/* Waits until the machine has seen a change of everything that is newer. */
static void await_everything(int machine, uint64_t before)
{
    for (int tries = 0; index_of(machine, "/never", SCOPE_BELOW) <= before; tries++) {
        must(tries < 6000, "nothing counts as changed");
        thread_pause(10 * NANOS_PER_MS);
    }
}

static void a_server_that_was_away_may_have_changed_everything(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        uint64_t before = 0;
        for (int i = 0; i < MACHINES; i++)
            if (store_index(machines[i].store) > before)
                before = store_index(machines[i].store);
        postgres_server_kill(&server);
        postgres_server_launch(&server);
        for (int i = 0; i < MACHINES; i++)
            await_everything(i, before);
        level();
        HAPPENS("INSERT INTO posts VALUES (5, 'a', '') ON CONFLICT (id) DO UPDATE SET "
                "title = ''",
                "/users/a/posts");
    }
}

static void await_path(int machine, const char *path)
{
    for (int tries = 0; index_of(machine, path, SCOPE_SELF) == 0; tries++) {
        must(tries < 6000, "%s does not change", path);
        thread_pause(10 * NANOS_PER_MS);
    }
}

static void await_answers(int machine, bool answers)
{
    for (int tries = 0; store_answers(machines[machine].store) != answers; tries++) {
        must(tries < 6000, "it %s", answers ? "does not answer" : "still answers");
        thread_pause(10 * NANOS_PER_MS);
    }
}

/* What asks the server, but not what streams. */
#define CUT_IDLE                                                                         \
    "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE "               \
    "application_name = 'fcgiwait' AND backend_type = 'client backend'; "

/* A load balancer does that, or an administrator. */
static void a_connection_that_is_cut_costs_no_stream(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        HAPPENS(CUT_IDLE "DELETE FROM events WHERE id = 1; INSERT INTO events VALUES (1, "
                         "1)",
                "/events/1");
        postgres_server_say(&server, CUT_IDLE);
        assert_int_equal(store_rig_touch(&machines[0], "/x").result, EDIT_CHANGED);
    }
}

static void await_rows(const char *query)
{
    for (int tries = 0; postgres_server_ask(&server, query) < MACHINES; tries++) {
        must(tries < 6000, "%s: too few", query);
        thread_pause(10 * NANOS_PER_MS);
    }
}

static void await_state(int machine, enum engine_state expected)
{
    struct engine_report report;
    store_engine(machines[machine].store, &report);
    for (int tries = 0; report.state != expected; tries++) {
        must(tries < 6000, "it is %s: %s", engine_state_name(report.state), report.why);
        thread_pause(10 * NANOS_PER_MS);
        store_engine(machines[machine].store, &report);
    }
}

static void a_question_over_one_that_was_cut_is_no_trouble_for_long(void **state)
{
    (void)state;
    for (int round = 0; round < 3; round++) {
        postgres_server_say(&server, CUT_IDLE);
        reaches(0, INDEX_LIMIT / 2 - 1, 30 * NANOS_PER_SECOND);
        await_state(0, ENGINE_GOOD);
    }
}

static void a_connection_may_be_idle_for_long(void **state)
{
    (void)state;
    postgres_server_say(&server, "ALTER SYSTEM SET idle_session_timeout = '200ms'");
    postgres_server_say(&server, "SELECT pg_reload_conf()");
    for (int i = 0; i < 10; i++) /* who asks knows of it then */
        level();
    await_rows("SELECT count(*) FROM pg_stat_activity WHERE query LIKE "
               "'SELECT pg_current_snapshot%' AND state_change < now() - interval '1 s'");
    assert_int_equal(postgres_server_ask(&server, "SELECT setting FROM pg_settings WHERE "
                                                  "name = 'idle_session_timeout'"),
                     0); /* but the test's own may, too */
    postgres_server_say(&server, "ALTER SYSTEM RESET idle_session_timeout");
    postgres_server_say(&server, "SELECT pg_reload_conf()");
}

/* A slot waits for all that is open, whatever patience others have there. */
static void a_stream_that_can_not_begin_is_an_outage(void **state)
{
    struct pg_conn *open = postgres_server_connect(&server);
    (void)state;
    postgres_server_say(&server, "ALTER DATABASE postgres SET lock_timeout = '100ms'");
    postgres_say(open, "BEGIN; SELECT pg_current_xact_id()");
    postgres_server_say(&server,
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
    for (int i = 0; i < MACHINES; i++)
        await_answers(i, false);
    await_state(0, ENGINE_SLOW);
    postgres_server_say(&server, "ALTER DATABASE postgres RESET lock_timeout");
    assert_int_equal(store_rig_touch(&machines[0], "/kept").result, EDIT_KEPT);
    postgres_say(open, "COMMIT");
    PQfinish(open);
    await_path(0, "/kept"); /* whether anybody does anything or not */
    for (int i = 0; i < MACHINES; i++)
        await_answers(i, true);
    level();
    await_state(0, ENGINE_GOOD);
}

static void signal_senders(int number)
{
    static const char *const senders[] = {"SELECT min(pid) FROM pg_stat_replication",
                                          "SELECT max(pid) FROM pg_stat_replication"};
    for (int i = 0; i < MACHINES; i++) {
        pid_t pid = (pid_t)postgres_server_ask(&server, senders[i]);
        must(pid > 0 && kill(pid, number) == 0, "nobody sends the log");
    }
}

/* As one does that goes through a big transaction without anything for us. */
static void a_stream_that_is_silent_for_long_is_kept(void **state)
{
    static const char last[] = "SELECT 1000000 * extract(epoch FROM min(state_change)) "
                               "FROM pg_stat_activity WHERE query LIKE "
                               "'SELECT pg_current_snapshot%'";
    uint64_t before[MACHINES];
    (void)state;
    level();
    for (int i = 0; i < MACHINES; i++)
        before[i] = index_of(i, "/never", SCOPE_BELOW);
    signal_senders(SIGSTOP);
    for (int looks = 0; looks < 2; looks++) {
        long long then = postgres_server_ask(&server, last);
        for (int tries = 0; postgres_server_ask(&server, last) <= then; tries++) {
            must(tries < 6000, "it is not asked");
            thread_pause(10 * NANOS_PER_MS);
        }
    }
    signal_senders(SIGCONT);
    level();
    for (int i = 0; i < MACHINES; i++) {
        assert_int_equal(index_of(i, "/never", SCOPE_BELOW), before[i]);
        await_state(i, ENGINE_GOOD);
    }
}

/* For longer than its patience is. */
#define HELD_UP (7 * NANOS_PER_SECOND)
static _Atomic bool was_held_up;

static void hold_up(int number)
{
    (void)number;
    for (struct instant end = instant_after(clock_now(), HELD_UP);
         clock_now().at < end.at;)
        thread_pause(10 * NANOS_PER_MS);
    was_held_up = true;
}

/* Our machine stands still, say; and nothing happens in the server. */
static void who_is_held_up_does_not_blame_the_server(void **state)
{
    struct sigaction action = {.sa_handler = hold_up};
    nanos patience = options.patience;
    (void)state;
    store_rig_close(&machines[0]);
    options.patience = HELD_UP - NANOS_PER_SECOND;
    store_rig_open(&machines[0], &options);
    options.patience = patience;
    struct postgres *postgres = CONTAINER_OF(machines[0].store, struct postgres, store);
    level();
    uint64_t before = index_of(0, "/never", SCOPE_BELOW);
    sigaction(SIGUSR1, &action, NULL);
    must(pthread_kill(postgres->follower, SIGUSR1) == 0, "nobody follows");
    for (int tries = 0; !was_held_up; tries++) {
        must(tries < 6000, "it does not go on");
        thread_pause(10 * NANOS_PER_MS);
    }
    level();
    assert_int_equal(index_of(0, "/never", SCOPE_BELOW), before);
}

/* How often /kept is in the log, for somebody who has read it all along. */
static long long times_kept(void)
{
    return postgres_server_ask(
        &server,
        "SELECT count(*) FROM pg_logical_slot_peek_binary_changes('spy', NULL, "
        "NULL, 'proto_version', '1', 'publication_names', 'fcgiwait', 'messages', "
        "'true') WHERE encode(data, 'escape') LIKE '%/kept'");
}

/* Killed, or frozen: no connection ends by itself. */
static void what_is_touched_meanwhile_is_kept(void **state)
{
    (void)state;
    postgres_server_say(&server,
                        "SELECT pg_create_logical_replication_slot('spy', 'pgoutput')");
    for (int frozen = 0; frozen < 2; frozen++) {
        if (frozen)
            postgres_server_freeze(&server, true);
        else
            postgres_server_kill(&server);
        for (int i = 0; i < 3; i++)
            assert_int_equal(store_rig_touch(&machines[0], "/kept").result, EDIT_KEPT);
        await_answers(0, false);
        if (frozen)
            postgres_server_freeze(&server, false);
        else
            postgres_server_launch(&server);
        await_answers(0, true);
        for (int tries = 0; times_kept() <= frozen; tries++) {
            must(tries < 6000, "what was kept is lost");
            thread_pause(10 * NANOS_PER_MS);
        }
    }
    postgres_server_say(&server, "SELECT pg_drop_replication_slot('spy')");
}

/* The server has the touch, and says no more. */
static void a_stop_does_not_wait_for_a_log_that_stands_still(void **state)
{
    static const char flushed[] = "SELECT pg_current_wal_flush_lsn() - '0/0'::pg_lsn";
    struct errand errand;
    (void)state;
    store_rig_close(&machines[1]);
    while (postgres_server_ask(&server, "SELECT count(*) FROM pg_replication_slots") > 1)
        thread_pause(10 * NANOS_PER_MS); /* the other's goes with its connection */
    long long before = postgres_server_ask(&server, flushed);
    pid_t sender = (pid_t)postgres_server_ask(
        &server, "SELECT active_pid FROM pg_replication_slots WHERE active");
    must(sender > 0 && kill(sender, SIGSTOP) == 0, "nobody sends the log");
    store_rig_send(&machines[0], &errand,
                   &(struct edit){.kind = EDIT_TOUCH, .path = TEXT("/stuck")});
    for (int tries = 0; postgres_server_ask(&server, flushed) <= before; tries++) {
        must(tries < 3000, "the server does not get it");
        thread_pause(10 * NANOS_PER_MS);
    }
    struct instant until = errand.edit.until;
    store_rig_close(&machines[0]);
    struct instant closed = clock_now();
    kill(sender, SIGCONT);
    assert_int_equal(store_rig_await(&errand).result, EDIT_KEPT);
    assert_true(closed.at < until.at);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, open_machines, close_machines)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rows_are_paths),
        TEST(messages_are_paths),
        TEST(one_message_that_is_no_path_is_told),
        TEST(a_touch_is_seen_by_all_before_it_is_answered),
        TEST(touches_that_come_together_are_one_step),
        TEST(documents_are_elsewhere),
        TEST(an_index_of_another_machine_is_reached),
        TEST(a_base_that_leaves_no_room_is_nobodys),
        TEST(an_index_that_nobody_gave_holds_nobody_up),
        TEST(the_start_of_one_is_known_to_all),
        TEST(fenced_reads_have_all_that_was_committed),
        TEST(a_reader_without_time_gets_one_look),
        TEST(a_reader_is_given_up_while_changes_are_waited_for),
        TEST(a_big_transaction_is_all_of_its_table),
        TEST(the_oldest_paths_are_forgotten),
        TEST(a_stop_does_not_wait_for_a_log_that_stands_still),
        TEST(a_connection_that_is_cut_costs_no_stream),
        TEST(a_question_over_one_that_was_cut_is_no_trouble_for_long),
        TEST(a_connection_may_be_idle_for_long),
        TEST(who_is_held_up_does_not_blame_the_server),
        TEST(a_server_that_was_away_may_have_changed_everything),
        cmocka_unit_test_setup_teardown(a_stream_that_is_silent_for_long_is_kept,
                                        open_steady, close_machines),
        cmocka_unit_test_setup_teardown(a_stream_that_can_not_begin_is_an_outage,
                                        open_hurried, close_machines),
        cmocka_unit_test_setup_teardown(what_is_touched_meanwhile_is_kept, open_hurried,
                                        close_machines),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!postgres_server_can()) {
        puts("skipped: PostgreSQL is not installed (postgresql), or this build has none");
        return 77;
    }
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
