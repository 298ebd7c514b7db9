/* SPDX-License-Identifier: ISC */
/* What every kind of store promises: the same tests over all of them. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "redis_server.h"
#include "store_rig.h"

#define PLAIN "text/plain"
#define JSON "application/json"

static struct store_options options; /* of the store under test */
static struct store_rig_folder folder;
static char name[32];
static int number;

static int start(void **state)
{
    struct store_rig *store_rig = calloc(1, sizeof *store_rig);
    store_rig_folder_make(&folder);
    options.file = folder.file;
    snprintf(name, sizeof name, "promises%d", number++); /* a store of its own */
    options.name = name;
    store_rig_open(store_rig, &options);
    *state = store_rig;
    return 0;
}

static int stop(void **state)
{
    store_rig_close(*state);
    free(*state);
    store_rig_folder_remove(&folder);
    return 0;
}

static void must_be(struct edited edited, enum edit_result result)
{
    must(edited.result == result, "result %d, not %d", (int)edited.result, (int)result);
}

static void must_hold(struct store_rig *store_rig, const char *path, const char *expected)
{
    char body[4096];
    store_rig_look(store_rig, path, body, sizeof body);
    assert_string_equal(body, expected);
}

static void a_put_makes_and_replaces(void **state)
{
    struct store_rig *store_rig = *state;
    struct edited first = store_rig_put(store_rig, "/a", PLAIN, "1");
    must_be(first, EDIT_CREATED);
    must_hold(store_rig, "/a", "1");
    struct edited second = store_rig_put(store_rig, "/a", PLAIN, "2");
    must_be(second, EDIT_CHANGED);
    must_hold(store_rig, "/a", "2");
    assert_true(second.index > first.index);
    assert_int_equal(store_rig_index(store_rig, "/a"), second.index);
    assert_int_equal(store_index(store_rig->store), second.index);
}

static void the_same_document_changes_nothing(void **state)
{
    struct store_rig *store_rig = *state;
    uint64_t index = store_rig_put(store_rig, "/a", PLAIN, "1").index;
    size_t changes = store_rig->changes;
    struct edited again = store_rig_put(store_rig, "/a", PLAIN, "1");
    must_be(again, EDIT_SAME);
    assert_int_equal(again.index, index);
    assert_int_equal(store_rig->changes, changes);
    must_be(store_rig_put(store_rig, "/a", JSON, "1"), EDIT_CHANGED);
}

static void every_change_takes_the_next_index(void **state)
{
    struct store_rig *store_rig = *state;
    uint64_t index = store_rig_put(store_rig, "/a", PLAIN, "1").index;
    assert_true(index > 0);
    assert_true(index < INDEX_LIMIT);
    assert_int_equal(store_rig_put(store_rig, "/b", PLAIN, "1").index, index + 1);
    assert_int_equal(store_rig_touch(store_rig, "/a").index, index + 2);
    assert_int_equal(store_rig_delete(store_rig, "/b").index, index + 3);
    assert_int_equal(store_rig_edit(store_rig, &(struct edit){.kind = EDIT_EVERYTHING,
                                                              .path = TEXT("/")})
                         .index,
                     index + 4);
    assert_int_equal(store_rig_put(store_rig, "/b", PLAIN, "1").index, index + 5);
}

static void a_deleted_resource_keeps_its_index(void **state)
{
    struct store_rig *store_rig = *state;
    store_rig_put(store_rig, "/a", PLAIN, "1");
    struct edited gone = store_rig_delete(store_rig, "/a");
    must_be(gone, EDIT_CHANGED);
    must_hold(store_rig, "/a", "");
    assert_int_equal(store_rig_index(store_rig, "/a"), gone.index);
    must_be(store_rig_delete(store_rig, "/a"), EDIT_MISSING);
    must_be(store_rig_delete(store_rig, "/never"), EDIT_MISSING);
    must_be(store_rig_put(store_rig, "/a", PLAIN, "1"), EDIT_CREATED);
    assert_true(store_rig_index(store_rig, "/a") > gone.index);
}

static void a_touch_keeps_the_document(void **state)
{
    struct store_rig *store_rig = *state;
    uint64_t index = store_rig_put(store_rig, "/a", PLAIN, "1").index;
    must_be(store_rig_touch(store_rig, "/a"), EDIT_CHANGED);
    must_hold(store_rig, "/a", "1");
    assert_true(store_rig_index(store_rig, "/a") > index);
    must_be(store_rig_touch(store_rig, "/b"), EDIT_CHANGED);
    must_hold(store_rig, "/b", "");
    assert_true(store_rig_index(store_rig, "/b") > 0);
}

