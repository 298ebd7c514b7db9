/* SPDX-License-Identifier: ISC */
/* pages: a handful, looked through one by one; what nobody has asked for the longest goes
 * first. */
#include "pages.h"

#include <stdlib.h>

void pages_open(struct pages *pages)
{
    *pages = (struct pages){.count = 0};
    lock_init(&pages->lock, LOCK_PAGES);
}

static void dispose(struct kept_page *kept, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        chunk_unref(&kept[i].page.chunk);
        free(kept[i].feed);
    }
}

void pages_dispose(struct pages *pages)
{
    dispose(pages->at, pages->count);
    lock_destroy(&pages->lock);
}

/* NULL: there is none. */
static struct kept_page *find(struct pages *pages, const struct feed *feed)
{
    for (size_t i = 0; i < pages->count; i++)
        if (feed_same(pages->at[i].feed, feed))
            return &pages->at[i];
    return NULL;
}

bool pages_find(struct pages *pages, const struct feed *feed, struct feed_page *page)
{
    lock_take(&pages->lock);
    struct kept_page *kept = find(pages, feed);
    pages->lookups++;
    if (kept != NULL) {
        kept->used = pages->lookups;
        *page = kept->page;
        chunk_ref(page->chunk);
    }
    lock_drop(&pages->lock);
    return kept != NULL;
}

/* What it takes: most of it is the chunk, or else many names. */
static size_t bytes_of(const struct feed *feed, const struct feed_page *page)
{
    size_t bytes = chunk_text(page->chunk).len;
    for (size_t i = 0; i < feed->count; i++)
        bytes += sizeof feed->targets[i] + feed->targets[i].path.len;
    return bytes;
}

static struct kept_page take_oldest(struct pages *pages)
{
    struct kept_page *oldest = pages->at;
    for (size_t i = 1; i < pages->count; i++)
        if (pages->at[i].used < oldest->used)
            oldest = &pages->at[i];
    struct kept_page taken = *oldest;
    pages->bytes -= taken.bytes;
    *oldest = pages->at[--pages->count];
    return taken;
}

void pages_keep(struct pages *pages, struct feed **feed, const struct feed_page *page)
{
    struct kept_page taken[PAGES_MOST];
    size_t count = 0, bytes = page->chunk != NULL ? bytes_of(*feed, page) : 0;
    if (page->chunk == NULL || bytes > PAGES_BYTES)
        return;
    lock_take(&pages->lock);
    while (pages->count == PAGES_MOST || pages->bytes + bytes > PAGES_BYTES)
        taken[count++] = take_oldest(pages);
    pages->at[pages->count++] = (struct kept_page){*feed, *page, bytes, pages->lookups};
    pages->bytes += bytes;
    chunk_ref(page->chunk);
    *feed = NULL;
    lock_drop(&pages->lock);
    dispose(taken, count);
}
