/* SPDX-License-Identifier: ISC */
/*
 * An event says "id: INDEX" once all that has this index was told, since its client goes
 * on from there: so the end of each event waits for the next one. An index below the
 * horizon is no place to go on from, and a bookmark is said in its stead.
 */
#include "feed_events.h"

#include "bookmark.h"
#include "ndjson.h"
#include "sse.h"

/* Small changes are joined up to about so many bytes. */
#define PIECE_MOST 16384

struct piece {
    const struct feed *feed;
    enum event_format format;
    struct telling telling;
    size_t count;
    uint64_t index; /* the last that was told */
    bool more;
};

/* --- one piece --- */

static uint64_t id_of(const struct feed *feed, uint64_t index)
{
    return index < feed->goes_on ? bookmark_of(index, feed->goes_on) : index;
}

/* Ends the last event. `whole`: nothing else has its index. */
static void end_event(struct piece *piece, bool whole)
{
    if (piece->count == 0 || piece->format != EVENT_SSE)
        return;
    if (whole)
        sse_id(&piece->telling, id_of(piece->feed, piece->index));
    sse_end(&piece->telling);
}

/* feed_visit_fn: false: the piece is full, and this one is left for the next. */
static bool add(void *context, const struct told *told)
{
    struct piece *piece = context;
    const struct service_rules *rules = piece->feed->rules;
    bool may_end = piece->count > 0 && told->index != piece->index;
    size_t before = piece->telling.len;
    if (may_end &&
        (piece->count >= rules->limit_changes || piece->telling.len >= PIECE_MOST)) {
        piece->more = true;
        return false;
    }
    end_event(piece, may_end);
    size_t start = piece->telling.len;
    if (piece->format == EVENT_SSE)
        sse_change(&piece->telling, told);
    else
        ndjson_change(&piece->telling, told);
    if (may_end && piece->telling.len - start + before > rules->limit_answer) {
        piece->telling.len = before;
        piece->more = true;
        return false;
    }
    piece->index = told->index;
    piece->count++;
    return true;
}

static void say_current(struct piece *piece, uint64_t index)
{
    if (piece->format == EVENT_SSE)
        sse_current(&piece->telling, index);
    else
        ndjson_current(&piece->telling, index);
}

/* NULL: out of memory. */
static struct chunk *build(const struct feed *feed, const struct feed_mark *mark,
                           enum event_format format, struct tree *tree, uint64_t *reached)
{
    struct piece piece = {.feed = feed, .format = format, .index = feed->from};
    if (mark->resets)
        telling_add(&piece.telling,
                    format == EVENT_SSE ? TEXT(SSE_RESET) : TEXT(NDJSON_RESET));
    if (feed->from < feed->newest &&
        !feed_each(feed, tree, feed->from, mark->undeleted, add, &piece))
        piece.telling.failed = true;
    end_event(&piece, true);
    *reached = piece.index;
    if (!piece.more && feed->newest > *reached)
        *reached = feed->newest;
    if (!piece.more && mark->catches_up)
        say_current(&piece, *reached);
    return telling_chunk(&piece.telling);
}

/* --- the next one --- */

static void begin_anew(struct feed *feed, struct feed_mark *mark, uint64_t known)
{
    *mark = (struct feed_mark){feed->newest, true, true, false};
    feed->has_from = true;
    feed->from = feed_anew_from(known);
    feed->goes_on = feed->horizon;
}

/* What of a feed or a mark makes a piece another one. */
static struct built_key key_of(const struct feed *feed, const struct feed_mark *mark,
                               uint64_t from, enum event_format format)
{
    const bool flags[] = {mark->resets, mark->catches_up, format == EVENT_NDJSON};
    struct built_key key = feed_key(feed);
    key.from = from;
    key.undeleted = mark->undeleted;
    key.flags |= built_flags(flags, sizeof flags / sizeof *flags) << FEED_FLAGS;
    return key;
}

/* False: the mark has become void meanwhile. */
static bool make(struct built *built, const struct built_key *key,
                 enum event_format format, struct feed *feed, struct feed_mark *mark,
                 struct tree *tree, struct chunk **chunk)
{
    struct tree_span after;
    uint64_t reached;
    *chunk = built_find(built, key, &reached);
    if (*chunk == NULL) {
        *chunk = build(feed, mark, format, tree, &reached);
        if (*chunk == NULL)
            return true;
        tree_span(tree, &after); /* a deletion may be forgotten while we tell */
        if (feed_is_void(feed, after.horizon)) {
            chunk_unref(chunk);
            return false;
        }
        built_add(built, key, *chunk, reached);
    }
    feed->from = reached;
    mark->resets = false;
    mark->catches_up = mark->catches_up && reached < feed->newest;
    return true;
}

/* Of the targets, as they were last looked at. */
static uint64_t newest_seen(const struct feed *feed)
{
    uint64_t newest = 0;
    for (size_t i = 0; i < feed->count; i++)
        if (feed->targets[i].index > newest)
            newest = feed->targets[i].index;
    return newest;
}

/* Nothing has changed up to `newest`: the mark is kept above the horizon. */
static enum feed_said rest(struct feed *feed, struct feed_mark *mark, uint64_t newest)
{
    mark->rests = true;
    if (feed->from < newest)
        feed->from = newest;
    return FEED_SAID_ALL;
}

enum feed_said feed_events_next(struct built *built, enum event_format format,
                                struct feed *feed, struct feed_mark *mark,
                                struct tree *tree, struct chunk **chunk)
{
    bool made = false;
    while (!made) {
        struct tree_span before;
        struct present newest;
        uint64_t seen = newest_seen(feed);
        tree_span(tree, &before);
        feed_look(feed, tree, &newest);
        uint64_t known = feed_known_from(feed, tree);
        if (!feed->has_from || feed->from < known || feed_is_void(feed, feed->horizon))
            begin_anew(feed, mark, known);
        else if (!mark->catches_up && feed->from >= feed->newest)
            return rest(feed, mark, before.newest);
        /* Whoever rested has seen no change since that one: so they all share a piece. */
        const struct built_key key =
            key_of(feed, mark, mark->rests ? seen : feed->from, format);
        mark->rests = false;
        made = make(built, &key, format, feed, mark, tree, chunk);
    }
    return *chunk != NULL ? FEED_SAYS : FEED_NO_MEMORY;
}