static struct edited conditional(struct store_rig *store_rig, enum edit_kind kind,
                                 const char *match, const char *none)
{
    struct edit edit = {.kind = kind,
                        .path = TEXT("/a"),
                        .patch = TEXT("{\"b\":1}"),
                        .most = 100,
                        .conditions.if_match = text_of(match),
                        .conditions.if_none_match = text_of(none)};
    if (kind == EDIT_PUT)
        edit.document = document_new(TEXT(JSON), TEXT("{\"new\":1}"));
    return store_rig_edit(store_rig, &edit);
}

static void preconditions_that_fail_change_nothing(void **state)
{
    static const enum edit_kind kinds[] = {EDIT_PUT, EDIT_PATCH, EDIT_TOUCH, EDIT_DELETE};
    struct store_rig *store_rig = *state;
    char tag[32];
    must_be(conditional(store_rig, EDIT_PUT, "*", NULL), EDIT_CONFLICT);
    uint64_t index = store_rig_put(store_rig, "/a", JSON, "{}").index;
    snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index - 1);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        must_be(conditional(store_rig, kinds[i], tag, NULL), EDIT_CONFLICT);
        must_be(conditional(store_rig, kinds[i], NULL, "*"), EDIT_CONFLICT);
    }
    assert_int_equal(store_rig_index(store_rig, "/a"), index);
    snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index);
    must_be(conditional(store_rig, EDIT_PATCH, tag, NULL), EDIT_CHANGED);
    must_be(conditional(store_rig, EDIT_DELETE, tag, NULL), EDIT_CONFLICT);
}

/* --- limits --- */

static void the_limit_holds_for_new_resources_only(void **state)
{
    struct store_rig *store_rig = *state;
    store_set_limit(store_rig->store, 2);
    must_be(store_rig_put(store_rig, "/a", PLAIN, "1"), EDIT_CREATED);
    must_be(store_rig_put(store_rig, "/b", PLAIN, "1"), EDIT_CREATED);
    must_be(store_rig_put(store_rig, "/c", PLAIN, "1"), EDIT_FULL);
    assert_int_equal(store_rig_index(store_rig, "/c"), 0);
    must_be(store_rig_put(store_rig, "/b", PLAIN, "2"), EDIT_CHANGED);
    must_be(store_rig_touch(store_rig, "/d"), EDIT_CHANGED); /* makes no resource */
    must_be(store_rig_delete(store_rig, "/b"), EDIT_CHANGED);
    must_be(store_rig_put(store_rig, "/c", PLAIN, "1"), EDIT_CREATED);
    must_be(store_rig_put(store_rig, "/b", PLAIN, "1"), EDIT_FULL);
    assert_int_equal(tree_resources(store_rig->tree), 2);
}

static void the_oldest_tombstones_are_forgotten(void **state)
{
    enum { LIMIT = 32, PATHS = 200 };
    struct store_rig *store_rig = *state;
    char path[16];
    uint64_t index[PATHS], last = 0;
    store_set_limit(store_rig->store, LIMIT);
    store_rig_put(store_rig, "/kept", PLAIN, "1");
    for (int i = 0; i < PATHS; i++) {
        snprintf(path, sizeof path, "/%d", i);
        must_be(store_rig_put(store_rig, path, PLAIN, "1"), EDIT_CREATED);
        index[i] = store_rig_delete(store_rig, path).index;
        assert_true(index[i] > last);
        last = index[i];
        assert_true(tree_tombstones(store_rig->tree) <= LIMIT);
    }
    for (int i = 0; i < PATHS; i++) {
        snprintf(path, sizeof path, "/%d", i);
        if (i < PATHS - LIMIT)
            assert_int_equal(store_rig_index(store_rig, path), 0);
        else if (i >= PATHS - LIMIT + LIMIT / 8)
            assert_int_equal(store_rig_index(store_rig, path), index[i]);
    }
    must_hold(store_rig, "/kept", "1");
    assert_true(store_rig_put(store_rig, "/0", PLAIN, "1").index > last);
}

/* --- patches --- */

static void a_patch_merges_into_the_document(void **state)
{
    struct store_rig *store_rig = *state;
    store_rig_put(store_rig, "/a", "application/x+json; v=1", "{\"a\": 1, \"b\": 2}");
    struct edited edited = store_rig_patch(store_rig, "/a", "{\"b\":null,\"c\":3}");
    must_be(edited, EDIT_CHANGED);
    must_hold(store_rig, "/a", "{\"a\":1,\"c\":3}");
    struct present present;
    tree_look(store_rig->tree, TEXT("/a"), SCOPE_SELF, &present);
    assert_true(text_is(present.document->type, TEXT("application/x+json; v=1")));
    assert_int_equal(present.index, edited.index);
    present_dispose(&present);
}

