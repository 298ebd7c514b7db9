/* SPDX-License-Identifier: ISC */
/* Several stores over one SQLite file, as in several processes: each has connections, a
 * doorbell and a tree of its own. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sqlite3.h>

#include "must.h"
#include "store_rig.h"

enum { SHELVES = 3 };

static struct store_rig_folder folder;
static struct store_options options = {.type = "sqlite"};
static struct store_rig store_rigs[SHELVES];

/* --- who waits --- */

static sem_t rung;
static _Atomic uint64_t news;

/* The bell of every tree here; one waitlist at a time. */
static void ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    (void)context;
    news = waitlist->news.index;
    waitlist->shares[worker].first = NULL;
    waitlist_done(waitlist);
    sem_post(&rung);
}

static void watch(struct store_rig *store_rig, const char *path, enum scope scope,
                  struct watch *watch)
{
    struct present present;
    tree_look(store_rig->tree, text_of(path), scope, &present);
    *watch = (struct watch){0};
    struct target target = {text_of(path), scope, present.index};
    assert_int_equal(tree_watch(store_rig->tree, &target, 1, 0, watch), TREE_WATCHED);
    present_dispose(&present);
}

static uint64_t await_ring(void)
{
    must_come(&rung, "nobody was woken");
    return news;
}

static int start(void **state)
{
    (void)state;
    store_rig_folder_make(&folder);
    options.file = folder.file;
    sem_init(&rung, 0, 0);
    for (int i = 0; i < SHELVES; i++) {
        store_rig_open(&store_rigs[i], &options);
        tree_set_bell(store_rigs[i].tree, ring, NULL);
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < SHELVES; i++)
        store_rig_close(&store_rigs[i]);
    sem_destroy(&rung);
    store_rig_folder_remove(&folder);
    return 0;
}

/* --- seeing what others change --- */

static void a_publish_through_one_wakes_who_waits_at_another(void **state)
{
    struct watch waits, below;
    (void)state;
    store_rig_put(&store_rigs[0], "/a/b", "x/y", "1");
    for (int i = 1; i < SHELVES; i++) {
        store_reached(store_rigs[i].store, 0);
        watch(&store_rigs[i], "/a/b", SCOPE_SELF, &waits);
        uint64_t index = store_rig_touch(&store_rigs[0], "/a/b").index;
        assert_int_equal(await_ring(), index);
        watch(&store_rigs[i], "/a", SCOPE_BELOW, &below);
        index = store_rig_delete(&store_rigs[0], "/a/b").index;
        assert_int_equal(await_ring(), index);
        store_rig_put(&store_rigs[0], "/a/b", "x/y", "1");
        store_reached(store_rigs[i].store, 0);
    }
}

static void what_was_answered_is_seen_everywhere(void **state)
{
    char body[32], expected[32];
    (void)state;
    for (int round = 0; round < 200; round++) {
        struct store_rig *writer = &store_rigs[round % SHELVES];
        snprintf(expected, sizeof expected, "%d", round);
        uint64_t index = store_rig_put(writer, "/a", "x/y", expected).index;
        for (int i = 0; i < SHELVES; i++) {
            store_reached(store_rigs[i].store, 0);
            assert_int_equal(store_rig_look(&store_rigs[i], "/a", body, sizeof body),
                             index);
            assert_string_equal(body, expected);
        }
    }
}

static void a_change_of_everything_reaches_all(void **state)
{
    struct watch waits;
    struct present present;
    (void)state;
    watch(&store_rigs[1], "/api/posts", SCOPE_BELOW, &waits);
    uint64_t index =
        store_rig_edit(&store_rigs[0],
                       &(struct edit){.kind = EDIT_EVERYTHING, .path = TEXT("/")})
            .index;
    assert_int_equal(await_ring(), index);
    store_rig_touch(&store_rigs[0], "/b");
    store_reached(store_rigs[2].store, 0);
    tree_look(store_rigs[2].tree, TEXT("/other"), SCOPE_BELOW, &present);
    assert_int_equal(present.index, index);
    present_dispose(&present);
}

