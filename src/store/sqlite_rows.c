/* SPDX-License-Identifier: ISC */
/*
 * All SQL of the running store, prepared once. What comes out of the file has to be taken
 * for a stranger's: anybody may have written to it.
 */
#include "sqlite_rows.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

enum {
    BEGIN,
    BEGIN_WRITE,
    COMMIT,
    READ_STATE,
    WRITE_STATE,
    SINCE,
    PUT,
    FORGET,
    HAS,
    MARK,
    DROP_MARKS,
    NEXT,
    MOVE,
    VERSION,
    COUNT
};

#define INDEX_END "9007199254740992" /* INDEX_LIMIT */

static const char *const texts[ROWS_STATEMENTS] = {
    [BEGIN] = "BEGIN",
    [BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [COMMIT] = "COMMIT",
    /* Rows above `newest` were written by hand: their indexes count as given. */
    [READ_STATE] =
        "SELECT max(coalesce((SELECT CAST(newest AS INTEGER) FROM state), 0), "
        "coalesce((SELECT max(idx) FROM resource WHERE idx < " INDEX_END "), 0), "
        "coalesce((SELECT max(idx) FROM below WHERE idx < " INDEX_END "), 0)), "
        "coalesce((SELECT everything FROM state), 0), "
        "coalesce((SELECT everything_changed FROM state), 0), "
        "coalesce((SELECT forgotten FROM state), 0)",
    [WRITE_STATE] = "INSERT OR REPLACE INTO state "
                    "(only, newest, everything, everything_changed, forgotten) "
                    "VALUES (1, ?, ?, ?, ?)",
    [SINCE] = "SELECT idx, path, changed, type, body, 0 FROM resource WHERE idx > ?1 "
              "UNION ALL SELECT idx, path, changed, NULL, NULL, 1 FROM below "
              "WHERE idx > ?1 ORDER BY idx",
    [PUT] = "INSERT OR REPLACE INTO resource (idx, path, changed, type, body) "
            "VALUES (?, ?, ?, ?, ?)",
    [FORGET] = "DELETE FROM resource WHERE body IS NULL AND idx <= ?",
    [MARK] = "INSERT OR REPLACE INTO below (idx, path, changed) VALUES (?, ?, ?)",
    [DROP_MARKS] = "DELETE FROM below",
    [NEXT] = "SELECT min(idx) FROM resource WHERE idx > ? AND idx <= ?",
    [MOVE] = "UPDATE resource SET idx = ? WHERE idx = ?",
    [VERSION] = "PRAGMA data_version",
    [COUNT] = "SELECT (SELECT count(*) FROM resource), "
              "(SELECT count(*) FROM resource WHERE body IS NULL)",
    [HAS] = "SELECT 1 FROM resource WHERE path = ? AND body IS NOT NULL",
};

/* --- failing --- */

static bool is_disk_full(sqlite3 *db)
{
    int reason = sqlite3_system_errno(db);
    switch (sqlite3_errcode(db)) {
    case SQLITE_FULL:
        return true;
    case SQLITE_IOERR:
        return reason == ENOSPC || reason == EDQUOT ||
               sqlite3_extended_errcode(db) == SQLITE_IOERR_SHMSIZE;
    default:
        return false;
    }
}

static bool fail(struct rows *rows)
{
    rows->failure.result = is_disk_full(rows->db) ? EDIT_NO_ROOM : EDIT_FAILED;
    rows->failure.code = sqlite3_errcode(rows->db);
    rows->failure.reason = sqlite3_system_errno(rows->db);
    snprintf(rows->failure.message, sizeof rows->failure.message, "%s",
             sqlite3_errmsg(rows->db));
    return false;
}

bool rows_fail(struct rows *rows, int code, const char *message)
{
    rows->failure = (struct rows_failure){.result = EDIT_FAILED, .code = code};
    snprintf(rows->failure.message, sizeof rows->failure.message, "%s", message);
    return false;
}

static bool fail_memory(struct rows *rows)
{
    return rows_fail(rows, SQLITE_NOMEM, "out of memory");
}

/* --- statements --- */

static void rest(sqlite3_stmt *statement)
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

/* Runs a statement that gives no row. */
static bool run(struct rows *rows, sqlite3_stmt *statement)
{
    bool good = sqlite3_step(statement) == SQLITE_DONE || fail(rows);
    rest(statement);
    return good;
}

/* The bytes stay the caller's, and are there until the statement has run. */
static void bind_text(sqlite3_stmt *statement, int at, struct text t)
{
    sqlite3_bind_text64(statement, at, t.len > 0 ? t.at : "", t.len, SQLITE_STATIC,
                        SQLITE_UTF8);
}

static void bind_document(sqlite3_stmt *statement, int at,
                          const struct document *document)
{
    bind_text(statement, at, document->type);
    if (document->body.len > 0)
        sqlite3_bind_blob64(statement, at + 1, document->body.at, document->body.len,
                            SQLITE_STATIC);
    else
        sqlite3_bind_zeroblob(statement, at + 1, 0); /* an empty one is not NULL */
}

static struct text column(sqlite3_stmt *statement, int at)
{
    const char *bytes = sqlite3_column_blob(statement, at);
    return (struct text){bytes, (size_t)sqlite3_column_bytes(statement, at)};
}

/* --- life --- */

static int wait_for_others(void *rows, int tries)
{
    return patience_pause(&((struct rows *)rows)->patience, tries);
}

bool rows_open(struct rows *rows, sqlite3 *db)
{
    rows->db = db;
    rows->patience.until = instant_after(clock_now(), ROWS_PATIENCE);
    sqlite3_busy_handler(db, wait_for_others, rows);
    for (int i = 0; i < ROWS_STATEMENTS; i++)
        if (sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                               &rows->statements[i], NULL) != SQLITE_OK) {
            fail(rows);
            rows_close(rows);
            return false;
        }
    return true;
}

