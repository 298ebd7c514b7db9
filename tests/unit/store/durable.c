/* SPDX-License-Identifier: ISC */
/* The SQLite store: what survives its process, and which files it leaves alone. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "must.h"
#include "shell.h"
#include "store_rig.h"

static struct store_rig_folder folder;
static struct store_options options = {.type = "sqlite"};

static int start(void **state)
{
    (void)state;
    store_rig_folder_make(&folder);
    options.file = folder.file;
    return 0;
}

static int stop(void **state)
{
    (void)state;
    store_rig_folder_remove(&folder);
    return 0;
}

/* --- what survives --- */

static void put_bytes(struct store_rig *store_rig, const char *path, struct text body)
{
    struct edit edit = {.kind = EDIT_PUT,
                        .path = text_of(path),
                        .document = document_new(TEXT("x/y; z=\"\xc3\xa9\""), body)};
    assert_int_equal(store_rig_edit(store_rig, &edit).result, EDIT_CREATED);
}

static void must_be_equal(struct store_rig *before, struct store_rig *after,
                          const char *path)
{
    struct present a, b;
    tree_look(before->tree, text_of(path), SCOPE_SELF, &a);
    tree_look(after->tree, text_of(path), SCOPE_SELF, &b);
    assert_int_equal(a.index, b.index);
    assert_int_equal(a.changed, b.changed);
    assert_int_equal(a.document == NULL, b.document == NULL);
    assert_int_equal(a.deleted, b.deleted);
    if (a.document != NULL)
        assert_true(document_same(a.document, b.document->type, b.document->body));
    present_dispose(&a);
    present_dispose(&b);
}

static void everything_is_there_again(void **state)
{
    static const char *const paths[] = {"/",     "/a",     "/a/b",   "/binary",
                                        "/gone", "/empty", "/touch", "/\xff'\"%"};
    struct store_rig before, after;
    (void)state;
    store_rig_open(&before, &options);
    put_bytes(&before, "/", TEXT("root"));
    put_bytes(&before, "/a", TEXT("{}"));
    put_bytes(&before, "/a/b", TEXT("x"));
    put_bytes(&before, "/binary", (struct text){"\0\xff\1", 3});
    put_bytes(&before, "/gone", TEXT("x"));
    put_bytes(&before, "/empty", TEXT(""));
    put_bytes(&before, "/\xff'\"%", TEXT("x"));
    store_rig_touch(&before, "/touch");
    store_rig_touch(&before, "/a");
    store_rig_delete(&before, "/gone");
    store_close(&before.store);
    store_rig_open(&after, &options);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        must_be_equal(&before, &after, paths[i]);
    assert_int_equal(tree_resources(after.tree), tree_resources(before.tree));
    assert_int_equal(tree_tombstones(after.tree), tree_tombstones(before.tree));
    assert_int_equal(store_index(after.store), before.newest);
    tree_free(&before.tree);
    store_rig_close(&after);
}

static void the_last_change_of_everything_survives(void **state)
{
    struct store_rig store_rig;
    struct present present;
    (void)state;
    store_rig_open(&store_rig, &options);
    store_rig_put(&store_rig, "/a", "x/y", "1");
    uint64_t index = store_rig_edit(&store_rig, &(struct edit){.kind = EDIT_EVERYTHING,
                                                               .path = TEXT("/")})
                         .index;
    store_rig_put(&store_rig, "/b", "x/y", "1");
    store_rig_close(&store_rig);
    store_rig_open(&store_rig, &options);
    tree_look(store_rig.tree, TEXT("/a"), SCOPE_BELOW, &present);
    assert_int_equal(present.index, index);
    present_dispose(&present);
    store_rig_close(&store_rig);
}

static uint64_t change_below(struct store_rig *store_rig, const char *path)
{
    struct edit edit = {.kind = EDIT_EVERYTHING, .path = text_of(path)};
    struct edited edited = store_rig_edit(store_rig, &edit);
    assert_int_equal(edited.result, EDIT_CHANGED);
    return edited.index;
}

static uint64_t index_below(struct store_rig *store_rig, const char *path)
{
    struct present present;
    tree_look(store_rig->tree, text_of(path), SCOPE_BELOW, &present);
    present_dispose(&present);
    return present.index;
}

