/* SPDX-License-Identifier: ISC */
/*
 * Opening and closing: file, doorbell, two connections, two threads, in this order, and
 * back in the other. Each open_ function leaves nothing behind where it fails.
 */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"
#include "batch.h"
#include "sqlite_file.h"

static void sqlite_propose(struct store *store, struct edit *edits, size_t count)
{
    queue_add(&((struct sqlite *)store)->queue, edits, count);
}

static bool sqlite_reached(struct store *store, uint64_t index)
{
    (void)index;
    sqlite_follow_doorbell((struct sqlite *)store);
    return true;
}

/* --- life --- */

struct complaint {
    char *text;
    size_t capacity;
};

static bool complain(const struct complaint *error, const char *file, const char *why)
{
    snprintf(error->text, error->capacity, "%s: %s", file, why);
    return false;
}

static bool open_doorbell(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->file;
    char path[PATH_MAX];
    int len = snprintf(path, sizeof path, "%s-board", file);
    if (len < 0 || (size_t)len >= sizeof path)
        return complain(error, file, "the name is too long");
    if (doorbell_open(&sqlite->doorbell, path))
        return true;
    sqlite_file_explain(path, SQLITE_CANTOPEN, errno, "", error->text, error->capacity);
    return false;
}

static bool explain(const struct rows *rows, const char *file,
                    const struct complaint *error)
{
    sqlite_file_explain(file, rows->failure.code, rows->failure.reason,
                        rows->failure.message, error->text, error->capacity);
    return false;
}

/* Takes the connection. */
static bool open_rows(struct rows *rows, sqlite3 *db, const char *file,
                      const struct complaint *error)
{
    if (db == NULL)
        return false;
    return rows_open(rows, db) || explain(rows, file, error);
}

/* A process that died before it could tell of its changes has left a doorbell that lags,
 * and one that is ahead tells of changes that the file has lost; any other mistake on it
 * is put right as well. */
static bool set_doorbell(struct sqlite *sqlite)
{
    struct rows_state state;
    if (!rows_read_state(&sqlite->rows, &state))
        return false;
    uint64_t given = doorbell_given(&sqlite->doorbell);
    if (state.newest < given)
        return sqlite_begin_anew(sqlite, given);
    doorbell_set(&sqlite->doorbell, state.newest);
    return true;
}

/* With the doorbell's lock: nobody else makes the file meanwhile. */
static bool open_file(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->file;
    sqlite3 *db = sqlite_file_open(file, sqlite->relaxed, error->text, error->capacity);
    if (!open_rows(&sqlite->rows, db, file, error))
        return false;
    sqlite->shared = doorbell_match(&sqlite->doorbell, file);
    if (set_doorbell(sqlite))
        return true;
    rows_close(&sqlite->rows);
    return explain(&sqlite->rows, file, error);
}

static bool open_writing(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->file;
    if (!open_doorbell(sqlite, error))
        return false;
    struct patience patience = {.until = instant_after(clock_now(), STORE_PATIENCE)};
    if (doorbell_lock(&sqlite->doorbell, &patience)) {
        bool good = open_file(sqlite, error);
        doorbell_unlock(&sqlite->doorbell);
        if (good)
            return true;
    } else if (errno == ETIMEDOUT) {
        complain(error, file, SQLITE_HELD);
    } else {
        complain(error, file, strerror(errno));
    }
    doorbell_close(&sqlite->doorbell);
    return false;
}

