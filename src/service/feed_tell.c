/* SPDX-License-Identifier: ISC */
/*
 * What a feed tells, within the bounds of one answer: a page, after which the client asks
 * again from where it ends. Others get the tree's lock between portions.
 */
#include "feed.h"

#include <stdlib.h>

#include "bookmark.h"
#include "fcgiwait/path.h"
#include "fcgiwait/telling.h"

/* Room for what stands before the changes and is known last. */
#define OPENING_MOST 96

/* A brief answer: less than a portion, and what is copied in no time. */
#define BRIEF_MOST (TREE_PORTION - 1)
#define BRIEF_BYTES 65536

struct pager {
    const struct feed *feed;
    struct telling telling;
    bool reset; /* all that is there is told */
    size_t count;
    uint64_t index; /* the last that was told */
    bool more;
    enum feed_length length;
    bool too_long;
};

/* Whether a page may end before a change with this index: one goes on from there. */
static bool may_end(const struct pager *pager, uint64_t next)
{
    return pager->count > 0 && next != pager->index;
}

/* feed_visit_fn: false: the page is full, and this one is left for the next. */
static bool tell(void *context, const struct told *told)
{
    struct pager *pager = context;
    const struct feed *feed = pager->feed;
    bool ends = may_end(pager, told->index);
    size_t before = pager->telling.len;
    if (pager->count > 0)
        telling_add(&pager->telling, TEXT(","));
    telling_change(&pager->telling, told, TELLING_AS_IT_IS);
    if (ends && (pager->count >= feed->rules->limit_changes ||
                 pager->telling.len - OPENING_MOST > feed->rules->limit_answer)) {
        pager->telling.len = before;
        pager->more = true;
        return false;
    }
    pager->index = told->index;
    pager->count++;
    pager->too_long = pager->length == FEED_BRIEF &&
                      (pager->count > BRIEF_MOST || pager->telling.len > BRIEF_BYTES);
    return !pager->too_long;
}

/* --- everything below a path --- */

typedef bool news_fn(void *context, const struct tree_news *news);

/* Visits what last changed after `from` and up to `to`, until `visit` returns false.
 * False: out of memory. */
static bool each_below(const struct target *target, struct tree *tree, uint64_t from,
                       uint64_t to, news_fn *visit, void *context)
{
    struct tree_portion portion = {0};
    bool all = false, on = true;
    while (on && !all) {
        all = tree_since(tree, target->path, target->scope, &from, to, &portion);
        on = !portion.failed;
        for (size_t i = 0; on && i < portion.count; i++)
            on = visit(context, &portion.news[i]);
        tree_portion_dispose(&portion);
    }
    bool good = !portion.failed;
    tree_portion_free(&portion);
    return good;
}

struct visitor {
    const struct feed *feed;
    uint64_t undeleted; /* up to there deletions are not told */
    feed_visit_fn *visit;
    void *context;
};

/* news_fn */
static bool visit_news(void *context, const struct tree_news *news)
{
    const struct visitor *visitor = context;
    const struct feed *feed = visitor->feed;
    const struct present *present = &news->present;
    if (present->index == 0 || (present->deleted && present->index <= visitor->undeleted))
        return true;
    const struct told told = {news->path, present->index, present->deleted,
                              feed->minimal || feed->behind_origin ? NULL
                                                                   : present->document};
    return visitor->visit(visitor->context, &told);
}

/* --- names --- */

static int by_index(const void *a, const void *b)
{
    const struct tree_news *first = a, *second = b;
    return (first->present.index > second->present.index) -
           (first->present.index < second->present.index);
}

/* False: out of memory. */
static bool each_named(struct visitor *visitor, struct tree *tree, uint64_t from,
                       uint64_t to)
{
    const struct feed *feed = visitor->feed;
    struct tree_news *news = calloc(feed->count, sizeof *news);
    size_t count = 0;
    if (news == NULL)
        return false;
    for (size_t i = 0; i < feed->count; i++) {
        struct present *present = &news[count].present;
        tree_look(tree, feed->targets[i].path, feed->targets[i].scope, present);
        news[count].path = feed->targets[i].path;
        if (present->index > from && present->index <= to)
            count++;
        else
            present_dispose(present);
    }
    qsort(news, count, sizeof *news, by_index);
    for (size_t i = 0; i < count && visit_news(visitor, &news[i]); i++)
        ;
    for (size_t i = 0; i < count; i++)
        present_dispose(&news[i].present);
    free(news);
    return true;
}