static void a_patch_that_asks_for_what_is_there_changes_nothing(void **state)
{
    struct store_rig *store_rig = *state;
    uint64_t index = store_rig_put(store_rig, "/a", JSON, "{ \"a\": 1 }").index;
    size_t changes = store_rig->changes;
    struct edited edited = store_rig_patch(store_rig, "/a", "{\"a\":1,\"b\":null}");
    must_be(edited, EDIT_SAME);
    assert_int_equal(edited.index, index);
    assert_int_equal(store_rig->changes, changes);
    must_hold(store_rig, "/a", "{ \"a\": 1 }");
}

static void a_patch_that_cannot_be_is_refused(void **state)
{
    struct store_rig *store_rig = *state;
    must_be(store_rig_patch(store_rig, "/a", "{\"a\":1}"), EDIT_MISSING);
    store_rig_put(store_rig, "/a", PLAIN, "{}");
    must_be(store_rig_patch(store_rig, "/a", "{\"a\":1}"), EDIT_NOT_JSON);
    store_rig_put(store_rig, "/b", JSON, "{\"b\":\"123\"}");
    struct edit edit = {
        .kind = EDIT_PATCH, .path = TEXT("/b"), .patch = TEXT("{\"a\":1}"), .most = 16};
    must_be(store_rig_edit(store_rig, &edit), EDIT_TOO_LARGE);
    must_hold(store_rig, "/b", "{\"b\":\"123\"}");
    edit.most = 17;
    must_be(store_rig_edit(store_rig, &edit), EDIT_CHANGED);
    must_hold(store_rig, "/b", "{\"b\":\"123\",\"a\":1}");
}

/* --- at the same time --- */

/* FCGIWAIT_FULL in the environment: as many rounds as were promised. */
enum { WRITERS = 8 };

struct writer {
    pthread_t thread;
    struct store_rig *store_rig;
    int number, rounds;
    uint64_t last;
};

static int rounds_of(int few)
{
    const char *full = getenv("FCGIWAIT_FULL");
    return full != NULL ? 1000 : few;
}

static void *patch_a_member(void *context)
{
    struct writer *writer = context;
    char patch[32];
    for (int i = 1; i <= writer->rounds; i++) {
        snprintf(patch, sizeof patch, "{\"%d\":%d}", writer->number, i);
        struct edited edited = store_rig_patch(writer->store_rig, "/a", patch);
        must_be(edited, EDIT_CHANGED);
        must(edited.index > writer->last, "an index went back");
        writer->last = edited.index;
    }
    return NULL;
}

static void run_writers(struct store_rig *store_rig, struct writer writers[WRITERS],
                        int rounds, void *(*run)(void *))
{
    for (int i = 0; i < WRITERS; i++) {
        writers[i] =
            (struct writer){.store_rig = store_rig, .number = i, .rounds = rounds};
        pthread_create(&writers[i].thread, NULL, run, &writers[i]);
    }
    for (int i = 0; i < WRITERS; i++)
        pthread_join(writers[i].thread, NULL);
}

static void patches_of_different_members_all_survive(void **state)
{
    struct store_rig *store_rig = *state;
    struct writer writers[WRITERS];
    char body[256], member[32];
    int rounds = rounds_of(100);
    uint64_t index = store_rig_put(store_rig, "/a", JSON, "{}").index;
    run_writers(store_rig, writers, rounds, patch_a_member);
    assert_int_equal(store_rig_look(store_rig, "/a", body, sizeof body),
                     index + (uint64_t)(WRITERS * rounds));
    for (int i = 0; i < WRITERS; i++) {
        snprintf(member, sizeof member, "\"%d\":%d", i, rounds);
        must(strstr(body, member) != NULL, "%s is lost: %s", member, body);
    }
}

/* A counter that everybody raises: each round reads, and writes on condition. */
static void *raise_a_counter(void *context)
{
    struct writer *writer = context;
    for (int i = 0; i < writer->rounds;) {
        char body[32], tag[32];
        uint64_t index = store_rig_look(writer->store_rig, "/a", body, sizeof body);
        snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index);
        snprintf(body, sizeof body, "%d", atoi(body) + 1);
        struct edited edited = store_rig_edit(
            writer->store_rig,
            &(struct edit){.kind = EDIT_PUT,
                           .path = TEXT("/a"),
                           .document = document_new(TEXT(PLAIN), text_of(body)),
                           .conditions.if_match = text_of(tag)});
        if (edited.result == EDIT_CHANGED)
            i++;
        else
            must_be(edited, EDIT_CONFLICT);
    }
    return NULL;
}