static void a_change_below_a_path_survives(void **state)
{
    struct store_rig store_rig;
    (void)state;
    store_rig_open(&store_rig, &options);
    uint64_t first = change_below(&store_rig, "/");
    uint64_t index = change_below(&store_rig, "/a");
    store_rig_put(&store_rig, "/a", "x/y", "1");
    uint64_t again = change_below(&store_rig, "/b/c");
    store_rig_close(&store_rig);
    store_rig_open(&store_rig, &options);
    assert_int_equal(index_below(&store_rig, "/a/any"), index);
    assert_int_equal(index_below(&store_rig, "/b/c/any"), again);
    assert_int_equal(index_below(&store_rig, "/c"), first);
    uint64_t last = change_below(&store_rig, "/");
    store_rig_close(&store_rig);
    store_rig_open(&store_rig, &options);
    assert_int_equal(tree_marks(store_rig.tree), 0);
    assert_int_equal(index_below(&store_rig, "/a/any"), last);
    store_rig_close(&store_rig);
}

static void no_index_is_given_twice(void **state)
{
    struct store_rig store_rig;
    uint64_t last = 0;
    (void)state;
    for (int i = 0; i < 5; i++) {
        store_rig_open(&store_rig, &options);
        store_set_limit(store_rig.store,
                        1); /* tombstones are forgotten: they do not count */
        for (int j = 0; j < 5; j++) {
            struct edited edited = store_rig_put(&store_rig, "/a", "x/y", "1");
            assert_int_equal(edited.result, EDIT_CREATED);
            assert_true(edited.index > last);
            last = store_rig_delete(&store_rig, "/a").index;
            assert_true(last > edited.index);
            last = store_rig_touch(&store_rig, "/b").index;
        }
        store_rig_close(&store_rig);
    }
}

static void an_older_copy_gives_no_index_again(void **state)
{
    struct store_rig store_rig;
    uint64_t last = 0;
    (void)state;
    store_rig_open(&store_rig, &options);
    store_rig_put(&store_rig, "/a", "x/y", "1");
    store_rig_close(&store_rig);
    shell("cp %s %s/copy", folder.file, folder.dir);
    store_rig_open(&store_rig, &options);
    for (int i = 0; i < 100; i++)
        last = store_rig_touch(&store_rig, "/a").index;
    store_rig_close(&store_rig);
    shell("mv %s/copy %s", folder.dir, folder.file);
    store_rig_open(&store_rig, &options);
    assert_true(store_rig_touch(&store_rig, "/a").index > last);
    store_rig_close(&store_rig);
}

/* --- a first start that is killed --- */

static int writes_left;

static void count_write(void)
{
    if (writes_left-- == 0)
        _exit(9);
}

static ssize_t counted_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
    count_write();
    return pwrite(fd, bytes, len, at);
}

static int counted_ftruncate(int fd, off_t size)
{
    count_write();
    return ftruncate(fd, size);
}

static int counted_unlink(const char *file)
{
    count_write();
    return unlink(file);
}

/* What SQLite calls, under the names that it has for them. */
static void count_writes(int before_the_end)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    writes_left = before_the_end;
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)counted_pwrite);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)counted_pwrite);
    vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)counted_ftruncate);
    vfs->xSetSystemCall(vfs, "unlink", (sqlite3_syscall_ptr)counted_unlink);
}

static bool is_killed_before_write(int nth)
{
    struct store_rig store_rig;
    char error[512];
    int status;
    pid_t child = fork();
    if (child == 0) {
        count_writes(nth);
        if (!store_rig_try(&store_rig, &options, error))
            _exit(1);
        store_rig_close(&store_rig);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    must(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9),
         "%x", (unsigned)status);
    return WEXITSTATUS(status) == 9;
}

static void a_first_start_that_is_killed_leaves_a_file_for_the_next(void **state)
{
    struct store_rig store_rig;
    int nth = 0;
    (void)state;
    for (; is_killed_before_write(nth); nth++) {
        store_rig_open(&store_rig, &options);
        assert_int_equal(store_rig_put(&store_rig, "/a", "x/y", "1").result,
                         EDIT_CREATED);
        store_rig_close(&store_rig);
        shell("rm -f %s*", folder.file);
    }
    assert_true(nth > 10);
}

