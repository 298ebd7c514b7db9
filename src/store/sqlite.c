#include "sqlite.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/log.h"
#include "group.h"
#include "sqlite_file.h"

/* --- one transaction --- */

/* Makes the state as new as the file, which nobody else can change now. */
static bool level(struct sqlite *sqlite)
{
    lock_take(&sqlite->lock);
    bool good = sqlite_take_over(sqlite);
    if (!good)
        sqlite->rows.failure = sqlite->reader.failure;
    lock_drop(&sqlite->lock);
    return good;
}

static bool write_steps(struct sqlite *sqlite, const struct group *group,
                        struct rows_state *state)
{
    for (size_t i = 0; i < group->count; i++) {
        const struct step *step = &group->steps[i];
        if (step->edit->kind == EDIT_EVERYTHING) {
            state->everything = step->after.index;
            state->everything_changed = step->after.changed;
        } else if (!rows_put(&sqlite->rows, step->edit->path, &step->after)) {
            return false;
        }
    }
    return true;
}

static bool write_group(struct sqlite *sqlite, const struct group *group,
                        struct rows_state *state)
{
    if (!write_steps(sqlite, group, state))
        return false;
    state->newest = group->newest;
    if (group->forgotten != 0) {
        state->forgotten = group->forgotten;
        if (!rows_forget(&sqlite->rows, group->forgotten))
            return false;
    }
    return rows_write_state(&sqlite->rows, state) && rows_commit(&sqlite->rows);
}

/* Durable: everybody is told, our own waiters too. Out of memory some are not; the
 * follower goes on with them. */
static void show(struct sqlite *sqlite, struct group *group)
{
    lock_take(&sqlite->lock);
    board_set(&sqlite->board, group->newest);
    if (group_show(group) && group->forgotten != 0)
        sqlite->forgotten = group->forgotten;
    lock_drop(&sqlite->lock);
}

/* A file that lost its last commits (an older copy was put back, or the power failed and
 * `relaxed` had not waited for the disk) must not give their indexes again: they all lie
 * before the clock. */
static uint64_t newest_given(const struct sqlite *sqlite, const struct rows_state *state)
{
    uint64_t clock = sqlite->started ? 0 : store_first_index();
    return state->newest > clock ? state->newest : clock;
}

static bool decide_and_write(struct sqlite *sqlite, struct edit **edits, size_t count)
{
    struct rows_state state;
    struct group group;
    if (!level(sqlite) || !rows_read_state(&sqlite->rows, &state))
        return false;
    group_open(&group, &sqlite->store, sqlite->steps, GROUP_MOST,
               newest_given(sqlite, &state));
    for (size_t i = 0; i < count; i++)
        group_decide(&group, edits[i]);
    group_forget(&group);
    bool good = group.count == 0 || write_group(sqlite, &group, &state);
    if (good && group.count > 0) {
        sqlite->started = true;
        show(sqlite, &group);
    }
    group_close(&group);
    return good;
}

/* False: nothing was changed (rows.failure). */
static bool commit_together(struct sqlite *sqlite, struct edit **edits, size_t count)
{
    if (!board_lock(&sqlite->board)) {
        struct rows_failure *failure = &sqlite->rows.failure;
        failure->result = EDIT_FAILED;
        snprintf(failure->message, sizeof failure->message, "flock: %s", strerror(errno));
        return false;
    }
    bool good = rows_begin_write(&sqlite->rows) && decide_and_write(sqlite, edits, count);
    rows_rollback(&sqlite->rows);
    board_unlock(&sqlite->board);
    return good;
}

/* --- the writer --- */

static void note_trouble(struct sqlite *sqlite, enum edit_result trouble)
{
    if (sqlite->trouble == trouble)
        return;
    sqlite->trouble = trouble;
    if (trouble == EDIT_CHANGED)
        log_info("the store takes changes again");
    else
        log_error("the store takes no changes: %s%s", sqlite->rows.failure.message,
                  trouble == EDIT_NO_ROOM ? "; it will once there is room again" : "");
}

/* What can't be done for all of them may still go for one: a group is no larger than what
 * fails. */
static void commit_all(struct sqlite *sqlite, size_t count)
{
    struct edit **edits = sqlite->edits;
    if (commit_together(sqlite, edits, count)) {
        note_trouble(sqlite, EDIT_CHANGED);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (count > 1 && commit_together(sqlite, &edits[i], 1)) {
            note_trouble(sqlite, EDIT_CHANGED);
            continue;
        }
        edits[i]->result = sqlite->rows.failure.result;
        note_trouble(sqlite, edits[i]->result);
    }
}

static void *writer_run(void *context)
{
    struct sqlite *sqlite = context;
    size_t count;
    while ((count = queue_take(&sqlite->queue, sqlite->edits, GROUP_MOST)) > 0) {
        commit_all(sqlite, count);
        for (size_t i = 0; i < count; i++)
            sqlite->edits[i]->done(sqlite->edits[i]);
    }
    return NULL;
}

static void sqlite_commit(struct store *store, struct edit *edit)
{
    queue_add(&((struct sqlite *)store)->queue, edit);
}

static void sqlite_catch_up(struct store *store)
{
    sqlite_follow((struct sqlite *)store);
}

/* --- life --- */

struct complaint {
    char *text;
    size_t room;
};

