/* SPDX-License-Identifier: ISC */
/* The SQLite store while somebody else holds a lock of its files and does not let go: a
 * backup, sqlite3(1), a process that is frozen. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/thread.h"
#include "must.h"
#include "store/patience.h"
#include "store_rig.h"

enum { EDITS = 12 };
#define BOUND                                                                            \
    9.0 /* seconds: what an edit waits at most, 5, and what a busy machine adds */

static struct store_rig_folder folder;
static struct store_options options = {.type = "sqlite"};
static struct store_rig store_rig;
static struct errand errands[EDITS];

static int start(void **state)
{
    (void)state;
    store_rig_folder_make(&folder);
    options.file = folder.file;
    store_rig_open(&store_rig, &options);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    if (store_rig.store != NULL)
        store_rig_close(&store_rig);
    store_rig_folder_remove(&folder);
    return 0;
}

static double seconds_since(struct instant start)
{
    return (double)(clock_now().at - start.at) / NANOS_PER_SECOND;
}

static sqlite3 *lock_database(void)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(folder.file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* As a process that was stopped while it wrote. */
static int lock_doorbell(void)
{
    char path[128];
    snprintf(path, sizeof path, "%s-board", folder.file);
    int fd = open(path, O_RDWR);
    must(fd >= 0 && flock(fd, LOCK_EX) == 0, "%s", path);
    return fd;
}

/* Not all in one batch. */
static void send_all(void)
{
    for (int i = 0; i < EDITS; i++) {
        store_rig_send(&store_rig, &errands[i],
                       &(struct edit){.kind = EDIT_TOUCH, .path = TEXT("/a")});
        thread_pause(20 * NANOS_PER_MS);
    }
}

static void await_all(enum edit_result result)
{
    for (int i = 0; i < EDITS; i++)
        assert_int_equal(store_rig_await(&errands[i]).result, result);
}

static void all_fail_within_one_bound(void)
{
    struct instant start = clock_now();
    send_all();
    await_all(EDIT_FAILED);
    must(seconds_since(start) < BOUND, "%f s", seconds_since(start));
}

static void a_locked_database_fails_all_edits_within_one_bound(void **state)
{
    (void)state;
    sqlite3 *db = lock_database();
    all_fail_within_one_bound();
    sqlite3_close(db);
    assert_int_equal(store_rig_touch(&store_rig, "/a").result, EDIT_CHANGED);
}

static void a_frozen_process_fails_all_edits_within_one_bound(void **state)
{
    (void)state;
    int fd = lock_doorbell();
    all_fail_within_one_bound();
    close(fd);
    assert_int_equal(store_rig_touch(&store_rig, "/a").result, EDIT_CHANGED);
}

static void a_lock_that_is_let_go_in_time_fails_none(void **state)
{
    (void)state;
    sqlite3 *db = lock_database();
    int fd = lock_doorbell();
    send_all();
    close(fd);
    thread_pause(100 * NANOS_PER_MS);
    sqlite3_close(db);
    await_all(EDIT_CHANGED);
}

/* What is left in the queue fails with it. */
static void close_in_time(void)
{
    send_all();
    struct instant start = clock_now();
    store_rig_close(&store_rig);
    must(seconds_since(start) < 4, "%f s", seconds_since(start));
    await_all(EDIT_FAILED);
}

static void closing_does_not_wait_for_a_locked_database(void **state)
{
    (void)state;
    sqlite3 *db = lock_database();
    close_in_time();
    sqlite3_close(db);
}

static void closing_does_not_wait_for_a_frozen_process(void **state)
{
    (void)state;
    int fd = lock_doorbell();
    close_in_time();
    close(fd);
}

static void opening_gives_up_on_a_frozen_process(void **state)
{
    struct store_rig another;
    char error[512] = "";
    (void)state;
    int fd = lock_doorbell();
    struct instant start = clock_now();
    assert_false(store_rig_try(&another, &options, error));
    must(seconds_since(start) < BOUND, "%f s", seconds_since(start));
    must(strstr(error, "frozen") != NULL && strstr(error, folder.file) != NULL, "%s",
         error);
    close(fd);
}

static void patience_ends_where_a_stop_says_so(void **state)
{
    _Atomic nanos end = INT64_MAX;
    struct patience patience = {INSTANT_NEVER, &end};
    (void)state;
    assert_true(patience_pause(&patience, 0));
    end = clock_now().at;
    assert_false(patience_pause(&patience, 0));
    patience = (struct patience){.until = instant_after(clock_now(), NANOS_PER_MS)};
    while (patience_pause(&patience, 0))
        ;
    assert_true(clock_now().at >= patience.until.at);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_locked_database_fails_all_edits_within_one_bound),
        TEST(a_frozen_process_fails_all_edits_within_one_bound),
        TEST(a_lock_that_is_let_go_in_time_fails_none),
        TEST(closing_does_not_wait_for_a_locked_database),
        TEST(closing_does_not_wait_for_a_frozen_process),
        TEST(opening_gives_up_on_a_frozen_process),
        cmocka_unit_test(patience_ends_where_a_stop_says_so),
    };
    return cmocka_run_group_tests_name("store/locked", tests, NULL, NULL);
}
