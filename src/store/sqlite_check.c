/* SPDX-License-Identifier: ISC */
/*
 * What was changed under the process: the file or the doorbell removed, replaced, cut
 * short, restored from a backup, emptied. It is found out before each transaction, since
 * no index may be given twice, and no change acknowledged into a file that is gone.
 */
#include "fcgiwait/log.h"
#include "sqlite.h"
#include "sqlite_file.h"

/* --- the doorbell --- */

bool sqlite_mend_doorbell(struct sqlite *sqlite)
{
    if (doorbell_is_sound(&sqlite->doorbell))
        return true;
    lock_take(&sqlite->lock);
    bool good = doorbell_is_sound(&sqlite->doorbell) || doorbell_mend(&sqlite->doorbell);
    if (good)
        doorbell_raise(&sqlite->doorbell, atomic_load(&sqlite->store.index));
    lock_drop(&sqlite->lock);
    return good;
}

/* --- a new beginning --- */

static uint64_t greatest(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static bool write_beginning(struct rows *rows, struct rows_state *state)
{
    return rows_renumber(rows, &state->newest) &&
           (state->newest < INDEX_LIMIT ||
            rows_fail(rows, SQLITE_FULL, "there is no higher index")) &&
           rows_drop_marks(rows) && rows_write_state(rows, state) && rows_commit(rows);
}

bool sqlite_begin_anew(struct sqlite *sqlite, uint64_t given)
{
    struct rows *rows = &sqlite->rows;
    struct rows_state state;
    bool good = rows_begin_write(rows) && rows_read_state(rows, &state);
    if (good) {
        uint64_t first = greatest(greatest(given, state.newest), store_first_index()) + 1;
        state = (struct rows_state){.newest = first,
                                    .everything = first,
                                    .everything_changed = clock_wall(),
                                    .forgotten = first};
        good = write_beginning(rows, &state);
    }
    rows_rollback(rows);
    if (good) {
        sqlite->seen = state;
        sqlite->beginning = state.everything;
        doorbell_set(&sqlite->doorbell, state.newest);
    }
    return good;
}

/* --- the file --- */

static bool reopen(struct sqlite *sqlite)
{
    char error[512];
    struct rows *rows = &sqlite->rows;
    rows_close(rows);
    sqlite3 *db = sqlite_file_open(sqlite->file, sqlite->relaxed, error, sizeof error);
    return db != NULL ? rows_open(rows, db) : rows_fail(rows, SQLITE_CANTOPEN, error);
}

static bool find_file(struct sqlite *sqlite)
{
    switch (rows_file(&sqlite->rows, sqlite->file)) {
    case ROWS_FILE_SAME:
        return true;
    case ROWS_FILE_GONE:
        return rows_fail(&sqlite->rows, SQLITE_CANTOPEN, SQLITE_GONE);
    case ROWS_FILE_OTHER:
        break;
    }
    return reopen(sqlite);
}

/* Whether somebody who is no fcgiwait has changed which resources there are: every change
 * of ours moves the newest index. */
static bool counts_differ(struct sqlite *sqlite, const struct rows_state *state,
                          bool *differ)
{
    const struct store_view *view = &sqlite->store.view;
    size_t resources, tombstones, known_resources, known_tombstones;
    int64_t version = rows_version(&sqlite->rows);
    bool changed = version != sqlite->version && sqlite->version != 0 &&
                   state->newest == sqlite->seen.newest &&
                   state->newest == atomic_load(&sqlite->store.index);
    *differ = false;
    if (changed) {
        if (!rows_count(&sqlite->rows, &resources, &tombstones))
            return false;
        view->count(view->context, &known_resources, &known_tombstones);
        *differ = resources != known_resources || tombstones != known_tombstones;
    }
    sqlite->version = version;
    return true;
}

bool sqlite_check_file(struct sqlite *sqlite)
{
    struct rows_state state;
    bool differ;
    if (!find_file(sqlite) || !rows_read_state(&sqlite->rows, &state) ||
        !counts_differ(sqlite, &state, &differ))
        return false;
    uint64_t given =
        greatest(atomic_load(&sqlite->store.index), doorbell_given(&sqlite->doorbell));
    if (state.newest < given || differ)
        return sqlite_begin_anew(sqlite, given);
    sqlite->seen = state;
    return true;
}

void sqlite_note_beginning(struct sqlite *sqlite)
{
    if (sqlite->beginning != 0)
        log_warn("%s does not hold what it held (an older copy was put back, or it was "
                 "changed by hand): everything counts as changed, at index %llu",
                 sqlite->file, (unsigned long long)sqlite->beginning);
    sqlite->beginning = 0;
}