static void a_change_below_a_path_reaches_all(void **state)
{
    struct watch waits;
    struct present present;
    struct edit edit = {.kind = EDIT_EVERYTHING, .path = TEXT("/api")};
    (void)state;
    watch(&store_rigs[1], "/api/posts", SCOPE_BELOW, &waits);
    uint64_t index = store_rig_edit(&store_rigs[0], &edit).index;
    assert_int_equal(await_ring(), index);
    store_rig_touch(&store_rigs[0], "/b");
    store_reached(store_rigs[2].store, 0);
    tree_look(store_rigs[2].tree, TEXT("/api/other"), SCOPE_BELOW, &present);
    assert_int_equal(present.index, index);
    present_dispose(&present);
}

/* --- writing at the same time --- */

struct writer {
    pthread_t thread;
    struct store_rig *store_rig;
};

static void *raise_a_counter(void *context)
{
    struct store_rig *store_rig = ((struct writer *)context)->store_rig;
    for (int i = 0; i < 60;) {
        char body[32], tag[32];
        store_reached(store_rig->store, 0);
        uint64_t index = store_rig_look(store_rig, "/a", body, sizeof body);
        snprintf(tag, sizeof tag, "\"%llu\"", (unsigned long long)index);
        snprintf(body, sizeof body, "%d", atoi(body) + 1);
        struct edit edit = {.kind = EDIT_PUT,
                            .path = TEXT("/a"),
                            .document = document_new(TEXT("x/y"), text_of(body)),
                            .conditions.if_match = text_of(tag)};
        i += store_rig_edit(store_rig, &edit).result == EDIT_CHANGED;
    }
    return NULL;
}

static void conditional_puts_of_several_lose_no_update(void **state)
{
    struct writer writers[2 * SHELVES];
    char body[32];
    (void)state;
    store_rig_put(&store_rigs[0], "/a", "x/y", "0");
    for (int i = 0; i < 2 * SHELVES; i++) {
        writers[i].store_rig = &store_rigs[i % SHELVES];
        pthread_create(&writers[i].thread, NULL, raise_a_counter, &writers[i]);
    }
    for (int i = 0; i < 2 * SHELVES; i++)
        pthread_join(writers[i].thread, NULL);
    for (int i = 0; i < SHELVES; i++) {
        store_reached(store_rigs[i].store, 0);
        store_rig_look(&store_rigs[i], "/a", body, sizeof body);
        assert_int_equal(atoi(body), 60 * 2 * SHELVES);
    }
}

static void the_limit_counts_what_others_made(void **state)
{
    (void)state;
    for (int i = 0; i < SHELVES; i++)
        store_set_limit(store_rigs[i].store, 2);
    assert_int_equal(store_rig_put(&store_rigs[0], "/a", "x/y", "1").result,
                     EDIT_CREATED);
    assert_int_equal(store_rig_put(&store_rigs[1], "/b", "x/y", "1").result,
                     EDIT_CREATED);
    assert_int_equal(store_rig_put(&store_rigs[2], "/c", "x/y", "1").result, EDIT_FULL);
    assert_int_equal(store_rig_put(&store_rigs[2], "/a", "x/y", "2").result,
                     EDIT_CHANGED);
}

/* --- forgetting --- */

static void what_one_forgets_all_forget(void **state)
{
    enum { LIMIT = 20, PATHS = 100 };
    char path[16];
    (void)state;
    for (int i = 0; i < SHELVES; i++)
        store_set_limit(store_rigs[i].store, LIMIT);
    for (int i = 0; i < PATHS; i++) {
        snprintf(path, sizeof path, "/%d", i);
        store_rig_touch(&store_rigs[i % SHELVES], path);
        for (int j = 0; j < SHELVES; j++)
            store_reached(store_rigs[j].store, 0);
        for (int j = 0; j <= i; j++) {
            snprintf(path, sizeof path, "/%d", j);
            uint64_t index = store_rig_index(&store_rigs[0], path);
            assert_int_equal(store_rig_index(&store_rigs[1], path), index);
            assert_int_equal(store_rig_index(&store_rigs[2], path), index);
        }
        assert_true(tree_tombstones(store_rigs[0].tree) <= LIMIT);
    }
}

/* Another process's part, so far as the file goes: deletes all resources, and forgets
 * that, before anybody was told. */
