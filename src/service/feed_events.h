/* SPDX-License-Identifier: ISC */
/*
 * feed_events: what a stream says of everything below a path, piece by piece: from its
 * mark (feed->from) to the newest. Private to the service.
 *
 * A piece is a few changes, or a large one, and tells each as it is when the piece is
 * made; where the client takes it slowly, the next one is made after it was taken. Where
 * the mark is void, or nobody knows what came before it, a piece says so ("reset"), and
 * all that there is follows. Once all of it was told, a piece says that, too
 * ("current"). Belongs to its request, as the feed does.
 */
#ifndef FCGIWAIT_SERVICE_FEED_EVENTS_H
#define FCGIWAIT_SERVICE_FEED_EVENTS_H

#include "events.h"
#include "feed.h"

/* What a stream knows beside its feed's mark. All zero but `catches_up` at first. */
struct feed_mark {
    uint64_t undeleted; /* what began anew then tells no deletions up to there */
    bool resets;        /* the client is to be told to drop its copy */
    bool catches_up;    /* "current" is to follow */
    bool rests;         /* all was said when the feed's targets were last looked at */
};

enum feed_said {
    FEED_SAID_ALL, /* there is nothing to say; the feed's targets are as they were seen */
    FEED_SAYS,     /* *chunk is to be sent, a reference of the caller's */
    FEED_NO_MEMORY
};

/* The next piece. The mark is moved behind it. */
enum feed_said feed_events_next(struct built *built, enum event_format format,
                                struct feed *feed, struct feed_mark *mark,
                                struct tree *tree, struct chunk **chunk);

#endif