bool feed_each(const struct feed *feed, struct tree *tree, uint64_t from,
               uint64_t undeleted, feed_visit_fn *visit, void *context)
{
    struct visitor visitor = {feed, undeleted, visit, context};
    return feed->named ? each_named(&visitor, tree, from, feed->newest)
                       : each_below(&feed->targets[0], tree, from, feed->newest,
                                    visit_news, &visitor);
}

/* --- from where --- */

/* A name is told whenever it may have changed, so there is nothing to lose. */
uint64_t feed_known_from(const struct feed *feed, struct tree *tree)
{
    return feed->behind_origin && !feed->named ? tree_everything(tree, feed->path) : 0;
}

/* What changed together with everything is named: a transaction has one index. */
uint64_t feed_anew_from(uint64_t known)
{
    return known > 0 ? known - 1 : 0;
}

struct finding {
    uint64_t bookmark, horizon, index;
    bool found;
};

/* news_fn */
static bool find(void *context, const struct tree_news *news)
{
    struct finding *finding = context;
    finding->index = news->present.index;
    finding->found = bookmark_of(finding->index, finding->horizon) == finding->bookmark;
    return !finding->found;
}

bool feed_find(const struct feed *feed, struct tree *tree, uint64_t horizon,
               uint64_t bookmark, uint64_t *index)
{
    struct finding finding = {.bookmark = bookmark, .horizon = horizon};
    if (!bookmark_can_be(bookmark) || horizon == 0)
        return false;
    if (!feed->named)
        each_below(&feed->targets[0], tree, 0, horizon, find, &finding);
    for (size_t i = 0; feed->named && !finding.found && i < feed->count; i++) {
        finding.index = feed->targets[i].index;
        finding.found =
            finding.index < horizon && bookmark_of(finding.index, horizon) == bookmark;
    }
    *index = finding.index;
    return finding.found;
}

bool feed_is_void(const struct feed *feed, uint64_t horizon)
{
    return feed->from != 0 && feed->from < horizon && feed->goes_on != horizon;
}

/* --- one page --- */

/* Writes what stands before the changes, right in front of them. */
static struct text open_page(struct pager *pager)
{
    char bytes[OPENING_MOST];
    struct telling opening = {.bytes = bytes, .capacity = sizeof bytes};
    telling_add(&opening, TEXT("{\"index\":"));
    telling_number(&opening, pager->index);
    if (pager->reset)
        telling_add(&opening, TEXT(",\"reset\":true"));
    if (pager->more)
        telling_add(&opening, TEXT(",\"more\":true"));
    telling_add(&opening, TEXT(",\"changes\":["));
    char *start = pager->telling.bytes + OPENING_MOST - opening.len;
    memcpy(start, bytes, opening.len);
    return (struct text){start, pager->telling.len - OPENING_MOST + opening.len};
}

static bool tell_page(const struct feed *feed, struct tree *tree, uint64_t from,
                      bool reset, enum feed_length length, struct feed_page *page)
{
    static const char blanks[OPENING_MOST];
    struct pager pager = {.feed = feed, .reset = reset, .length = length};
    struct tree_span span;
    tree_span(tree, &span); /* before: what is forgotten meanwhile makes its mark void */
    telling_add(&pager.telling, (struct text){blanks, sizeof blanks});
    bool told = feed_each(feed, tree, from, reset ? feed->newest : 0, tell, &pager);
    telling_add(&pager.telling, TEXT("]}"));
    if (!told || pager.telling.failed || pager.too_long) {
        free(pager.telling.bytes);
        page->chunk = NULL;
        return !pager.too_long;
    }
    if (!pager.more)
        pager.index = feed->newest;
    else if (pager.index < span.horizon)
        pager.index = bookmark_of(pager.index, span.horizon);
    telling_fit(&pager.telling);
    page->chunk = chunk_around(pager.telling.bytes, open_page(&pager));
    page->index = pager.index;
    return true;
}

bool feed_tell(const struct feed *feed, struct tree *tree, enum feed_length length,
               struct feed_page *page)
{
    if (length == FEED_BRIEF && feed->count > BRIEF_MOST)
        return false;
    uint64_t known = feed_known_from(feed, tree);
    if (feed->has_from && feed->from >= known) {
        struct tree_span span;
        if (!tell_page(feed, tree, feed->from, false, length, page))
            return false;
        tree_span(tree, &span); /* after: a deletion may be forgotten while we tell */
        if (!feed_is_void(feed, span.horizon))
            return true;
        chunk_unref(&page->chunk);
    }
    return tell_page(feed, tree, feed_anew_from(known), true, length, page);
}