static bool complain(const struct complaint *error, const char *file, const char *why)
{
    snprintf(error->text, error->room, "%s: %s", file, why);
    return false;
}

static bool open_board(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->store.options.file;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s-board", file);
    if (len < 0 || (size_t)len >= sizeof path)
        return complain(error, file, "the name is too long");
    if (board_open(&sqlite->board, path, file))
        return true;
    sqlite_file_explain(path, SQLITE_CANTOPEN, errno, "", error->text, error->room);
    return false;
}

static bool explain(const struct rows *rows, const char *file,
                    const struct complaint *error)
{
    sqlite_file_explain(file, rows->failure.code, rows->failure.reason,
                        rows->failure.message, error->text, error->room);
    return false;
}

/* Takes the connection. */
static bool open_rows(struct rows *rows, sqlite3 *db, const char *file,
                      const struct complaint *error)
{
    if (db == NULL)
        return false;
    if (rows_open(rows, db))
        return true;
    sqlite3_close(db);
    return explain(rows, file, error);
}

/* A process that died before it could tell of its changes has left a board that lags; any
 * other mistake on it is put right as well. */
static bool set_board(struct sqlite *sqlite)
{
    struct rows_state state;
    if (!rows_read_state(&sqlite->rows, &state))
        return false;
    board_set(&sqlite->board, state.newest);
    return true;
}

/* With the board's lock: nobody else makes the file meanwhile. */
static bool open_file(struct sqlite *sqlite, const struct complaint *error)
{
    const struct store_options *options = &sqlite->store.options;
    sqlite3 *db =
        sqlite_file_open(options->file, options->relaxed, error->text, error->room);
    if (!open_rows(&sqlite->rows, db, options->file, error))
        return false;
    if (set_board(sqlite))
        return true;
    rows_close(&sqlite->rows);
    return explain(&sqlite->rows, options->file, error);
}

static bool open_writing(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->store.options.file;
    if (!open_board(sqlite, error))
        return false;
    if (board_lock(&sqlite->board)) {
        bool good = open_file(sqlite, error);
        board_unlock(&sqlite->board);
        if (good)
            return true;
    } else {
        complain(error, file, strerror(errno));
    }
    board_close(&sqlite->board);
    return false;
}

/* Everything that is there goes to the state. */
static bool open_reading(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->store.options.file;
    sqlite3 *db = sqlite_file_open_reader(file, error->text, error->room);
    if (!open_rows(&sqlite->reader, db, file, error))
        return false;
    lock_take(&sqlite->lock);
    bool good = sqlite_take_over(sqlite);
    lock_drop(&sqlite->lock);
    if (good)
        return true;
    rows_close(&sqlite->reader);
    return explain(&sqlite->reader, file, error);
}

static bool start_threads(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->store.options.file;
    int result = queue_open(&sqlite->queue);
    if (result != 0)
        return complain(error, file, strerror(result));
    result = pthread_create(&sqlite->writer, NULL, writer_run, sqlite);
    if (result == 0) {
        result = pthread_create(&sqlite->follower, NULL, sqlite_follower, sqlite);
        if (result == 0)
            return true;
        queue_close(&sqlite->queue);
        pthread_join(sqlite->writer, NULL);
    }
    queue_dispose(&sqlite->queue);
    return complain(error, file, strerror(result));
}

/* False: nothing is left open. */
static bool open_all(struct sqlite *sqlite, const struct complaint *error)
{
    if (!sqlite_file_check(sqlite->store.options.file, error->text, error->room) ||
        !open_writing(sqlite, error))
        return false;
    if (open_reading(sqlite, error)) {
        if (start_threads(sqlite, error))
            return true;
        rows_close(&sqlite->reader);
    }
    rows_close(&sqlite->rows);
    board_close(&sqlite->board);
    return false;
}

static void sqlite_free(struct sqlite *sqlite)
{
    lock_destroy(&sqlite->lock);
    free(sqlite->steps);
    free(sqlite);
}

static struct store *sqlite_open(const struct store_options *options, char *text,
                                 size_t room)
{
    struct complaint error = {text, room};
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    struct step *steps = calloc(GROUP_MOST, sizeof *steps);
    if (sqlite == NULL || steps == NULL) {
        complain(&error, options->file, "out of memory");
        free(sqlite);
        free(steps);
        return NULL;
    }
    store_init(&sqlite->store, &store_sqlite, options);
    sqlite->steps = steps;
    sqlite->trouble = EDIT_CHANGED;
    lock_init(&sqlite->lock, LOCK_STORE);
    if (open_all(sqlite, &error))
        return &sqlite->store;
    sqlite_free(sqlite);
    return NULL;
}

static void sqlite_close(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    queue_close(&sqlite->queue);
    pthread_join(sqlite->writer, NULL);
    atomic_store(&sqlite->stopping, true);
    board_wake(&sqlite->board);
    pthread_join(sqlite->follower, NULL);
    rows_close(&sqlite->reader);
    rows_close(&sqlite->rows);
    board_close(&sqlite->board);
    queue_dispose(&sqlite->queue);
    sqlite_free(sqlite);
}

const struct store_backend store_sqlite = {.type = "sqlite",
                                           .open = sqlite_open,
                                           .commit = sqlite_commit,
                                           .catch_up = sqlite_catch_up,
                                           .close = sqlite_close};