static void delete_and_forget_all(uint64_t *newest)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_open(folder.file, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_exec(db,
                     "DELETE FROM resource; UPDATE state SET newest = newest "
                     "+ 5, forgotten = newest + 4",
                     NULL, NULL, NULL),
        SQLITE_OK);
    sqlite3_prepare_v2(db, "SELECT newest FROM state", -1, &statement, NULL);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    *newest = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
}

static void who_could_not_keep_up_finds_what_is_gone(void **state)
{
    struct watch waits, below;
    uint64_t newest;
    (void)state;
    store_rig_put(&store_rigs[0], "/a", "x/y", "1");
    store_rig_put(&store_rigs[0], "/b/c", "x/y", "1");
    for (int i = 0; i < SHELVES; i++) {
        store_reached(store_rigs[i].store, 0);
        store_rigs[i].may_go_back = true;
    }
    watch(&store_rigs[1], "/a", SCOPE_SELF, &waits);
    watch(&store_rigs[1], "/api", SCOPE_BELOW, &below);
    delete_and_forget_all(&newest);
    assert_int_equal(store_rig_touch(&store_rigs[0], "/d").index, newest + 1);
    await_ring();
    await_ring();
    for (int i = 0; i < SHELVES; i++) {
        store_reached(store_rigs[i].store, 0);
        assert_int_equal(store_rig_index(&store_rigs[i], "/a"), 0);
        assert_int_equal(store_rig_index(&store_rigs[i], "/b/c"), 0);
        assert_int_equal(store_rig_index(&store_rigs[i], "/d"), newest + 1);
        assert_int_equal(tree_resources(store_rigs[i].tree), 0);
    }
}

/* --- a process that dies between its commit and telling of it --- */