/* --- batch commit --- */

/* Transactions in the -wal file: its frames that end one say how large the file is then
 * (bytes 4 to 7; SQLite's file format, section 4.1). */
static int transactions(void)
{
    unsigned char head[32], frame[24];
    char path[128];
    int count = 0;
    snprintf(path, sizeof path, "%s-wal", folder.file);
    FILE *file = fopen(path, "rb");
    must(file != NULL, "%s", path);
    if (fread(head, sizeof head, 1, file) != 1) { /* nothing was written yet */
        fclose(file);
        return 0;
    }
    long page = head[8] << 24 | head[9] << 16 | head[10] << 8 | head[11];
    while (fread(frame, sizeof frame, 1, file) == 1) {
        count += (frame[4] | frame[5] | frame[6] | frame[7]) != 0;
        fseek(file, page, SEEK_CUR);
    }
    fclose(file);
    return count;
}

static void edits_that_come_meanwhile_share_a_transaction(void **state)
{
    enum { EDITS = 50 };
    struct store_rig store_rig;
    struct errand errands[EDITS];
    char paths[EDITS][16];
    sqlite3 *other;
    (void)state;
    store_rig_open(&store_rig, &options);
    int before = transactions();
    assert_int_equal(sqlite3_open(folder.file, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < EDITS; i++) {
        snprintf(paths[i], sizeof paths[i], "/%d", i);
        store_rig_send(&store_rig, &errands[i],
                       &(struct edit){.kind = EDIT_TOUCH, .path = text_of(paths[i])});
    }
    assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    for (int i = 0; i < EDITS; i++)
        assert_int_equal(store_rig_await(&errands[i]).result, EDIT_CHANGED);
    /* One that was being tried, and the others behind it. */
    assert_in_range(transactions() - before, 1, 2);
    store_rig_close(&store_rig);
}

static void edits_of_one_transaction_see_each_other(void **state)
{
    enum { EDITS = 20 };
    struct store_rig store_rig;
    struct errand errands[EDITS];
    sqlite3 *other;
    int created = 0, conflicts = 0;
    (void)state;
    store_rig_open(&store_rig, &options);
    sqlite3_open(folder.file, &other);
    sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (int i = 0; i < EDITS; i++)
        store_rig_send(&store_rig, &errands[i],
                       &(struct edit){.kind = EDIT_PUT,
                                      .path = TEXT("/a"),
                                      .document = document_new(TEXT("x/y"), TEXT("1")),
                                      .conditions.if_none_match = TEXT("*")});
    sqlite3_close(other);
    for (int i = 0; i < EDITS; i++) {
        enum edit_result result = store_rig_await(&errands[i]).result;
        created += result == EDIT_CREATED;
        conflicts += result == EDIT_CONFLICT;
    }
    assert_int_equal(created, 1);
    assert_int_equal(conflicts, EDITS - 1);
    store_rig_close(&store_rig);
}

/* What is gathered is held in memory. */
static void patches_of_large_documents_are_not_gathered_without_end(void **state)
{
    enum { PATCHES = 12, LARGE = 3000000 };
    struct store_rig store_rig;
    struct errand errands[PATCHES];
    char patches[PATCHES][24], *body = malloc(LARGE);
    sqlite3 *other;
    (void)state;
    store_rig_open(&store_rig, &options);
    memset(body, ' ', LARGE);
    memcpy(body, "{\"a\":\"", 6);
    memcpy(body + LARGE - 3, "\"}", 3);
    assert_int_equal(store_rig_put(&store_rig, "/a", "application/json", body).result,
                     EDIT_CREATED);
    sqlite3_open(folder.file, &other);
    sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (int i = 0; i < PATCHES; i++) {
        snprintf(patches[i], sizeof patches[i], "{\"b%d\":1}", i);
        store_rig_send(&store_rig, &errands[i],
                       &(struct edit){.kind = EDIT_PATCH,
                                      .path = TEXT("/a"),
                                      .patch = text_of(patches[i]),
                                      .most = 2 * LARGE});
    }
    sqlite3_close(other);
    uint64_t last = 0;
    for (int i = 0; i < PATCHES; i++) {
        struct edited edited = store_rig_await(&errands[i]);
        assert_int_equal(edited.result, EDIT_CHANGED);
        assert_true(last == 0 || edited.index == last + 1);
        last = edited.index;
    }
    assert_true(store_rig.batches > 1 + PATCHES / 4);
    store_rig_look(&store_rig, "/a", body, LARGE);
    assert_non_null(strstr(body, "{\"a\""));
    free(body);
    store_rig_close(&store_rig);
}

/* --- files that are not for us --- */

static void write_bytes(const char *bytes, size_t len)
{
    FILE *file = fopen(folder.file, "wb");
    must(file != NULL && fwrite(bytes, 1, len, file) == len && fclose(file) == 0, "%s",
         folder.file);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(folder.file, &db), SQLITE_OK);
    int result = sqlite3_exec(db, sql, NULL, NULL, NULL);
    must(result == SQLITE_OK, "%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static int files_in_folder(void)
{
    int count = 0;
    DIR *dir = opendir(folder.dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* It is refused for a reason that holds these words, and nothing in the folder changes.
 */
static void must_refuse(const char *why, const char *what)
{
    struct store_rig store_rig;
    char error[512] = "";
    int files = files_in_folder();
    shell("cp %s %s/../%s.before", folder.file, folder.dir, strrchr(folder.dir, '/') + 1);
    assert_false(store_rig_try(&store_rig, &options, error));
    must(strstr(error, why) != NULL && strstr(error, what) != NULL, "%s", error);
    must(strstr(error, folder.file) != NULL, "%s", error);
    shell("cmp %s %s.before && rm %s.before", folder.file, folder.dir, folder.dir);
    assert_int_equal(files_in_folder(), files);
}

static void make_store(void)
{
    struct store_rig store_rig;
    char body[2000] = "";
    memset(body, 'x', sizeof body - 1);
    store_rig_open(&store_rig, &options);
    for (int i = 0; i < 100; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        store_rig_put(&store_rig, path, "x/y", body);
    }
    store_rig_close(&store_rig);
    shell("rm -f %s-board", folder.file);
}

static void a_file_of_a_newer_version_is_refused_and_left_alone(void **state)
{
    (void)state;
    make_store();
    run_sql("PRAGMA user_version = 3");
    must_refuse("newer fcgiwait", "store.file");
}

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state)
{
    static const char text[] = "These are my notes.\n";
    char noise[20000];
    (void)state;
    write_bytes(text, sizeof text);
    must_refuse("not a database", "Move it away");
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)(i * 7919 >> 3);
    write_bytes(noise, sizeof noise);
    must_refuse("not a database", "Move it away");
}

static void the_database_of_another_program_is_refused_and_left_alone(void **state)
{
    (void)state;
    run_sql("CREATE TABLE resource (id INTEGER PRIMARY KEY, path TEXT)");
    must_refuse("another program", "store.file");
    run_sql("PRAGMA user_version = 1");
    must_refuse("another program", "store.file");
    run_sql("PRAGMA application_id = 7; PRAGMA user_version = 0");
    must_refuse("another program", "store.file");
}

static void a_damaged_file_is_refused_with_what_to_do(void **state)
{
    struct store_rig store_rig;
    char error[512] = "";
    (void)state;
    make_store();
    shell("dd if=/dev/urandom of=%s bs=4096 seek=5 count=30 conv=notrunc 2>/dev/null",
          folder.file);
    shell("cp %s %s/copy", folder.file, folder.dir);
    assert_false(store_rig_try(&store_rig, &options, error));
    must(strstr(error, "damaged") != NULL && strstr(error, ".recover") != NULL, "%s",
         error);
    shell("cmp %s %s/copy", folder.file, folder.dir);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    struct store_rig store_rig;
    struct store_options elsewhere = options;
    char error[512] = "", file[128];
    (void)state;
    snprintf(file, sizeof file, "%s/none/store.db", folder.dir);
    elsewhere.file = file;
    assert_false(store_rig_try(&store_rig, &elsewhere, error));
    must(strstr(error, file) != NULL && strstr(error, "folder") != NULL, "%s", error);
    elsewhere.file = folder.dir;
    assert_false(store_rig_try(&store_rig, &elsewhere, error));
    must(strstr(error, "irectory") != NULL, "%s", error);
}

/* --- older versions --- */

static void a_file_of_layout_0_is_migrated(void **state)
{
    struct store_rig store_rig;
    char body[16];
    (void)state;
    run_sql("CREATE TABLE resource (idx INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, "
            "changed INTEGER NOT NULL, type TEXT, body BLOB);"
            "INSERT INTO resource VALUES (7, '/a', 5, 'x/y', x'31'), "
            "(9, '/b', 6, NULL, NULL)");
    store_rig_open(&store_rig, &options);
    assert_int_equal(store_rig_look(&store_rig, "/a", body, sizeof body), 7);
    assert_string_equal(body, "1");
    assert_int_equal(store_rig_look(&store_rig, "/b", body, sizeof body), 9);
    assert_int_equal(store_index(store_rig.store), 9);
    assert_true(store_rig_touch(&store_rig, "/b").index > 9);
    store_rig_close(&store_rig);
    store_rig_open(&store_rig, &options); /* and is one of ours from now on */
    assert_int_equal(store_rig_index(&store_rig, "/a"), 7);
    store_rig_close(&store_rig);
}

/* As version 0.1 wrote it. */
static void a_file_of_layout_1_is_migrated(void **state)
{
    struct store_rig store_rig;
    (void)state;
    store_rig_open(&store_rig, &options);
    uint64_t index = store_rig_put(&store_rig, "/a", "x/y", "1").index;
    store_rig_close(&store_rig);
    run_sql("DROP TABLE below; PRAGMA user_version = 1");
    store_rig_open(&store_rig, &options);
    assert_int_equal(store_rig_index(&store_rig, "/a"), index);
    uint64_t below = change_below(&store_rig, "/b");
    store_rig_close(&store_rig);
    store_rig_open(&store_rig, &options);
    assert_int_equal(index_below(&store_rig, "/b/c"), below);
    store_rig_close(&store_rig);
}

static void a_migration_that_fails_changes_nothing(void **state)
{
    struct store_rig store_rig;
    char error[512] = "";
    (void)state;
    run_sql("CREATE TABLE resource (idx INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, "
            "changed INTEGER NOT NULL, type TEXT, body BLOB);"
            "CREATE TABLE state (a)");
    shell("cp %s %s/copy", folder.file, folder.dir);
    assert_false(store_rig_try(&store_rig, &options, error));
    must(strstr(error, folder.file) != NULL, "%s", error);
    shell("cmp %s %s/copy", folder.file, folder.dir);
}

/* Files with a row that no publish could have made. */
static void a_path_that_is_none_is_passed_over(void **state)
{
    struct store_rig store_rig;
    (void)state;
    make_store();
    run_sql("INSERT INTO resource SELECT newest + 1, 'no slash', 0, NULL, NULL FROM "
            "state; UPDATE state SET newest = newest + 1");
    store_rig_open(&store_rig, &options);
    assert_int_equal(tree_resources(store_rig.tree), 100);
    assert_true(store_rig_touch(&store_rig, "/0").index > 0);
    store_rig_close(&store_rig);
}

/* One row each; "/sound" stands behind them. */
static void rows_that_cannot_be_ours_are_passed_over(void **state)
{
    static const char *const rows[] = {
        "'/negative', -1, 'x/y', x'31'",
        "'/type', 5, 'x/y' || x'0d0a' || 'Set-Cookie: a=b', x'31'",
        "'/no/type', 5, NULL, x'31'",
        "'/long/type', 5, hex(zeroblob(200)), x'31'",
        "'', 5, 'x/y', x'31'",
        "'/a//b', 5, 'x/y', x'31'",
        "'/../a', 5, NULL, NULL",
        "'/nul' || x'00', 5, 'x/y', x'31'",
        "'/' || hex(zeroblob(40000)), 5, 'x/y', x'31'",
    };
    struct store_rig store_rig;
    char body[16], sql[512];
    (void)state;
    store_rig_open(&store_rig, &options);
    uint64_t index = store_rig_put(&store_rig, "/before", "x/y", "1").index;
    store_rig_close(&store_rig);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(sql, sizeof sql,
                 "UPDATE state SET newest = newest + 1;"
                 "INSERT INTO resource SELECT newest, %s FROM state",
                 rows[i]);
        run_sql(sql);
    }
    run_sql("UPDATE state SET newest = newest + 1; INSERT INTO resource SELECT newest, "
            "'/sound', 5, 'x/y', x'32' FROM state;"
            "INSERT INTO resource VALUES (-5, '/below/zero', 5, 'x/y', x'31'),"
            "(9007199254740992, '/too/high', 5, 'x/y', x'31')");
    store_rig_open(&store_rig, &options);
    assert_int_equal(tree_resources(store_rig.tree), 2);
    assert_int_equal(store_rig_look(&store_rig, "/before", body, sizeof body), index);
    assert_int_equal(store_rig_look(&store_rig, "/sound", body, sizeof body),
                     index + 1 + sizeof rows / sizeof *rows);
    assert_string_equal(body, "2");
    store_rig_close(&store_rig);
}

/* Somebody wrote it there by hand, and forgot to raise `newest`. */
static void an_index_above_the_newest_counts_as_given(void **state)
{
    struct store_rig store_rig;
    (void)state;
    make_store();
    run_sql(
        "UPDATE state SET newest = (1 << 52); INSERT INTO resource SELECT newest + 2, "
        "'/by/hand', 5, 'x/y', x'31' FROM state");
    store_rig_open(&store_rig, &options);
    uint64_t index = store_rig_index(&store_rig, "/by/hand");
    for (int i = 0; i < 3; i++)
        assert_true(store_rig_touch(&store_rig, "/0").index > index);
    assert_int_equal(store_rig_index(&store_rig, "/by/hand"), index);
    store_rig_close(&store_rig);
}

static void a_state_that_cannot_be_is_refused(void **state)
{
    static const char *const states[] = {"newest = (1 << 53)", "everything = newest + 1",
                                         "forgotten = -7", "everything_changed = -1"};
    struct store_rig store_rig;
    char error[512], sql[128];
    (void)state;
    make_store();
    for (size_t i = 0; i < sizeof states / sizeof *states; i++) {
        shell("cp %s %s/copy", folder.file, folder.dir);
        snprintf(sql, sizeof sql, "UPDATE state SET %s", states[i]);
        run_sql(sql);
        assert_false(store_rig_try(&store_rig, &options, error));
        must(strstr(error, "damaged") != NULL, "%s: %s", states[i], error);
        shell("mv %s/copy %s", folder.dir, folder.file);
    }
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        TEST(everything_is_there_again),
        TEST(the_last_change_of_everything_survives),
        TEST(a_change_below_a_path_survives),
        TEST(no_index_is_given_twice),
        TEST(an_older_copy_gives_no_index_again),
        TEST(a_first_start_that_is_killed_leaves_a_file_for_the_next),
        TEST(edits_that_come_meanwhile_share_a_transaction),
        TEST(edits_of_one_transaction_see_each_other),
        TEST(patches_of_large_documents_are_not_gathered_without_end),
        TEST(a_file_of_a_newer_version_is_refused_and_left_alone),
        TEST(a_file_that_is_no_database_is_refused_and_left_alone),
        TEST(the_database_of_another_program_is_refused_and_left_alone),
        TEST(a_damaged_file_is_refused_with_what_to_do),
        TEST(a_folder_that_is_not_there_is_named),
        TEST(a_file_of_layout_0_is_migrated),
        TEST(a_file_of_layout_1_is_migrated),
        TEST(a_migration_that_fails_changes_nothing),
        TEST(a_path_that_is_none_is_passed_over),
        TEST(rows_that_cannot_be_ours_are_passed_over),
        TEST(an_index_above_the_newest_counts_as_given),
        TEST(a_state_that_cannot_be_is_refused),
    };
    return cmocka_run_group_tests_name("store/durable", tests, NULL, NULL);
}