void rows_close(struct rows *rows)
{
    for (int i = 0; i < ROWS_STATEMENTS; i++)
        sqlite3_finalize(rows->statements[i]);
    sqlite3_close(rows->db);
    *rows = (struct rows){.failure = rows->failure, .unsound = rows->unsound};
}

enum rows_file rows_file(const struct rows *rows, const char *file)
{
    int moved = 1;
    if (rows->db == NULL)
        return ROWS_FILE_OTHER;
    sqlite3_file_control(rows->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (!moved)
        return ROWS_FILE_SAME;
    return access(file, F_OK) == 0 ? ROWS_FILE_OTHER : ROWS_FILE_GONE;
}

/* --- transactions --- */

bool rows_begin(struct rows *rows)
{
    return run(rows, rows->statements[BEGIN]);
}

bool rows_begin_write(struct rows *rows)
{
    return run(rows, rows->statements[BEGIN_WRITE]);
}

bool rows_commit(struct rows *rows)
{
    return run(rows, rows->statements[COMMIT]);
}

void rows_rollback(struct rows *rows)
{
    /* Some failures have done so already. */
    if (rows->db != NULL && !sqlite3_get_autocommit(rows->db))
        sqlite3_exec(rows->db, "ROLLBACK", NULL, NULL, NULL);
}

/* --- state --- */

static bool state_is_sound(const struct rows_state *state)
{
    return state->newest < INDEX_LIMIT && state->everything <= state->newest &&
           state->forgotten <= state->newest && state->everything_changed >= 0;
}

bool rows_read_state(struct rows *rows, struct rows_state *state)
{
    sqlite3_stmt *statement = rows->statements[READ_STATE];
    bool good = sqlite3_step(statement) == SQLITE_ROW || fail(rows);
    if (good) { /* what is negative becomes too large */
        *state = (struct rows_state){
            .newest = (uint64_t)sqlite3_column_int64(statement, 0),
            .everything = (uint64_t)sqlite3_column_int64(statement, 1),
            .everything_changed = sqlite3_column_int64(statement, 2),
            .forgotten = (uint64_t)sqlite3_column_int64(statement, 3)};
        good =
            state_is_sound(state) ||
            rows_fail(rows, SQLITE_CORRUPT, "its table state holds no state that can be");
    }
    rest(statement);
    return good;
}

bool rows_write_state(struct rows *rows, const struct rows_state *state)
{
    sqlite3_stmt *statement = rows->statements[WRITE_STATE];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)state->newest);
    sqlite3_bind_int64(statement, 2, (sqlite3_int64)state->everything);
    sqlite3_bind_int64(statement, 3, state->everything_changed);
    sqlite3_bind_int64(statement, 4, (sqlite3_int64)state->forgotten);
    return run(rows, statement);
}

/* --- resources --- */

static bool pass_over(struct rows *rows, uint64_t index)
{
    rows->unsound.count++;
    rows->unsound.index = index;
    return true;
}