static uint64_t commit_and_die(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *statement;
    char sql[256];
    assert_int_equal(sqlite3_open(folder.file, &db), SQLITE_OK);
    snprintf(
        sql, sizeof sql,
        "BEGIN IMMEDIATE; UPDATE state SET newest = newest + 1; INSERT OR REPLACE INTO "
        "resource SELECT newest, '%s', 1, 'x/y', x'32' FROM state; COMMIT",
        path);
    must(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s", sqlite3_errmsg(db));
    sqlite3_prepare_v2(db, "SELECT newest FROM state", -1, &statement, NULL);
    sqlite3_step(statement);
    uint64_t index = (uint64_t)sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return index;
}

static void the_next_change_tells_what_a_dead_process_did_not(void **state)
{
    struct watch waits;
    (void)state;
    store_rig_put(&store_rigs[0], "/a", "x/y", "1");
    store_reached(store_rigs[1].store, 0);
    watch(&store_rigs[1], "/a", SCOPE_SELF, &waits);
    uint64_t index = commit_and_die("/a");
    assert_true(store_rig_touch(&store_rigs[2], "/b").index > index);
    assert_int_equal(await_ring(), index);
}

static void the_next_start_tells_what_a_dead_process_did_not(void **state)
{
    struct watch waits;
    struct store_rig another;
    (void)state;
    store_rig_put(&store_rigs[0], "/a", "x/y", "1");
    store_reached(store_rigs[1].store, 0);
    watch(&store_rigs[1], "/a", SCOPE_SELF, &waits);
    uint64_t index = commit_and_die("/a");
    store_rig_open(&another, &options);
    assert_int_equal(await_ring(), index);
    assert_int_equal(store_rig_index(&another, "/a"), index);
    store_rig_close(&another);
}

/* --- the doorbell --- */

static void write_doorbell(const void *bytes, size_t len)
{
    char path[128];
    snprintf(path, sizeof path, "%s-board", folder.file);
    int fd = open(path, O_WRONLY);
    must(fd >= 0 && pwrite(fd, bytes, len, 0) == (ssize_t)len, "%s", path);
    close(fd);
}

static void whatever_stands_on_the_board_no_index_goes_back(void **state)
{
    struct store_rig another;
    char noise[64];
    uint64_t last = store_rig_put(&store_rigs[0], "/a", "x/y", "1").index;
    (void)state;
    for (int byte = 0; byte < 256; byte += 51) {
        memset(noise, byte, sizeof noise);
        write_doorbell(noise, sizeof noise);
        store_rig_open(&another, &options); /* which puts it right */
        uint64_t index = store_rig_touch(&another, "/a").index;
        assert_true(index > last);
        store_reached(store_rigs[1].store, 0);
        assert_int_equal(store_rig_index(&store_rigs[1], "/a"), index);
        write_doorbell(noise, sizeof noise);
        last = store_rig_touch(&store_rigs[1], "/a").index; /* and so does a commit */
        assert_true(last > index);
        store_reached(another.store, 0);
        assert_int_equal(store_rig_index(&another, "/a"), last);
        store_rig_close(&another);
    }
}

/* A link is as good a name as another. */
static void whatever_names_lead_to_the_file_it_is_one_store(void **state)
{
    struct store_rig another;
    struct store_options by_link = options;
    char link[128];
    (void)state;
    snprintf(link, sizeof link, "%s/link", folder.dir);
    assert_int_equal(symlink(folder.file, link), 0);
    by_link.file = link;
    store_rig_open(&another, &by_link);
    uint64_t index = store_rig_put(&another, "/a", "x/y", "1").index;
    store_reached(store_rigs[0].store, 0);
    assert_int_equal(store_rig_index(&store_rigs[0], "/a"), index);
    index = store_rig_put(&store_rigs[1], "/a", "x/y", "2").index;
    store_reached(another.store, 0);
    assert_int_equal(store_rig_index(&another, "/a"), index);
    store_rig_close(&another);
}

/* Whoever comes first makes the file, by the link or by its own name. */
static void a_link_to_a_file_that_is_not_there_yet_is_a_name_as_well(void **state)
{
    struct store_rig first, second;
    char link[128], file[128];
    (void)state;
    snprintf(link, sizeof link, "%s/link", folder.dir);
    snprintf(file, sizeof file, "%s/new.db", folder.dir);
    assert_int_equal(symlink(file, link), 0);
    store_rig_open(&first, &(struct store_options){.type = "sqlite", .file = link});
    store_rig_open(&second, &(struct store_options){.type = "sqlite", .file = link});
    uint64_t index = store_rig_put(&first, "/a", "x/y", "1").index;
    store_reached(second.store, 0);
    assert_int_equal(store_rig_index(&second, "/a"), index);
    index = store_rig_put(&second, "/a", "x/y", "2").index;
    store_reached(first.store, 0);
    assert_int_equal(store_rig_index(&first, "/a"), index);
    store_rig_close(&first);
    store_rig_close(&second);
}

static void a_board_that_is_lost_is_made_again(void **state)
{
    char path[128];
    (void)state;
    uint64_t last = store_rig_put(&store_rigs[0], "/a", "x/y", "1").index;
    for (int i = 0; i < SHELVES; i++)
        store_rig_close(&store_rigs[i]);
    snprintf(path, sizeof path, "%s-board", folder.file);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < SHELVES; i++)
        store_rig_open(&store_rigs[i], &options);
    assert_int_equal(store_rig_index(&store_rigs[2], "/a"), last);
    last = store_rig_touch(&store_rigs[0], "/a").index;
    store_reached(store_rigs[2].store, 0);
    assert_int_equal(store_rig_index(&store_rigs[2], "/a"), last);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_publish_through_one_wakes_who_waits_at_another),
        TEST(what_was_answered_is_seen_everywhere),
        TEST(a_change_of_everything_reaches_all),
        TEST(a_change_below_a_path_reaches_all),
        TEST(conditional_puts_of_several_lose_no_update),
        TEST(the_limit_counts_what_others_made),
        TEST(what_one_forgets_all_forget),
        TEST(who_could_not_keep_up_finds_what_is_gone),
        TEST(the_next_change_tells_what_a_dead_process_did_not),
        TEST(the_next_start_tells_what_a_dead_process_did_not),
        TEST(whatever_stands_on_the_board_no_index_goes_back),
        TEST(whatever_names_lead_to_the_file_it_is_one_store),
        TEST(a_link_to_a_file_that_is_not_there_yet_is_a_name_as_well),
        TEST(a_board_that_is_lost_is_made_again),
    };
    return cmocka_run_group_tests_name("store/shared", tests, NULL, NULL);
}
