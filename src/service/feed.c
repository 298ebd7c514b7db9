/* SPDX-License-Identifier: ISC */
/*
 * What a request follows below a path, worked out once: its targets, and what its client
 * has of them. All of it is one block of memory, with the paths of all targets behind
 * the struct, so that free() ends it.
 */
#include "feed.h"

#include <stdlib.h>

#include "bookmark.h"
#include "fcgiwait/etag.h"
#include "fcgiwait/path.h"

/* Names that are the same are told once. */
static int by_bytes(const void *a, const void *b)
{
    const struct text *first = a, *second = b;
    size_t len = first->len < second->len ? first->len : second->len;
    int order = memcmp(first->at, second->at, len);
    return order != 0 ? order : (first->len > second->len) - (first->len < second->len);
}

static size_t sort_names(const struct names *names)
{
    size_t count = 0;
    qsort(names->at, names->count, sizeof *names->at, by_bytes);
    for (size_t i = 0; i < names->count; i++)
        if (count == 0 || !text_is(names->at[i], names->at[count - 1]))
            names->at[count++] = names->at[i];
    return count;
}

/* `at` has room for all of them. Returns where they end. */
static char *add_named(struct feed *feed, const struct names *names, char *at)
{
    /* Behind an origin a list is made of its members. */
    enum scope scope = feed->behind_origin ? SCOPE_BELOW : SCOPE_SELF;
    for (size_t i = 0; i < feed->count; i++) {
        char *start = at;
        at = text_put(at, feed->path);
        if (feed->path.len > 1)
            *at++ = '/';
        at = text_put(at, names->at[i]);
        feed->targets[i] =
            (struct target){{start, (size_t)(at - start)}, scope, .index = 0};
        *at++ = '\0';
    }
    return at;
}

static enum scope scope_of(const struct feed *feed)
{
    if (feed->behind_origin)
        return feed->below_alone ? SCOPE_BENEATH : SCOPE_BELOW;
    return feed->below_alone ? SCOPE_INSIDE : SCOPE_WITHIN;
}

struct feed *feed_new(const struct operation *operation, const struct names *names)
{
    struct text path = path_without_slash(operation->path);
    size_t count = names != NULL ? sort_names(names) : 1, bytes = path.len + 1;
    for (size_t i = 0; names != NULL && i < count; i++)
        bytes += path.len + 1 + names->at[i].len + 1;
    struct feed *feed = malloc(sizeof *feed + count * sizeof *feed->targets + bytes);
    if (feed == NULL)
        return NULL;
    char *at = (char *)&feed->targets[count];
    *feed = (struct feed){
        .rules = operation->rules,
        .path = {at, path.len},
        .below_alone =
            path.len<operation->path.len, .behind_origin = operation->origin.len> 0,
        .minimal = operation->minimal,
        .named = names != NULL,
        .count = count};
    at = text_put(at, path);
    *at++ = '\0';
    if (names != NULL)
        at = add_named(feed, names, at);
    else
        feed->targets[0] = (struct target){feed->path, scope_of(feed), .index = 0};
    feed->what = (struct text){feed->path.at, (size_t)(at - feed->path.at)};
    return feed;
}

void feed_look(struct feed *feed, struct tree *tree, struct present *present)
{
    struct tree_span span;
    *present = (struct present){.index = 0};
    for (size_t i = 0; i < feed->count; i++) {
        struct present one;
        tree_look(tree, feed->targets[i].path, feed->targets[i].scope, &one);
        feed->targets[i].index = one.index;
        if (one.index > present->index) {
            present->index = one.index;
            present->changed = one.changed;
        }
        present_dispose(&one);
    }
    /* Of a name that was forgotten nobody can say when it changed. Where none was ever
     * there, there is nothing to miss. */
    tree_span(tree, &span);
    feed->knows = feed->knows || present->index != 0;
    if (feed->knows && present->index < span.horizon)
        present->index = span.horizon;
    feed->newest = present->index;
    feed->horizon = span.horizon;
}

/* What the client says that it has: its index, or where it waits by entity tags, the
 * newest of them that is good, or a page's end (bookmark.h). */
static uint64_t index_said(const struct operation *operation,
                           const struct tree_span *span)
{
    struct text tags = operation->conditions.if_none_match;
    if (operation->has_index)
        return operation->index;
    if (!operation->has_wait || tags.at == NULL)
        return INDEX_NONE;
    uint64_t index = etag_newest(tags, span->horizon, span->newest);
    if (index == 0)
        index = etag_newest(tags, BOOKMARK_LEAST, INDEX_LIMIT - 1);
    return index != 0 ? index : INDEX_NONE;
}

void feed_set_from(struct feed *feed, struct tree *tree,
                   const struct operation *operation, const struct tree_span *span,
                   const struct present *present, bool same)
{
    uint64_t index = index_said(operation, span), stopped;
    bool is_good =
        index == present->index || (index >= span->horizon && index <= span->newest);
    feed->knows = present->index != 0;
    feed->newest = present->index;
    feed->has_from = is_good || same;
    feed->from = is_good ? index : present->index;
    feed->goes_on = 0;
    if (!feed->has_from && feed_find(feed, tree, span->horizon, index, &stopped)) {
        feed->goes_on = span->horizon;
        feed->has_from = true;
        feed->from = stopped;
    }
}

struct built_key feed_key(const struct feed *feed)
{
    const bool flags[FEED_FLAGS] = {
        true,          feed->has_from,    feed->named,
        feed->minimal, feed->below_alone, feed->behind_origin};
    return (struct built_key){.what = feed->what,
                              .index = feed->newest,
                              .from = feed->from,
                              .goes_on = feed->goes_on,
                              .flags = built_flags(flags, FEED_FLAGS)};
}