static bool show_row(struct rows *rows, sqlite3_stmt *statement, rows_show_fn *show,
                     void *context)
{
    struct present present = {.index = (uint64_t)sqlite3_column_int64(statement, 0),
                              .changed = sqlite3_column_int64(statement, 2)};
    struct text path = column(statement, 1), type = column(statement, 3);
    bool exists = sqlite3_column_type(statement, 4) != SQLITE_NULL;
    present.deleted = !exists && sqlite3_column_type(statement, 3) == SQLITE_NULL;
    struct text body = column(statement, 4);
    if (!store_is_sound(path, &present, exists, type, body))
        return pass_over(rows, present.index);
    if (exists) {
        present.document = document_new(type, body);
        if (present.document == NULL)
            return fail_memory(rows);
    }
    bool below = sqlite3_column_int(statement, 5) != 0;
    bool good = show(context, path, below, &present) || fail_memory(rows);
    present_dispose(&present);
    return good;
}

bool rows_since(struct rows *rows, uint64_t index, rows_show_fn *show, void *context)
{
    sqlite3_stmt *statement = rows->statements[SINCE];
    bool good = true;
    int result = SQLITE_DONE;
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)index);
    while (good && (result = sqlite3_step(statement)) == SQLITE_ROW)
        good = show_row(rows, statement, show, context);
    if (good && result != SQLITE_DONE)
        good = fail(rows);
    rest(statement);
    return good;
}

bool rows_put(struct rows *rows, struct text path, const struct present *present)
{
    sqlite3_stmt *statement = rows->statements[PUT];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)present->index);
    bind_text(statement, 2, path);
    sqlite3_bind_int64(statement, 3, present->changed);
    if (present->document != NULL)
        bind_document(statement, 4, present->document);
    else if (!present->deleted)
        bind_text(statement, 4, TEXT(""));
    return run(rows, statement);
}

bool rows_mark(struct rows *rows, struct text path, const struct present *present)
{
    sqlite3_stmt *statement = rows->statements[MARK];
    sqlite3_bind_int64(statement, 1, (sqlite3_int64)present->index);
    bind_text(statement, 2, path);
    sqlite3_bind_int64(statement, 3, present->changed);
    return run(rows, statement);
}

bool rows_drop_marks(struct rows *rows)
{
    return run(rows, rows->statements[DROP_MARKS]);
}

static bool move(struct rows *rows, sqlite3_int64 from, sqlite3_int64 to)
{
    sqlite3_bind_int64(rows->statements[MOVE], 1, to);
    sqlite3_bind_int64(rows->statements[MOVE], 2, from);
    return run(rows, rows->statements[MOVE]);
}

bool rows_renumber(struct rows *rows, uint64_t *newest)
{
    sqlite3_stmt *next = rows->statements[NEXT];
    sqlite3_int64 last = (sqlite3_int64)*newest, at = 0;
    for (bool good = true; good;) {
        sqlite3_bind_int64(next, 1, at);
        sqlite3_bind_int64(next, 2, last);
        good = sqlite3_step(next) == SQLITE_ROW || fail(rows);
        bool more = good && sqlite3_column_type(next, 0) != SQLITE_NULL;
        at = more ? sqlite3_column_int64(next, 0) : at;
        rest(next);
        if (good && !more)
            return true;
        good = good && move(rows, at, (sqlite3_int64)*newest + 1);
        *newest += good;
    }
    return false;
}

/* Runs a statement that gives one row of up to two numbers. */
static bool ask(struct rows *rows, sqlite3_stmt *statement, int64_t numbers[2])
{
    bool good = sqlite3_step(statement) == SQLITE_ROW || fail(rows);
    if (good)
        for (int i = 0; i < sqlite3_column_count(statement); i++)
            numbers[i] = sqlite3_column_int64(statement, i);
    rest(statement);
    return good;
}

int64_t rows_version(struct rows *rows)
{
    int64_t numbers[2];
    return ask(rows, rows->statements[VERSION], numbers) ? numbers[0] : -1;
}

bool rows_count(struct rows *rows, size_t *resources, size_t *tombstones)
{
    int64_t numbers[2];
    if (!ask(rows, rows->statements[COUNT], numbers))
        return false;
    *tombstones = (size_t)numbers[1];
    *resources = (size_t)(numbers[0] - numbers[1]);
    return true;
}

bool rows_forget(struct rows *rows, uint64_t index)
{
    sqlite3_bind_int64(rows->statements[FORGET], 1, (sqlite3_int64)index);
    return run(rows, rows->statements[FORGET]);
}

bool rows_has(struct rows *rows, struct text path, bool *has)
{
    sqlite3_stmt *statement = rows->statements[HAS];
    bind_text(statement, 1, path);
    int result = sqlite3_step(statement);
    *has = result == SQLITE_ROW;
    bool good = *has || result == SQLITE_DONE || fail(rows);
    rest(statement);
    return good;
}
