/* SPDX-License-Identifier: ISC */
/*
 * What is told below a path behind an origin, step by step at random: transactions of a
 * real PostgreSQL, two machines, one of which starts again at times, and readers who
 * change machine with each page. FCGIWAIT_FULL=1: 20,000 steps.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>
#include <libpq-fe.h>

#include "fcgiwait/thread.h"
#include "must.h"
#include "postgres_server.h"
#include "service_rig.h"

enum {
    MACHINES = 2,
    POSTS = 40,
    PATHS = 60,
    READERS = 6,
    STEPS = 400,
    STEPS_FULL = 20000
};

static const struct store_table table = {.name = "public.posts", .path = "/posts/{id}"};
static const char *const targets[READERS] = {"/posts", "/x", "/", "/posts", "/x", "/"};

struct reader {
    const char *target;
    bool began;
    uint64_t index;
    long step; /* all up to here was told */
    uint64_t told[PATHS];
};

static struct postgres_server server;
static struct pg_conn *sql;
static struct store_options options = {.type = "postgres",
                                       .patience = 30 * NANOS_PER_SECOND,
                                       .publication = "fcgiwait",
                                       .tables = &table,
                                       .table_count = 1};
static struct service_rig machines[MACHINES];
static struct service_rules rules;
static struct reader readers[READERS];
static long step, changed[PATHS]; /* when */
static unsigned seed;
static long pages, resets, silent;

static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&seed) % below;
}

/* /posts/0 to /posts/39 are rows, /x/40 to /x/59 are messages. */
static void path_of(int i, char path[32])
{
    snprintf(path, 32, i < POSTS ? "/posts/%d" : "/x/%d", i);
}

static bool concerns(const struct reader *reader, int i)
{
    char path[32];
    path_of(i, path);
    return strcmp(reader->target, "/") == 0 ||
           strncmp(path, reader->target, strlen(reader->target)) == 0;
}

static uint64_t index_of(int machine, int i)
{
    char path[32];
    path_of(i, path);
    return service_rig_index(&machines[machine], path, SCOPE_SELF);
}

/* --- what happens --- */

/* All that was committed is there on all machines. */
static void level(void)
{
    static unsigned number;
    char path[32];
    snprintf(path, sizeof path, "/level/%u", ++number);
    postgres_say(sql, "SELECT pg_logical_emit_message(true, 'fcgiwait', '%s')", path);
    for (int i = 0; i < MACHINES; i++)
        for (int tries = 0; service_rig_index(&machines[i], path, SCOPE_SELF) == 0;
             tries++) {
            must(tries < 60000, "a message does not arrive");
            thread_pause(NANOS_PER_MS);
        }
}

static void change(int i)
{
    if (i < POSTS)
        postgres_say(sql,
                     "INSERT INTO posts VALUES (%d, %ld) ON CONFLICT (id) DO UPDATE "
                     "SET n = %ld",
                     i, step, step);
    else
        postgres_say(sql, "SELECT pg_logical_emit_message(true, 'fcgiwait', '/x/%d')", i);
}

static void transact(void)
{
    unsigned count = 1 + (any(4) == 0 ? any(60) : any(4));
    bool commits = any(5) != 0;
    postgres_say(sql, "BEGIN");
    for (unsigned k = 0; k < count; k++) {
        int i = (int)any(PATHS);
        change(i);
        if (commits)
            changed[i] = step;
    }
    postgres_say(sql, commits ? "COMMIT" : "ROLLBACK");
}

static void start_machine(int machine)
{
    service_rig_open_over(&machines[machine], &rules, &options);
    store_set_limit(machines[machine].store, 50);
}

static void restart_machine(void)
{
    int machine = (int)any(MACHINES);
    service_rig_close(&machines[machine]);
    start_machine(machine);
    level();
}

/* --- what is told --- */

static struct json_object *member(struct json_object *object, const char *name)
{
    struct json_object *found = NULL;
    json_object_object_get_ex(object, name, &found);
    return found;
}

static void take_change(struct reader *reader, struct json_object *one)
{
    int i;
    const char *path = json_object_get_string(member(one, "path"));
    if (sscanf(path, "/posts/%d", &i) != 1 && sscanf(path, "/x/%d", &i) != 1)
        return; /* /level/N */
    must(concerns(reader, i), "%s is told below %s", path, reader->target);
    reader->told[i] = (uint64_t)json_object_get_int64(member(one, "index"));
}

