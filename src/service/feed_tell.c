/* SPDX-License-Identifier: ISC */
/*
 * What a feed tells, within the bounds of one answer: a page, after which the client asks
 * again from where it ends. Others get the tree's lock between portions.
 */
#include "feed.h"

#include <stdlib.h>

#include "fcgiwait/path.h"
#include "fcgiwait/telling.h"

/* Room for what stands before the changes and is known last. */
#define OPENING_MOST 96

struct pager {
    const struct feed *feed;
    struct telling telling;
    bool reset;       /* all that is there is told */
    uint64_t horizon; /* no index below it is good to go on from */
    size_t count;
    uint64_t index; /* the last that was told */
    bool more;
};

static bool is_told(const struct pager *pager, const struct tree_news *news)
{
    const struct feed *feed = pager->feed;
    if (news->present.index == 0 || (pager->reset && news->present.deleted))
        return false;
    return !feed->below_alone || feed->named || news->path.len != feed->path.len;
}

/* Whether a page may end before a change with this index. Where all that is there is
 * told, it is not cut short of the horizon, whatever the bounds: who went on from such an
 * index would be told all again, for ever. */
static bool may_end(const struct pager *pager, uint64_t next)
{
    return pager->count > 0 && next != pager->index &&
           !(pager->reset && pager->index < pager->horizon);
}

/* False: the page is full, and this one is left for the next. */
static bool tell(struct pager *pager, const struct tree_news *news)
{
    const struct feed *feed = pager->feed;
    const struct told told = {
        news->path, news->present.index, news->present.deleted,
        feed->minimal || feed->behind_origin ? NULL : news->present.document};
    bool ends = may_end(pager, told.index);
    size_t before = pager->telling.len;
    if (pager->count > 0)
        telling_add(&pager->telling, TEXT(","));
    telling_change(&pager->telling, &told, TELLING_AS_IT_IS);
    if (ends && (pager->count >= feed->rules->limit_changes ||
                 pager->telling.len - OPENING_MOST > feed->rules->limit_answer)) {
        pager->telling.len = before;
        pager->more = true;
        return false;
    }
    pager->index = told.index;
    pager->count++;
    return true;
}

static bool tell_portion(struct pager *pager, const struct tree_portion *portion)
{
    for (size_t i = 0; i < portion->count; i++)
        if (is_told(pager, &portion->news[i]) && !tell(pager, &portion->news[i]))
            return false;
    return true;
}

/* False: out of memory. */
static bool tell_everything(struct pager *pager, struct tree *tree, uint64_t from,
                            uint64_t to)
{
    struct tree_portion portion = {.bytes = malloc(PATH_LENGTH_MAX),
                                   .capacity = PATH_LENGTH_MAX};
    if (portion.bytes == NULL)
        return false;
    for (bool all = false, room = true; room && !all;) {
        all = tree_since(tree, pager->feed->path, &from, to, &portion);
        room = tell_portion(pager, &portion);
        tree_portion_dispose(&portion);
    }
    free(portion.bytes);
    return true;
}

static int by_index(const void *a, const void *b)
{
    const struct tree_news *first = a, *second = b;
    return (first->present.index > second->present.index) -
           (first->present.index < second->present.index);
}

/* False: out of memory. */
static bool tell_named(struct pager *pager, struct tree *tree, uint64_t from, uint64_t to)
{
    const struct feed *feed = pager->feed;
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
    for (size_t i = 0; i < count && !pager->more; i++)
        if (is_told(pager, &news[i]))
            tell(pager, &news[i]);
    for (size_t i = 0; i < count; i++)
        present_dispose(&news[i].present);
    free(news);
    return true;
}

/* Whether nobody knows what changed behind the origin since then. */
static bool is_lost(const struct feed *feed, struct tree *tree)
{
    for (size_t i = 0; feed->behind_origin && i < feed->count; i++)
        if (tree_everything(tree, feed->targets[i].path) > feed->from)
            return true;
    return false;
}

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

void feed_tell(const struct feed *feed, struct tree *tree, struct feed_page *page)
{
    static const char blanks[OPENING_MOST];
    struct pager pager = {.feed = feed, .reset = !feed->has_from || is_lost(feed, tree)};
    struct tree_span span;
    uint64_t from = pager.reset ? 0 : feed->from, to = 0;
    for (size_t i = 0; i < feed->count; i++)
        if (feed->targets[i].index > to)
            to = feed->targets[i].index;
    tree_span(tree, &span);
    pager.horizon = span.horizon;
    telling_add(&pager.telling, (struct text){blanks, sizeof blanks});
    bool told = feed->named ? tell_named(&pager, tree, from, to)
                            : tell_everything(&pager, tree, from, to);
    telling_add(&pager.telling, TEXT("]}"));
    if (!told || pager.telling.failed) {
        free(pager.telling.bytes);
        page->bytes = NULL;
        return;
    }
    if (!pager.more)
        pager.index = to;
    page->bytes = pager.telling.bytes;
    page->text = open_page(&pager);
    page->index = pager.index;
}
