/* SPDX-License-Identifier: ISC */
/*
 * What was touched while the engine was away, as two lists of paths. What takes too much
 * room or memory becomes everything: nobody may sleep through a change.
 */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "fcgiwait/log.h"

#define KEPT_MOST 1000

static void count(const struct kept *kept)
{
    counter_set(&kept->engine->counters->engine_kept,
                kept->everything ? 1 : (int64_t)kept->count);
}

static void keep_everything(struct kept *kept)
{
    kept_free(kept);
    kept->everything = true;
}

static bool has(const struct paths *paths, struct text path)
{
    for (size_t at = 0; at < paths->len;)
        if (text_is(paths_next(paths, &at), path))
            return true;
    return false;
}

bool kept_add(struct kept *kept, const struct edit *edit)
{
    bool below = edit->kind == EDIT_EVERYTHING;
    struct paths *paths = below ? &kept->below : &kept->touched;
    if (!edit_is_unconditional(edit))
        return false;
    if (kept->everything || has(paths, edit->path))
        return true;
    if ((below && text_is(edit->path, TEXT("/"))) || kept->count == KEPT_MOST ||
        !paths_add(paths, edit->path))
        keep_everything(kept);
    else
        kept->count++;
    count(kept);
    return true;
}

/* The path lies behind it. */
static void delivered(struct edit *edit)
{
    free(edit);
}

static bool propose(struct queue *queue, enum edit_kind kind, struct text path)
{
    struct edit *edit = calloc(1, sizeof *edit + path.len);
    if (edit == NULL)
        return false;
    memcpy(edit + 1, path.at, path.len);
    *edit = (struct edit){
        .kind = kind, .path = {(const char *)(edit + 1), path.len}, .done = delivered};
    queue_add(queue, edit, 1);
    return true;
}

static bool propose_all(struct queue *queue, struct paths *paths, enum edit_kind kind)
{
    bool good = true;
    for (size_t at = 0; good && at < paths->len;)
        good = propose(queue, kind, paths_next(paths, &at));
    paths_free(paths);
    return good;
}

void kept_deliver(struct kept *kept, struct queue *queue)
{
    log_info(
        "what was touched while the store's engine was away is delivered: %zu paths%s",
        kept->count, kept->everything ? ", and everything" : "");
    /* What was touched is named again behind what all of it changed with. */
    bool good = propose_all(queue, &kept->below, EDIT_EVERYTHING);
    good = propose_all(queue, &kept->touched, EDIT_TOUCH) && good;
    kept->count = 0;
    if (kept->everything || !good)
        kept->everything = !propose(queue, EDIT_EVERYTHING, TEXT("/"));
    count(kept);
}

void kept_free(struct kept *kept)
{
    paths_free(&kept->touched);
    paths_free(&kept->below);
    *kept = (struct kept){.engine = kept->engine};
}