/* Returns whether there is more; `reset`: it begins anew. */
static bool take_page(struct reader *reader, const char *body, bool *reset)
{
    struct json_object *page = json_tokener_parse(body);
    must(page != NULL, "no JSON: %s", body);
    struct json_object *changes = member(page, "changes");
    *reset |= json_object_get_boolean(member(page, "reset"));
    for (size_t i = 0; i < json_object_array_length(changes); i++)
        take_change(reader, json_object_array_get_idx(changes, i));
    reader->index = (uint64_t)json_object_get_int64(member(page, "index"));
    reader->began = true;
    bool more = json_object_get_boolean(member(page, "more"));
    json_object_put(page);
    pages++;
    return more;
}

/* Asks one of the machines. False: nothing has changed. */
static bool ask(struct reader *reader, bool *more, bool *reset)
{
    static struct visit visit;
    char query[64] = "";
    struct cgi cgi = {.method = TEXT("GET"),
                      .script_name = text_of(reader->target),
                      .scope = TEXT("below"),
                      .origin = TEXT("/_origin")};
    if (reader->began)
        snprintf(query, sizeof query, "wait=0&index=%llu",
                 (unsigned long long)reader->index);
    cgi.query = text_of(query);
    service_rig_serve(&machines[any(MACHINES)], &visit, &cgi);
    int status = visit_await(&visit);
    must(status == 200 || status == 304, "status %d", status);
    *more = status == 200 && take_page(reader, visit.body, reset);
    return status == 200;
}

/* Of a machine that has not forgotten it: they may have forgotten different paths. */
static uint64_t known_index(int i)
{
    uint64_t first = index_of(0, i), second = index_of(1, i);
    return first > second ? first : second;
}

/* All pages, and then it has to have all that changed, and nothing else. */
static void read_all(struct reader *reader)
{
    bool more = true, reset = false, news = false;
    memset(reader->told, 0, sizeof reader->told);
    while (more)
        news |= ask(reader, &more, &reset);
    for (int i = 0; i < PATHS; i++) {
        bool expected = concerns(reader, i) && changed[i] > reader->step;
        if (!reset && expected)
            must(reader->told[i] != 0 && reader->told[i] == known_index(i),
                 "step %ld: path %d below %s is told under %llu, not %llu", step, i,
                 reader->target, (unsigned long long)reader->told[i],
                 (unsigned long long)known_index(i));
        must(reset || expected || reader->told[i] == 0,
             "step %ld: path %d below %s is told, and has not changed", step, i,
             reader->target);
    }
    resets += reset;
    silent += !news;
    reader->step = step;
}

static void whatever_happens_each_change_is_told_once(void **state)
{
    long steps = getenv("FCGIWAIT_FULL") != NULL ? STEPS_FULL : STEPS;
    (void)state;
    for (step = 1; step <= steps; step++) {
        if (any(60) == 0)
            restart_machine();
        if (any(3) != 0)
            transact();
        level();
        read_all(&readers[any(READERS)]);
    }
    printf("%ld pages, %ld resets, %ld times nothing new\n", pages, resets, silent);
    assert_true(resets > 0 && resets < pages / 2 && silent > 0);
}

static int start(void **state)
{
    (void)state;
    postgres_server_start(&server, NULL);
    options.url = server.url;
    sql = postgres_server_connect(&server);
    postgres_say(sql, "CREATE TABLE posts (id int PRIMARY KEY, n bigint);"
                      "CREATE PUBLICATION fcgiwait FOR TABLE posts;");
    rules = service_rig_rules;
    rules.limit_path = 100;
    rules.limit_changes = 5;
    rules.limit_answer = 8000;
    for (int i = 0; i < MACHINES; i++)
        start_machine(i);
    for (int i = 0; i < READERS; i++)
        readers[i].target = targets[i];
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < MACHINES; i++)
        service_rig_close(&machines[i]);
    PQfinish(sql);
    postgres_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_happens_each_change_is_told_once, start,
                                        stop),
    };
    const char *given = getenv("SEED");
    seed = given != NULL ? (unsigned)atoi(given) : (unsigned)time(NULL);
    printf("SEED=%u\n", seed);
    signal(SIGPIPE, SIG_IGN);
    if (!postgres_server_can()) {
        puts("skipped: PostgreSQL is not installed (postgresql), or this build has none");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
