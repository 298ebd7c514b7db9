/* SPDX-License-Identifier: ISC */
/* The SQLite store while somebody changes its files under it: removes, replaces,
 * restores, empties, cuts short. Two processes over it, each a store with a tree of its
 * own. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <sqlite3.h>

#include "fcgiwait/thread.h"

#include "must.h"
#include "shell.h"
#include "store/sqlite.h"
#include "store_rig.h"

static struct store_rig_folder folder;
static struct store_options options = {.type = "sqlite"};
static struct store_rig here, there;
static uint64_t last; /* the highest index that was given */

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(folder.file, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    must(result == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

/* One that is acknowledged: its index is a new one. */
static void given(struct edited edited)
{
    assert_true(edited.result == EDIT_CREATED || edited.result == EDIT_CHANGED);
    must(edited.index > last, "index %llu after %llu", (unsigned long long)edited.index,
         (unsigned long long)last);
    last = edited.index;
}

static void put(struct store_rig *store_rig, const char *path, const char *body)
{
    given(store_rig_put(store_rig, path, "x/y", body));
}

static void keep_copy(void)
{
    char sql[128];
    snprintf(sql, sizeof sql, "VACUUM INTO '%s/copy'", folder.dir);
    run_sql(sql);
}

/* What sqlite3(1) does for `.restore`. */
static void restore_copy(void)
{
    char copy[128];
    sqlite3 *from, *to;
    snprintf(copy, sizeof copy, "%s/copy", folder.dir);
    assert_int_equal(sqlite3_open(copy, &from), SQLITE_OK);
    assert_int_equal(sqlite3_open(folder.file, &to), SQLITE_OK);
    sqlite3_busy_timeout(to, 5000);
    sqlite3_backup *backup = sqlite3_backup_init(to, "main", from, "main");
    assert_non_null(backup);
    assert_int_equal(sqlite3_backup_step(backup, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(backup), SQLITE_OK);
    sqlite3_close(from);
    sqlite3_close(to);
}

/* /a at "1", of which a copy is kept, then "2"; /new came after the copy. */
static int start(void **state)
{
    (void)state;
    last = 0;
    store_rig_folder_make(&folder);
    options.file = folder.file;
    store_rig_open(&here, &options);
    store_rig_open(&there, &options);
    here.may_go_back = there.may_go_back = true;
    put(&here, "/same", "0");
    put(&here, "/a", "1");
    keep_copy();
    put(&here, "/a", "2");
    put(&here, "/new", "1");
    store_rig_await_body(&there, "/new", "1");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    store_rig_close(&here);
    store_rig_close(&there);
    store_rig_folder_remove(&folder);
    return 0;
}

/* Everybody has what the copy has, under indexes that nobody had before. */
static void all_have_the_copy(uint64_t before)
{
    struct store_rig *store_rigs[] = {&here, &there};
    for (int i = 0; i < 2; i++) {
        store_rig_await_body(store_rigs[i], "/a", "1");
        store_rig_await_body(store_rigs[i], "/new", "");
        store_rig_await_body(store_rigs[i], "/same", "0");
        assert_true(store_rig_index(store_rigs[i], "/a") > before);
        assert_true(store_rig_index(store_rigs[i], "/same") > before);
        assert_int_equal(tree_resources(store_rigs[i]->tree), 2);
    }
    assert_int_equal(store_rig_index(&there, "/a"), store_rig_index(&here, "/a"));
    put(&there, "/a", "3");
    store_rig_await_body(&here, "/a", "3");
    put(&here, "/new", "4");
    store_rig_await_body(&there, "/new", "4");
}

/* --- the file --- */

static void a_file_that_is_gone_takes_no_changes(void **state)
{
    (void)state;
    shell("mv %s %s/away", folder.file, folder.dir);
    assert_int_equal(store_rig_touch(&here, "/a").result, EDIT_FAILED);
    assert_int_equal(store_rig_touch(&there, "/a").result, EDIT_FAILED);
    store_rig_await_body(&here, "/a", "2");
    shell("mv %s/away %s", folder.dir, folder.file);
    put(&here, "/a", "3");
    store_rig_await_body(&there, "/a", "3");
}

static void a_file_that_is_replaced_is_read_again(void **state)
{
    (void)state;
    shell("rm -f %s-wal %s-shm && mv %s/copy %s", folder.file, folder.file, folder.dir,
          folder.file);
    all_have_the_copy(last);
}

/* Nobody needs to publish before it is seen. */
static void a_file_that_is_put_in_place_of_a_lost_one_is_read(void **state)
{
    (void)state;
    shell("rm -f %s %s-wal %s-shm", folder.file, folder.file, folder.file);
    assert_int_equal(store_rig_touch(&here, "/a").result, EDIT_FAILED);
    shell("mv %s/copy %s", folder.dir, folder.file);
    all_have_the_copy(last);
}

/* By SQLite's own means, into the file that is open. */
static void a_backup_that_is_restored_live_is_read_again(void **state)
{
    (void)state;
    restore_copy();
    uint64_t before = last;
    given(store_rig_touch(&there, "/b"));
    all_have_the_copy(before);
}

static void tables_that_were_emptied_are_empty(void **state)
{
    (void)state;
    run_sql("DELETE FROM resource; DELETE FROM below");
    put(&here, "/b", "1");
    assert_int_equal(tree_resources(here.tree), 1);
    store_rig_await_body(&there, "/b", "1");
    store_rig_await_body(&there, "/a", "");
    run_sql("DELETE FROM resource; DELETE FROM below; DELETE FROM state");
    put(&there, "/c", "1");
    store_rig_await_body(&there, "/b", "");
    store_rig_await_body(&here, "/c", "1");
    store_rig_await_body(&here, "/b", "");
}

/* While nobody looked; the doorbell tells of it. */
static void an_older_copy_is_a_new_beginning_at_the_next_start(void **state)
{
    (void)state;
    store_rig_close(&here);
    store_rig_close(&there);
    shell("mv %s/copy %s && rm -f %s-wal %s-shm", folder.dir, folder.file, folder.file,
          folder.file);
    store_rig_open(&here, &options);
    store_rig_open(&there, &options);
    all_have_the_copy(last);
}

/* --- the doorbell --- */

static void all_hear_each_other(void)
{
    put(&here, "/a", "by here");
    store_rig_await_body(&there, "/a", "by here");
    put(&there, "/a", "by there");
    store_rig_await_body(&here, "/a", "by there");
}

static void a_doorbell_that_is_removed_is_made_again(void **state)
{
    (void)state;
    shell("rm %s-board", folder.file);
    all_hear_each_other();
}

/* As when a new process made its own, and the others had nothing to say meanwhile. */
static void a_doorbell_that_is_replaced_is_found(void **state)
{
    struct store_rig third;
    (void)state;
    shell("rm %s-board", folder.file);
    store_rig_open(&third, &options);
    put(&third, "/a", "by the third");
    store_rig_await_body(&here, "/a", "by the third");
    store_rig_await_body(&there, "/a", "by the third");
    store_rig_close(&third);
    all_hear_each_other();
}

static void a_doorbell_that_is_cut_short_kills_nobody(void **state)
{
    struct store_rig third;
    (void)state;
    store_rig_open(&third, &options); /* cmocka has put its handler before the others' */
    for (int i = 0; i < 20; i++) {
        shell("truncate -s 0 %s-board", folder.file);
        store_reached(here.store, 0); /* looks at the page */
        store_reached(there.store, 0);
    }
    store_rig_close(&third);
    all_hear_each_other();
}

/* --- a machine that has nothing left --- */

static struct {
    _Atomic(const struct doorbell *) mending; /* that can't be done to this one */
    _Atomic int tries;                        /* to mend it */
    _Atomic bool room, watches;               /* there are none */
    _Atomic int rooms;                        /* that were asked for meanwhile */
} no;

bool __real_doorbell_mend(struct doorbell *doorbell);
bool __wrap_doorbell_mend(struct doorbell *doorbell);
bool __wrap_doorbell_mend(struct doorbell *doorbell)
{
    if (atomic_load(&no.mending) != doorbell)
        return __real_doorbell_mend(doorbell);
    atomic_fetch_add(&no.tries, 1);
    errno = EMFILE;
    return false;
}

int __wrap_posix_fallocate(int fd, off_t at, off_t len);
int __wrap_posix_fallocate(int fd, off_t at, off_t len)
{
    if (!atomic_load(&no.room))
        return ftruncate(fd, at + len) == 0 ? 0 : errno;
    atomic_fetch_add(&no.rooms, 1);
    return ENOSPC;
}

int __wrap_posix_fallocate64(int fd, off_t at, off_t len)
    __attribute__((alias("__wrap_posix_fallocate")));

int __real_inotify_init1(int flags);
int __wrap_inotify_init1(int flags);
int __wrap_inotify_init1(int flags)
{
    if (!atomic_load(&no.watches))
        return __real_inotify_init1(flags);
    errno = EMFILE;
    return -1;
}

static void await(const _Atomic int *count)
{
    for (int i = 0; i < 6000 && atomic_load(count) == 0; i++)
        thread_pause(10 * NANOS_PER_MS);
    assert_true(atomic_load(count) > 0);
}

/* Who only reads, and has no other way to hear of it. */
static void a_doorbell_that_cannot_be_mended_is_tried_again(void **state)
{
    (void)state;
    store_rig_close(&there);
    atomic_store(&no.watches, true);
    store_rig_open(&there, &options);
    atomic_store(&no.watches, false);
    atomic_store(&no.mending, &((struct sqlite *)there.store)->doorbell);
    shell("rm %s-board", folder.file);
    await(&no.tries);
    atomic_store(&no.mending, NULL);
    put(&here, "/a", "3");
    store_rig_await_body(&there, "/a", "3");
    all_hear_each_other();
}

/* Each second, not without end: they ring each other's bells. */
static void a_doorbell_without_room_is_tried_again(void **state)
{
    (void)state;
    atomic_store(&no.room, true);
    shell("rm %s-board", folder.file);
    await(&no.rooms);
    thread_pause(NANOS_PER_SECOND);
    assert_in_range(atomic_load(&no.rooms), 1, 100);
    atomic_store(&no.room, false);
    all_hear_each_other();
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(a_file_that_is_gone_takes_no_changes),
        TEST(a_file_that_is_replaced_is_read_again),
        TEST(a_file_that_is_put_in_place_of_a_lost_one_is_read),
        TEST(a_backup_that_is_restored_live_is_read_again),
        TEST(tables_that_were_emptied_are_empty),
        TEST(an_older_copy_is_a_new_beginning_at_the_next_start),
        TEST(a_doorbell_that_is_removed_is_made_again),
        TEST(a_doorbell_that_is_replaced_is_found),
        TEST(a_doorbell_that_is_cut_short_kills_nobody),
        TEST(a_doorbell_that_cannot_be_mended_is_tried_again),
        TEST(a_doorbell_without_room_is_tried_again),
    };
    return cmocka_run_group_tests_name("store/changed_under", tests, NULL, NULL);
}