/* Everything that is there goes to the state. */
static bool open_reading(struct sqlite *sqlite, const struct complaint *error)
{
    const char *file = sqlite->file;
    sqlite3 *db = sqlite_file_open_reader(file, error->text, error->capacity);
    if (!open_rows(&sqlite->reader, db, file, error))
        return false;
    lock_take(&sqlite->lock);
    bool good = sqlite_follow_file(sqlite);
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

static bool open_resolved(struct sqlite *sqlite, const struct complaint *error)
{
    if (!open_writing(sqlite, error))
        return false;
    if (open_reading(sqlite, error)) {
        if (start_threads(sqlite, error))
            return true;
        rows_close(&sqlite->reader);
    }
    rows_close(&sqlite->rows);
    doorbell_close(&sqlite->doorbell);
    return false;
}

static void sqlite_free(struct sqlite *sqlite)
{
    lock_destroy(&sqlite->lock);
    free(sqlite->file);
    free(sqlite->decisions);
    free(sqlite);
}

/* Whatever names lead to a file, it has one doorbell: as SQLite does with its own files.
 * A link may lead to a file that is not there yet: only once it is made it has a name
 * that is the same for everybody. */
static char *resolve(const char *file)
{
    char *resolved = realpath(file, NULL);
    if (resolved != NULL || errno != ENOENT)
        return resolved;
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return NULL;
    close(fd);
    return realpath(file, NULL);
}

/* False: nothing is left open. */
static bool open_all(struct sqlite *sqlite, const char *given,
                     const struct complaint *error)
{
    if (!sqlite_file_check(given, error->text, error->capacity))
        return false;
    sqlite->file = resolve(given);
    if (sqlite->file == NULL) {
        sqlite_file_explain(given, SQLITE_CANTOPEN, errno, "", error->text,
                            error->capacity);
        return false;
    }
    return open_resolved(sqlite, error);
}

static struct store *sqlite_open(const struct store_options *options, char *text,
                                 size_t capacity)
{
    struct complaint error = {text, capacity};
    struct sqlite *sqlite = calloc(1, sizeof *sqlite);
    if (sqlite == NULL) {
        complain(&error, options->file, "out of memory");
        return NULL;
    }
    store_init(&sqlite->store, &store_sqlite, &options->view);
    lock_init(&sqlite->lock, LOCK_STORE);
    sqlite->relaxed = options->relaxed;
    sqlite->trouble = EDIT_CHANGED;
    atomic_init(&sqlite->patience_ends, INT64_MAX);
    sqlite->decisions = calloc(BATCH_MOST, sizeof *sqlite->decisions);
    if (sqlite->decisions == NULL) {
        complain(&error, options->file, "out of memory");
    } else if (open_all(sqlite, options->file, &error)) {
        if (!sqlite->shared)
            log_warn("the doorbell beside %s can't be given to its owner", sqlite->file);
        sqlite_report(sqlite);
        sqlite_note_beginning(sqlite);
        sqlite_watch_start(sqlite);
        return &sqlite->store;
    }
    sqlite_free(sqlite);
    return NULL;
}

/* Whoever writes on the doorbell past us may set its bell back to where the follower saw
 * it last, and then it sleeps through a ring: it is rung until it has heard. A shutdown
 * may look every millisecond. */
static void end_follower(struct sqlite *sqlite)
{
    atomic_store(&sqlite->stopping, true);
    for (doorbell_wake(&sqlite->doorbell); !atomic_load(&sqlite->follower_ended);
         doorbell_wake(&sqlite->doorbell))
        thread_pause(NANOS_PER_MS);
    pthread_join(sqlite->follower, NULL);
}

static void sqlite_close(struct store *store)
{
    struct sqlite *sqlite = (struct sqlite *)store;
    patience_cut(&sqlite->patience_ends, NULL, NULL);
    sqlite_watch_end(sqlite);
    queue_close(&sqlite->queue);
    pthread_join(sqlite->writer, NULL);
    end_follower(sqlite);
    rows_close(&sqlite->reader);
    rows_close(&sqlite->rows);
    doorbell_close(&sqlite->doorbell);
    queue_dispose(&sqlite->queue);
    sqlite_free(sqlite);
}

const struct store_backend store_sqlite = {.type = "sqlite",
                                           .open = sqlite_open,
                                           .propose = sqlite_propose,
                                           .reached = sqlite_reached,
                                           .close = sqlite_close};
