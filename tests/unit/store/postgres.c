/* SPDX-License-Identifier: ISC */
/* A real PostgreSQL as the source of changes: each machine a store with a tree of its
 * own. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/thread.h"
#include "must.h"
#include "postgres_server.h"
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
                                       .patience = NANOS_PER_SECOND,
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
    "CREATE PUBLICATION fcgiwait FOR TABLE posts, comments, events WITH "
    "(publish_via_partition_root = true);";

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
    HAPPENS_NOTHING("INSERT INTO private VALUES (1)");
    HAPPENS_NOTHING("UPDATE posts SET title = '' WHERE id = 99");
    HAPPENS_NOTHING("BEGIN; UPDATE posts SET title = 'no'; ROLLBACK");
    HAPPENS("BEGIN; INSERT INTO posts VALUES (2, 'a', '2'); SAVEPOINT s; INSERT INTO "
            "events VALUES (2, 2); ROLLBACK TO s; UPDATE posts SET title = 'x' WHERE id "
            "= 2; COMMIT",
            "/posts/2", "/users/a/posts");
    HAPPENS("TRUNCATE events", "/events/1", "/events/2");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_paths, open_machines, close_machines),
        cmocka_unit_test_setup_teardown(messages_are_paths, open_machines,
                                        close_machines),
    };
    signal(SIGPIPE, SIG_IGN);
    if (!postgres_server_can()) {
        puts("skipped: PostgreSQL is not installed (postgresql), or this build has none");
        return 77;
    }
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
