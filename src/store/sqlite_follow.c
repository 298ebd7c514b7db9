/* SPDX-License-Identifier: ISC */
/*
 * Takes what the file has and the tree has not, in index order. The thread sleeps on the
 * doorbell; readers who find it ahead do the same work themselves.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/log.h"
#include "paths.h"
#include "sqlite.h"
#include "sqlite_file.h"

/* --- what changed --- */

struct following {
    struct sqlite *sqlite;
    struct rows_state state;
    uint64_t shown; /* index of the last one */
};

static bool show(struct following *following, const struct change *change)
{
    const struct store_view *view = &following->sqlite->store.view;
    if (!view->sink(view->context, change))
        return false;
    following->shown = change->index;
    return true;
}

/* In its place between the others. */
static bool show_everything(struct following *following, uint64_t before)
{
    const struct rows_state *state = &following->state;
    if (state->everything <= following->shown || state->everything >= before)
        return true;
    return show(following, &(struct change){.kind = CHANGE_EVERYTHING,
                                            .index = state->everything,
                                            .at = state->everything_changed,
                                            .path = TEXT("/")});
}

static enum change_kind kind_of(bool below, const struct present *present)
{
    if (below)
        return CHANGE_EVERYTHING;
    if (present->document != NULL)
        return CHANGE_PUT;
    return present->deleted ? CHANGE_DELETE : CHANGE_BARE;
}

static bool show_row(void *context, struct text path, bool below,
                     const struct present *present)
{
    struct following *following = context;
    if (!show_everything(following, present->index))
        return false;
    return show(following, &(struct change){.kind = kind_of(below, present),
                                            .index = present->index,
                                            .at = present->changed,
                                            .path = path,
                                            .document = present->document});
}

/* --- what is gone --- */

/* What the state still has and the file does not was deleted, and forgotten, before we
 * looked. */
static bool drop_missing(struct sqlite *sqlite, const struct paths *paths,
                         uint64_t forgotten)
{
    const struct store_view *view = &sqlite->store.view;
    struct change missing = {
        .kind = CHANGE_DELETE, .index = forgotten, .at = clock_wall()};
    for (size_t at = 0; at < paths->len;) {
        bool has;
        missing.path = paths_next(paths, &at);
        if (!rows_has(&sqlite->reader, missing.path, &has) ||
            (!has && !view->sink(view->context, &missing)))
            return false;
    }
    return true;
}

static bool find_missing(struct sqlite *sqlite, uint64_t forgotten)
{
    const struct store_view *view = &sqlite->store.view;
    struct paths paths = {NULL, 0, 0};
    bool good = view->each(view->context, paths_add, &paths) &&
                drop_missing(sqlite, &paths, forgotten);
    paths_free(&paths);
    return good;
}

/* What was touched behind origins and then forgotten can't be told either. */
static bool make_up(struct sqlite *sqlite, uint64_t forgotten)
{
    const struct store_view *view = &sqlite->store.view;
    return find_missing(sqlite, forgotten) &&
           view->sink(view->context, &(struct change){.kind = CHANGE_EVERYTHING,
                                                      .index = forgotten,
                                                      .at = clock_wall(),
                                                      .path = TEXT("/")});
}

static bool forget(struct sqlite *sqlite, uint64_t forgotten)
{
    if (sqlite->lost_sight && !make_up(sqlite, forgotten))
        return false;
    sqlite->lost_sight = false;
    if (forgotten == sqlite->forgotten)
        return true;
    sqlite->forgotten = forgotten;
    return store_forget(&sqlite->store, forgotten);
}

/* --- following over --- */

static bool follow(struct sqlite *sqlite)
{
    struct store *store = &sqlite->store;
    struct following following = {.sqlite = sqlite, .shown = atomic_load(&store->index)};
    uint64_t known = following.shown;
    if (!rows_read_state(&sqlite->reader, &following.state))
        return false;
    if (following.state.newest < known) /* an older copy, before its new beginning */
        return true;
    if (following.state.newest == known && following.state.forgotten == sqlite->forgotten)
        return true;
    /* A deletion after what we know of may be forgotten before we come to see it. */
    if (following.state.forgotten > known && known > 0)
        sqlite->lost_sight = true;
    bool good = rows_since(&sqlite->reader, known, show_row, &following) &&
                show_everything(&following, UINT64_MAX) &&
                forget(sqlite, following.state.forgotten);
    /* Last: who sees it may look at the state without our lock. */
    atomic_store(&store->index, good ? following.state.newest : following.shown);
    return good;
}

