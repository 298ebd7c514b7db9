/* SPDX-License-Identifier: ISC */
/*
 * pages: the latest answers to those who follow what is below a path, so that many who
 * ask for the same are told by one answer that was built once: a change that wakes them
 * all, a restart after which all begin again. Private to the service.
 *
 * Owns a feed and a reference of the chunk for each page, and keeps few of them: who asks
 * for the same does so at nearly the same time. Any thread. Threads that build the same
 * at the same moment do not wait for each other.
 */
#ifndef FCGIWAIT_SERVICE_PAGES_H
#define FCGIWAIT_SERVICE_PAGES_H

#include "fcgiwait/lock.h"
#include "feed.h"

#define PAGES_MOST 16
#define PAGES_BYTES ((size_t)16 << 20) /* of them all */

struct kept_page {
    struct feed *feed;
    struct feed_page page;
    size_t bytes;
    uint64_t used; /* the last time, in lookups */
};

struct pages {
    struct lock lock; /* guards what follows; no memory is taken or given back under it */
    struct kept_page at[PAGES_MOST];
    size_t count, bytes;
    uint64_t lookups;
};

void pages_open(struct pages *pages);
void pages_dispose(struct pages *pages);

/* A reference of the page that tells what the feed would. False: there is none. */
bool pages_find(struct pages *pages, const struct feed *feed, struct feed_page *page);

/* Keeps the page that the feed has told, and takes the feed over, unless it is too large
 * or was none; then *feed stays. */
void pages_keep(struct pages *pages, struct feed **feed, const struct feed_page *page);

#endif
