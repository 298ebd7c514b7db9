/* SPDX-License-Identifier: ISC */
/* fcgiwait --import: a SQLite store into Redis, and back. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "must.h"
#include "program.h"
#include "redis_server.h"
#include "store_rig.h"

enum { MANY = 2000 };

static struct redis_server server;
static struct store_rig_folder folder;
static struct store_options sqlite, redis;

static int start(void **state)
{
    (void)state;
    redis_server_start(&server, false);
    store_rig_folder_make(&folder);
    sqlite = (struct store_options){.type = "sqlite", .file = folder.file};
    redis = (struct store_options){.type = "redis", .url = server.url};
    return 0;
}

static int stop(void **state)
{
    (void)state;
    store_rig_folder_remove(&folder);
    redis_server_stop(&server);
    return 0;
}

static void fill(const struct store_options *options)
{
    struct store_rig rig;
    char path[32], body[32];
    store_rig_open(&rig, options);
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "/p/%d", i * 7 % MANY);
        snprintf(body, sizeof body, "{\"n\":%d}", i);
        store_rig_put(&rig, path, "application/json", body);
    }
    store_rig_put(&rig, "/gone", "x/y", "1");
    store_rig_delete(&rig, "/gone");
    store_rig_touch(&rig, "/touched");
    store_rig_close(&rig);
}

/* Each with its type and bytes, in the same order, and nothing else. */
static void must_have_all(const struct store_options *options)
{
    struct store_rig rig;
    uint64_t last = 0;
    char path[32], body[32], expected[32];
    store_rig_open(&rig, options);
    assert_int_equal(tree_resources(rig.tree), MANY);
    for (int i = 0; i < MANY; i++) {
        struct present present;
        snprintf(path, sizeof path, "/p/%d", i * 7 % MANY);
        snprintf(expected, sizeof expected, "{\"n\":%d}", i);
        uint64_t index = store_rig_look(&rig, path, body, sizeof body);
        assert_string_equal(body, expected);
        assert_true(index > last);
        last = index;
        tree_look(rig.tree, text_of(path), SCOPE_SELF, &present);
        assert_true(text_is(present.document->type, TEXT("application/json")));
        present_dispose(&present);
    }
    store_rig_close(&rig);
}

static void a_file_goes_into_redis_and_back(void **state)
{
    char back[160];
    (void)state;
    fill(&sqlite);
    struct run run = program_run("--import '%s' -o store.type=redis -o store.url=%s",
                                 folder.file, server.url);
    run_must(&run, 0, "2000 documents");
    must_have_all(&redis);
    must_have_all(&sqlite); /* it was only read */
    snprintf(back, sizeof back, "%s.back", folder.file);
    run = program_run("--import %s -o store.type=sqlite -o store.file='%s'", server.url,
                      back);
    run_must(&run, 0, "2000 documents");
    must_have_all(&(struct store_options){.type = "sqlite", .file = back});
}

static void a_store_that_is_not_empty_is_left_alone(void **state)
{
    struct store_rig rig;
    char body[32];
    (void)state;
    fill(&sqlite);
    store_rig_open(&rig, &redis);
    store_rig_put(&rig, "/p/1", "x/y", "mine");
    struct run run = program_run("--import '%s' -o store.type=redis -o store.url=%s",
                                 folder.file, server.url);
    run_must(&run, 73, "is not empty");
    assert_int_equal(tree_resources(rig.tree), 1);
    store_rig_look(&rig, "/p/1", body, sizeof body);
    assert_string_equal(body, "mine");
    store_rig_close(&rig);
    run = program_run("--import '%s' -o store.type=redis -o store.url=%s -o "
                      "store.name=other",
                      folder.file, server.url);
    run_must(&run, 0, "2000 documents");
}

static void what_cannot_be_is_said(void **state)
{
    (void)state;
    struct run run =
        program_run("--import /nowhere -o store.type=redis -o store.url=%s", server.url);
    run_must(&run, 73, "/nowhere: No such file");
    fill(&sqlite);
    run =
        program_run("--import '%s' -o store.type=redis -o store.url=redis://127.0.0.1:1/",
                    folder.file);
    run_must(&run, 73, "refused");
    run = program_run("--import '%s' -o store.type=redis -o store.url=%s -o "
                      "limits.resources=100",
                      folder.file, server.url);
    run_must(&run, 75, "limits.resources");
    run_must(&run, 75, "only 100 of 2000");
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_file_goes_into_redis_and_back),
        TEST(a_store_that_is_not_empty_is_left_alone),
        TEST(what_cannot_be_is_said),
    };
    if (!redis_server_can()) {
        printf("this needs redis-server, and a build with hiredis\n");
        return 77; /* skipped */
    }
    signal(SIGPIPE, SIG_IGN); /* as the program does */
    return cmocka_run_group_tests_name("import_moves_a_store", tests, NULL, NULL);
}