static void conditional_puts_lose_no_update(void **state)
{
    struct store_rig *store_rig = *state;
    struct writer writers[WRITERS];
    char body[32], expected[32];
    int rounds = rounds_of(50);
    store_rig_put(store_rig, "/a", PLAIN, "0");
    run_writers(store_rig, writers, rounds, raise_a_counter);
    store_rig_look(store_rig, "/a", body, sizeof body);
    snprintf(expected, sizeof expected, "%d", WRITERS * rounds);
    assert_string_equal(body, expected);
}

static void edit_done(struct edit *edit)
{
    sem_post(edit->context);
}

/* Kept are so many as can be looked through; what comes on top of them is told as more
 * than it is, never as less. */
static void many_changes_below_paths_become_one_of_all(void **state)
{
    enum { MARKS = 10000, MANY = MARKS - 10, AT_ONCE = 333 };
    struct store_rig *store_rig = *state;
    struct present present;
    struct edited edited = {.index = 0};
    static struct edit edits[MANY];
    static char paths[MANY][16];
    char path[32];
    sem_t done;
    sem_init(&done, 0, 0);
    for (int i = 0; i < MANY; i++) {
        snprintf(paths[i], sizeof paths[i], "/p/%d", i);
        edits[i] = (struct edit){.kind = EDIT_EVERYTHING,
                                 .path = text_of(paths[i]),
                                 .done = edit_done,
                                 .context = &done};
    }
    for (int i = 0; i < MANY; i += AT_ONCE) { /* each has five seconds, and no longer */
        store_commit(store_rig->store, &edits[i], AT_ONCE);
        for (int j = 0; j < AT_ONCE; j++)
            must_come(&done, "it is not committed");
        for (int j = 0; j < AT_ONCE; j++)
            assert_int_equal(edits[i + j].result, EDIT_CHANGED);
    }
    sem_destroy(&done);
    for (int i = MANY; i <= MARKS; i++) {
        assert_int_equal(tree_marks(store_rig->tree), i);
        snprintf(path, sizeof path, "/p/%d", i);
        edited = store_rig_edit(
            store_rig, &(struct edit){.kind = EDIT_EVERYTHING, .path = text_of(path)});
        must_be(edited, EDIT_CHANGED);
    }
    assert_int_equal(tree_marks(store_rig->tree), 0);
    tree_look(store_rig->tree, TEXT("/elsewhere"), SCOPE_BELOW, &present);
    assert_int_equal(present.index, edited.index);
    present_dispose(&present);
}

static int run(const char *kind, const struct store_options *of)
{
    const struct CMUnitTest tests[] = {
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
        TEST(a_put_makes_and_replaces),
        TEST(the_same_document_changes_nothing),
        TEST(every_change_takes_the_next_index),
        TEST(a_deleted_resource_keeps_its_index),
        TEST(a_touch_keeps_the_document),
        TEST(preconditions_that_fail_change_nothing),
        TEST(the_limit_holds_for_new_resources_only),
        TEST(the_oldest_tombstones_are_forgotten),
        TEST(a_patch_merges_into_the_document),
        TEST(a_patch_that_asks_for_what_is_there_changes_nothing),
        TEST(a_patch_that_cannot_be_is_refused),
        TEST(patches_of_different_members_all_survive),
        TEST(conditional_puts_lose_no_update),
        TEST(many_changes_below_paths_become_one_of_all),
    };
    options = *of;
    return cmocka_run_group_tests_name(kind, tests, NULL, NULL);
}

static int run_redis(void)
{
    struct redis_server server;
    if (!redis_server_can()) {
        printf("no redis-server, or built without hiredis: Redis is not tried\n");
        return 0;
    }
    redis_server_start(&server, false);
    int failed =
        run("redis", &(struct store_options){.type = "redis", .url = server.url});
    redis_server_stop(&server);
    return failed;
}

int main(void)
{
    return run("memory", &(struct store_options){.type = "memory"}) +
           run("sqlite", &(struct store_options){.type = "sqlite"}) +
           run("sqlite, relaxed",
               &(struct store_options){.type = "sqlite", .relaxed = true}) +
           run_redis();
}
