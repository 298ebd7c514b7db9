#include "sqlite.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/thread.h"
#include "group.h"
#include "sqlite_file.h"

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
    const char *file = sqlite->file;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s-board", file);
    if (len < 0 || (size_t)len >= sizeof path)
        return complain(error, file, "the name is too long");
    if (board_open(&sqlite->board, path))
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
    const char *file = sqlite->file;
    sqlite3 *db =
        sqlite_file_open(file, sqlite->store.options.relaxed, error->text, error->room);
    if (!open_rows(&sqlite->rows, db, file, error))
        return false;
    board_match(&sqlite->board, file);
    if (set_board(sqlite))
        return true;
    rows_close(&sqlite->rows);
    return explain(&sqlite->rows, file, error);
}

static bool open_writing(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->file;
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
    const char *file = sqlite->file;
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
    const char *file = sqlite->file;
    int result = queue_open(&sqlite->queue);
    if (result != 0)
        return complain(error, file, strerror(result));
    result = pthread_create(&sqlite->writer, NULL, sqlite_writer, sqlite);
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
    if (!sqlite_file_check(sqlite->file, error->text, error->room) ||
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
    free(sqlite->file);
    free(sqlite->steps);
    free(sqlite);
}

/* Whatever names lead to a file, it has one board: as SQLite does with its own files. */
static char *resolve(const char *file)
{
    char *resolved = realpath(file, NULL);
    return resolved != NULL ? resolved : strdup(file);
}

static struct store *sqlite_open(const struct store_options *options, char *text,
                                 size_t room)
{
    struct complaint error = {text, room};
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (sqlite == NULL) {
        complain(&error, options->file, "out of memory");
        return NULL;
    }
    store_init(&sqlite->store, &store_sqlite, options);
    lock_init(&sqlite->lock, LOCK_STORE);
    sqlite->trouble = EDIT_CHANGED;
    sqlite->steps = calloc(GROUP_MOST, sizeof *sqlite->steps);
    sqlite->file = resolve(options->file);
    if (sqlite->steps == NULL || sqlite->file == NULL)
        complain(&error, options->file, "out of memory");
    else if (open_all(sqlite, &error))
        return &sqlite->store;
    sqlite_free(sqlite);
    return NULL;
}

/* Whoever writes on the board past us may set its bell back to where the follower saw it
 * last, and then it sleeps through a ring: it is rung until it has heard. A shutdown may
 * look every millisecond. */
static void end_follower(struct sqlite *sqlite)
{
    atomic_store(&sqlite->stopping, true);
    for (board_wake(&sqlite->board); !atomic_load(&sqlite->follower_ended);
         board_wake(&sqlite->board))
        thread_pause(NANOS_PER_MS);
    pthread_join(sqlite->follower, NULL);
}

static void sqlite_close(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    queue_close(&sqlite->queue);
    pthread_join(sqlite->writer, NULL);
    end_follower(sqlite);
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
