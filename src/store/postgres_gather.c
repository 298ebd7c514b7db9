/* SPDX-License-Identifier: ISC */
/* A set of paths with an end to its size. What comes from the log has to be taken for a
 * stranger's: what is no path of ours is passed over. */
#include "postgres_gather.h"

#include <stdlib.h>

#include "backend.h"
#include "fcgiwait/path.h"

/* Memory that runs out must not end the process (uthash's default). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct gathered {
    UT_hash_handle hh;
    size_t len;
    char path[];
};

static struct text path_of(const struct gathered *gathered)
{
    return (struct text){gathered->path, gathered->len};
}

static void drop(struct gathered **set)
{
    struct gathered *one, *next;
    HASH_ITER(hh, *set, one, next)
    {
        HASH_DELETE(hh, *set, one);
        free(one);
    }
}

void postgres_gather_everything(struct postgres_gather *gather)
{
    drop(&gather->touched);
    drop(&gather->below);
    gather->count = gather->count_below = 0;
    gather->everything = true;
}

/* False: out of memory. */
static bool add(struct gathered **set, struct text path, size_t *count)
{
    struct gathered *one;
    HASH_FIND(hh, *set, path.at, path.len, one);
    if (one != NULL)
        return true;
    one = malloc(sizeof *one + path.len);
    if (one == NULL)
        return false;
    one->len = path.len;
    text_put(one->path, path);
    HASH_ADD(hh, *set, path, path.len, one);
    if (one->hh.tbl == NULL) { /* how uthash says that it had no memory */
        free(one);
        return false;
    }
    ++*count;
    return true;
}

static bool has(struct gathered *set, struct text path)
{
    struct gathered *one;
    HASH_FIND(hh, set, path.at, path.len, one);
    return one != NULL;
}

/* False: there is no room for another path. */
static bool touch(void *context, struct text path, bool below)
{
    struct postgres_gather *gather = context;
    if (gather->everything || path_check(path, PATH_LENGTH_MAX) != NULL)
        return true;
    if (!below && gather->count == POSTGRES_PATHS_MOST && !has(gather->touched, path)) {
        gather->full = true;
        return false;
    }
    bool added = below ? gather->count_below < POSTGRES_WHOLE_MOST &&
                             add(&gather->below, path, &gather->count_below)
                       : add(&gather->touched, path, &gather->count);
    if (!added || (below && text_is(path, TEXT("/"))))
        postgres_gather_everything(gather);
    return true;
}

void postgres_gather_path(struct postgres_gather *gather, struct text path, bool below)
{
    if (!touch(gather, path, below))
        postgres_gather_everything(gather);
}

static bool is_whole(const struct postgres_gather *gather, uint32_t relation)
{
    for (size_t i = 0; i < gather->whole_count; i++)
        if (gather->whole[i] == relation)
            return true;
    return false;
}

/* From now on its rows are not looked at. A truncate names several, and none of them. */
static bool make_whole(struct postgres_gather *gather, struct postgres_tables *tables,
                       const struct postgres_message *message)
{
    const struct postgres_toucher toucher = {gather, touch};
    if (gather->whole_count == POSTGRES_WHOLE_MOST ||
        !postgres_tables_touch_all(tables, message, &toucher))
        return false;
    if (message->kind != POSTGRES_TRUNCATE)
        gather->whole[gather->whole_count++] = message->relation;
    return true;
}

void postgres_gather_row(struct postgres_gather *gather, struct postgres_tables *tables,
                         const struct postgres_message *message)
{
    const struct postgres_toucher toucher = {gather, touch};
    if (gather->everything ||
        (message->kind != POSTGRES_TRUNCATE && is_whole(gather, message->relation)))
        return;
    gather->full = false;
    if (!postgres_tables_touch(tables, message, &toucher) &&
        !(gather->full && make_whole(gather, tables, message)))
        postgres_gather_everything(gather);
}

size_t postgres_gather_changes(struct postgres_gather *gather, uint64_t index, nanos at,
                               size_t marks)
{
    size_t count = 0;
    struct gathered *one, *next;
    if (marks + gather->count_below > STORE_MARKS_MOST)
        postgres_gather_everything(gather);
    HASH_ITER(hh, gather->touched, one, next)
    {
        gather->changes[count++] =
            (struct change){CHANGE_TOUCH, index, at, path_of(one), NULL};
    }
    HASH_ITER(hh, gather->below, one, next)
    {
        gather->changes[count++] =
            (struct change){CHANGE_EVERYTHING, index, at, path_of(one), NULL};
    }
    if (gather->everything)
        gather->changes[count++] =
            (struct change){CHANGE_EVERYTHING, index, at, TEXT("/"), NULL};
    return count;
}

void postgres_gather_empty(struct postgres_gather *gather)
{
    postgres_gather_everything(gather);
    gather->everything = false;
    gather->whole_count = 0;
}