/* Another file has the name: the writer of one of us has made a new beginning in it, or
 * will. */
static bool reopen(struct sqlite *sqlite)
{
    char error[512];
    struct rows *rows = &sqlite->reader;
    rows_close(rows);
    sqlite3 *db = sqlite_file_open_reader(sqlite->file, error, sizeof error);
    return db != NULL ? rows_open(rows, db) : rows_fail(rows, SQLITE_CANTOPEN, error);
}

bool sqlite_follow_file(struct sqlite *sqlite)
{
    lock_must_hold(&sqlite->lock);
    if (rows_file(&sqlite->reader, sqlite->file) == ROWS_FILE_OTHER && !reopen(sqlite))
        return false;
    if (!rows_begin(&sqlite->reader))
        return false;
    const struct store_view *view = &sqlite->store.view;
    view->hold(view->context);
    bool good = follow(sqlite);
    view->ring(view->context);
    rows_rollback(&sqlite->reader);
    return good;
}

static bool is_behind(struct sqlite *sqlite)
{
    return doorbell_newest(&sqlite->doorbell) > atomic_load(&sqlite->store.index);
}

/* What readers, who wait for it under the lock, wait for other programs; and the pause
 * before the next one tries that. */
#define FOLLOW_PATIENCE (1 * NANOS_PER_SECOND)
#define FOLLOW_AGAIN (1 * NANOS_PER_SECOND)

/* The lock is held. */
static bool try_to_follow(struct sqlite *sqlite)
{
    struct instant now = clock_now();
    if (sqlite->follows_badly && now.at < sqlite->follow_at.at)
        return false;
    sqlite->reader.patience.until = instant_after(now, FOLLOW_PATIENCE);
    bool good = sqlite_follow_file(sqlite);
    bool busy = !good && sqlite->reader.failure.code == SQLITE_BUSY;
    sqlite->follow_at = instant_after(clock_now(), busy ? FOLLOW_AGAIN : 0);
    return good;
}

bool sqlite_follow_doorbell(struct sqlite *sqlite)
{
    if (!is_behind(sqlite))
        return true;
    lock_take(&sqlite->lock);
    bool good = !is_behind(sqlite) || try_to_follow(sqlite);
    bool news = sqlite->follows_badly == good;
    sqlite->follows_badly = !good;
    struct rows_failure failure = sqlite->reader.failure;
    lock_drop(&sqlite->lock);
    sqlite_report(sqlite);
    if (news && good)
        log_info("the store can be read again");
    else if (news)
        log_error("what other processes changed can't be read from the store: %s",
                  failure.message);
    return good;
}

void sqlite_report(struct sqlite *sqlite)
{
    lock_take(&sqlite->lock);
    struct rows_unsound unsound = sqlite->reader.unsound;
    sqlite->reader.unsound.count = 0;
    lock_drop(&sqlite->lock);
    if (unsound.count > 0)
        log_warn("%s has %zu rows that no fcgiwait can have written, the last at index "
                 "%llu; they are passed over",
                 sqlite->file, unsound.count, (unsigned long long)unsound.index);
}

static bool mend(struct sqlite *sqlite, bool was_sound)
{
    bool sound = sqlite_mend_doorbell(sqlite);
    if (was_sound && !sound)
        log_error("the doorbell beside %s can't be found or made: %s", sqlite->file,
                  strerror(errno));
    else if (sound && !was_sound)
        log_info("the doorbell beside %s is there again", sqlite->file);
    return sound;
}

/* Nobody rings a doorbell that only we have. */
void *sqlite_follower(void *context)
{
    struct sqlite *sqlite = context;
    for (bool sound = true, good;;) {
        sound = mend(sqlite, sound);
        uint32_t rings = doorbell_rings(&sqlite->doorbell);
        if (atomic_load(&sqlite->stopping))
            break;
        good = sqlite_follow_doorbell(sqlite);
        doorbell_sleep(&sqlite->doorbell, rings, good && sound ? 0 : FOLLOW_AGAIN);
    }
    atomic_store(&sqlite->follower_ended, true);
    return NULL;
}
