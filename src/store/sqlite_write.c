/* SPDX-License-Identifier: ISC */
/*
 * The thread that writes. It takes BEGIN IMMEDIATE first, so that what it then reads is
 * the newest there is, and decides on that.
 */
#include <errno.h>
#include <string.h>

#include "fcgiwait/log.h"
#include "batch.h"
#include "sqlite.h"

/* --- one transaction --- */

/* Makes the state as new as the file, which nobody else can change now. */
static bool level(struct sqlite *sqlite)
{
    lock_take(&sqlite->lock);
    sqlite->reader.patience = sqlite->rows.patience;
    bool good = sqlite_follow_file(sqlite);
    if (!good)
        sqlite->rows.failure = sqlite->reader.failure;
    lock_drop(&sqlite->lock);
    return good;
}

static bool write_decision(struct sqlite *sqlite, const struct decision *decision,
                           struct rows_state *state)
{
    struct text path = decision->edit->path;
    if (decision->edit->kind != EDIT_EVERYTHING)
        return rows_put(&sqlite->rows, path, &decision->after);
    if (!text_is(path, TEXT("/")))
        return rows_mark(&sqlite->rows, path, &decision->after);
    state->everything = decision->after.index;
    state->everything_changed = decision->after.changed;
    return rows_drop_marks(&sqlite->rows);
}

static bool write_decisions(struct sqlite *sqlite, const struct batch *batch,
                            struct rows_state *state)
{
    for (size_t i = 0; i < batch->count; i++)
        if (!write_decision(sqlite, &batch->decisions[i], state))
            return false;
    return true;
}

static bool write_batch(struct sqlite *sqlite, const struct batch *batch,
                        struct rows_state *state)
{
    if (!write_decisions(sqlite, batch, state))
        return false;
    state->newest = batch->newest;
    if (batch->forgotten != 0) {
        state->forgotten = batch->forgotten;
        if (!rows_forget(&sqlite->rows, batch->forgotten))
            return false;
    }
    return rows_write_state(&sqlite->rows, state) && rows_commit(&sqlite->rows);
}

/* Durable: everybody is told, our own waiters too. Out of memory some are not; the
 * follower goes on with them. */
static void show(struct sqlite *sqlite, struct batch *batch)
{
    lock_take(&sqlite->lock);
    doorbell_set(&sqlite->doorbell, batch->newest);
    if (batch_show(batch) && batch->forgotten != 0)
        sqlite->forgotten = batch->forgotten;
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

/* Returns how many were decided. */
static size_t decide(struct batch *batch, struct edit **edits, size_t count)
{
    size_t at = 0;
    for (; at < count && !batch_is_full(batch); at++)
        batch_decide(batch, edits[at]);
    batch_forget(batch);
    return at;
}

/* Nothing is acknowledged that went into a file that nobody finds again. */
static bool is_there(struct sqlite *sqlite)
{
    if (rows_file(&sqlite->rows, sqlite->file) == ROWS_FILE_SAME)
        return true;
    return rows_fail(&sqlite->rows, SQLITE_CANTOPEN, SQLITE_GONE);
}

static size_t decide_and_write(struct sqlite *sqlite, struct edit **edits, size_t count)
{
    struct rows_state state;
    struct batch batch;
    if (!level(sqlite) || !rows_read_state(&sqlite->rows, &state))
        return 0;
    batch_open(&batch, &sqlite->store, sqlite->decisions, BATCH_MOST,
               newest_given(sqlite, &state));
    count = decide(&batch, edits, count);
    bool good =
        batch.count == 0 || (write_batch(sqlite, &batch, &state) && is_there(sqlite));
    if (good && batch.count > 0) {
        sqlite->started = true;
        sqlite->seen = state;
        show(sqlite, &batch);
    }
    batch_close(&batch);
    return good ? count : 0;
}

/* It may lose its file while we wait for the lock. */
static bool lock_doorbell(struct sqlite *sqlite, const struct patience *patience)
{
    for (int tries = 0;; tries++) {
        if (!sqlite_mend_doorbell(sqlite) || !doorbell_lock(&sqlite->doorbell, patience))
            return false;
        if (doorbell_is_sound(&sqlite->doorbell))
            return true;
        doorbell_unlock(&sqlite->doorbell);
        if (!patience_pause(patience, tries)) {
            errno = ETIMEDOUT;
            return false;
        }
    }
}

/* The lock of the doorbell, and the file as it should be. */
static bool begin(struct sqlite *sqlite, struct instant until)
{
    struct patience patience = {.until = until, .stop = &sqlite->patience_ends};
    if (!lock_doorbell(sqlite, &patience))
        return rows_fail(&sqlite->rows, SQLITE_BUSY,
                         errno == ETIMEDOUT ? SQLITE_HELD : strerror(errno));
    sqlite->rows.patience = patience;
    if (sqlite_check_file(sqlite))
        return true;
    doorbell_unlock(&sqlite->doorbell);
    return false;
}

/* Returns how many of the edits were done with, the first ones; 0: nothing was changed
 * (rows.failure). */
static size_t commit_together(struct sqlite *sqlite, struct edit **edits, size_t count)
{
    size_t done = 0;
    if (!begin(sqlite, edits[0]->until))
        return 0;
    if (rows_begin_write(&sqlite->rows))
        done = decide_and_write(sqlite, edits, count);
    rows_rollback(&sqlite->rows);
    doorbell_unlock(&sqlite->doorbell);
    return done;
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

/* Whether no edit would fare better alone: then a batch fails at once, so that nobody
 * waits for one after the other. */
static bool fails_all(const struct rows_failure *failure)
{
    switch (failure->code) {
    case SQLITE_IOERR:
        return failure->result != EDIT_NO_ROOM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return true;
    default:
        return false;
    }
}

static void refuse(struct sqlite *sqlite, struct edit **edits, size_t count)
{
    note_trouble(sqlite, sqlite->rows.failure.result);
    for (size_t i = 0; i < count; i++)
        edits[i]->result = sqlite->rows.failure.result;
}

/* What can't be done for all of them may still go for one: a batch is no larger than what
 * fails. */
static void commit_all(struct sqlite *sqlite, size_t count)
{
    struct edit **edits = sqlite->edits;
    bool alone = false;
    for (size_t at = 0; at < count;) {
        size_t most = alone ? 1 : count - at;
        size_t done = commit_together(sqlite, edits + at, most);
        sqlite_note_beginning(sqlite);
        if (done > 0) {
            note_trouble(sqlite, EDIT_CHANGED);
        } else if (most > 1 && !fails_all(&sqlite->rows.failure)) {
            alone = true;
        } else {
            done = fails_all(&sqlite->rows.failure) ? count - at : 1;
            refuse(sqlite, edits + at, done);
        }
        for (; done > 0; done--, at++)
            edits[at]->done(edits[at]);
    }
}

/* Somebody did something to the files. */
static void look_after(struct sqlite *sqlite)
{
    bool good = begin(sqlite, instant_after(clock_now(), STORE_PATIENCE));
    if (good) {
        good = level(sqlite);
        doorbell_unlock(&sqlite->doorbell);
    }
    sqlite_note_beginning(sqlite);
    note_trouble(sqlite, good ? EDIT_CHANGED : sqlite->rows.failure.result);
}

void *sqlite_writer(void *context)
{
    struct sqlite *sqlite = context;
    size_t count;
    while (queue_take(&sqlite->queue, INSTANT_NEVER, sqlite->edits, BATCH_MOST, &count)) {
        if (count > 0)
            commit_all(sqlite, count);
        else
            look_after(sqlite);
        sqlite_report(sqlite);
    }
    return NULL;
}
