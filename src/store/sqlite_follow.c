/* SPDX-License-Identifier: ISC */
/*
 * Takes what the file has and the tree has not, in index order. The thread sleeps on the
 * doorbell; readers who find it ahead do the same work themselves.
 */
#include <stdlib.h>

#include "fcgiwait/log.h"
#include "fcgiwait/path.h"
#include "sqlite.h"

/* --- what changed --- */

struct taking {
    struct sqlite *sqlite;
    struct rows_state state;
    uint64_t shown; /* index of the last one */
};

static bool show(struct taking *taking, const struct change *change)
{
    const struct store_view *view = &taking->sqlite->store.options.view;
    if (!view->sink(view->context, change))
        return false;
    taking->shown = change->index;
    return true;
}

/* In its place between the others. */
static bool show_everything(struct taking *taking, uint64_t before)
{
    const struct rows_state *state = &taking->state;
    if (state->everything <= taking->shown || state->everything >= before)
        return true;
    return show(taking, &(struct change){.kind = CHANGE_EVERYTHING,
                                         .index = state->everything,
                                         .at = state->everything_changed,
                                         .path = TEXT("/")});
}

static enum change_kind kind_of(bool below, const struct present *present)
{
    if (below)
        return CHANGE_EVERYTHING;
    return present->document != NULL ? CHANGE_PUT : CHANGE_DELETE;
}

static bool show_row(void *context, struct text path, bool below,
                     const struct present *present)
{
    struct taking *taking = context;
    if (!show_everything(taking, present->index))
        return false;
    if (path_check(path, SIZE_MAX) != NULL) {
        log_warn("the store has a resource whose name is no path, at index %llu; it is "
                 "passed over",
                 (unsigned long long)present->index);
        return true;
    }
    return show(taking, &(struct change){.kind = kind_of(below, present),
                                         .index = present->index,
                                         .at = present->changed,
                                         .path = path,
                                         .document = present->document});
}

/* --- what is gone --- */

/* Paths, each behind its length. */
struct paths {
    char *bytes;
    size_t len, capacity;
};

static bool paths_add(void *context, struct text path)
{
    struct paths *paths = context;
    size_t need = sizeof path.len + path.len;
    if (need > paths->capacity - paths->len) {
        size_t capacity = 2 * paths->capacity + need;
        char *bytes = realloc(paths->bytes, capacity);
        if (bytes == NULL)
            return false;
        paths->bytes = bytes;
        paths->capacity = capacity;
    }
    memcpy(paths->bytes + paths->len, &path.len, sizeof path.len);
    memcpy(paths->bytes + paths->len + sizeof path.len, path.at, path.len);
    paths->len += need;
    return true;
}

static struct text paths_next(const struct paths *paths, size_t *at)
{
    struct text path;
    memcpy(&path.len, paths->bytes + *at, sizeof path.len);
    path.at = paths->bytes + *at + sizeof path.len;
    *at += sizeof path.len + path.len;
    return path;
}

/* What the state still has and the file does not was deleted, and forgotten, before we
 * looked. */
static bool drop_missing(struct sqlite *sqlite, const struct paths *paths,
                         uint64_t forgotten)
{
    const struct store_view *view = &sqlite->store.options.view;
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
    const struct store_view *view = &sqlite->store.options.view;
    struct paths paths = {NULL, 0, 0};
    bool good = view->each(view->context, paths_add, &paths) &&
                drop_missing(sqlite, &paths, forgotten);
    free(paths.bytes);
    return good;
}

/* What was touched behind origins and then forgotten can't be told either. */
static bool make_up(struct sqlite *sqlite, uint64_t forgotten)
{
    const struct store_view *view = &sqlite->store.options.view;
    return find_missing(sqlite, forgotten) &&
           view->sink(view->context, &(struct change){.kind = CHANGE_EVERYTHING,
                                                      .index = forgotten,
                                                      .at = clock_wall(),
                                                      .path = TEXT("/")});
}

static bool forget(struct sqlite *sqlite, uint64_t forgotten)
{
    const struct store_view *view = &sqlite->store.options.view;
    if (sqlite->lost_sight && !make_up(sqlite, forgotten))
        return false;
    sqlite->lost_sight = false;
    if (forgotten == sqlite->forgotten)
        return true;
    sqlite->forgotten = forgotten;
    return view->sink(view->context, &(struct change){.kind = CHANGE_FORGET,
                                                      .index = forgotten,
                                                      .at = clock_wall(),
                                                      .path = TEXT("/")});
}

/* --- taking over --- */

static bool take_over(struct sqlite *sqlite)
{
    struct store *store = &sqlite->store;
    struct taking taking = {.sqlite = sqlite, .shown = atomic_load(&store->index)};
    uint64_t known = taking.shown;
    if (!rows_read_state(&sqlite->reader, &taking.state))
        return false;
    if (taking.state.newest == known && taking.state.forgotten == sqlite->forgotten)
        return true;
    /* A deletion after what we know of may be forgotten before we come to see it. */
    if (taking.state.forgotten > known && known > 0)
        sqlite->lost_sight = true;
    bool good = rows_since(&sqlite->reader, known, show_row, &taking) &&
                show_everything(&taking, UINT64_MAX) &&
                forget(sqlite, taking.state.forgotten);
    /* Last: who sees it may look at the state without our lock. */
    atomic_store(&store->index, good ? taking.state.newest : taking.shown);
    return good;
}

bool sqlite_take_over(struct sqlite *sqlite)
{
    lock_must_hold(&sqlite->lock);
    if (!rows_begin(&sqlite->reader))
        return false;
    bool good = take_over(sqlite);
    rows_rollback(&sqlite->reader);
    return good;
}

static bool is_behind(struct sqlite *sqlite)
{
    return doorbell_newest(&sqlite->doorbell) > atomic_load(&sqlite->store.index);
}

void sqlite_follow(struct sqlite *sqlite)
{
    if (!is_behind(sqlite))
        return;
    lock_take(&sqlite->lock);
    bool good = !is_behind(sqlite) || sqlite_take_over(sqlite);
    bool news = sqlite->follows_badly == good;
    sqlite->follows_badly = !good;
    lock_drop(&sqlite->lock);
    if (news && good)
        log_info("the store can be read again");
    else if (news)
        log_error("what other processes changed can't be read from the store: %s",
                  sqlite->reader.failure.message);
}

void *sqlite_follower(void *context)
{
    struct sqlite *sqlite = context;
    for (;;) {
        uint32_t rings = doorbell_rings(&sqlite->doorbell);
        if (atomic_load(&sqlite->stopping))
            break;
        sqlite_follow(sqlite);
        doorbell_sleep(&sqlite->doorbell, rings);
    }
    atomic_store(&sqlite->follower_ended, true);
    return NULL;
}
