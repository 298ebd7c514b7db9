/* SPDX-License-Identifier: ISC */
/*
 * Opens the front's threads, shares accepted connections out among them, and stops them
 * from the outside in: accept, dismiss, drain, close.
 */
#include "fcgiwait/front.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fcgiwait/log.h"
#include "listener.h"
#include "loop.h"
#include "reading.h"

#define ACCEPT_PAUSE (100 * NANOS_PER_MS)
#define DISMISSAL NANOS_PER_SECOND /* what a web server has to close what it keeps */
#define LOG_EVERY (60 * NANOS_PER_SECOND)

struct front {
    struct front_options options;
    struct listener listener;
    struct census census;
    unsigned turn;            /* which lane gets the next connection */
    struct instant log_after; /* when a lack may be logged again */
    struct lane *lanes;
};

static void each_lane(struct front *front, void (*act)(struct lane *))
{
    for (unsigned i = 0; i < front->options.threads; i++)
        act(&front->lanes[i]);
}

/* Nobody has been let in. */
static void close_lanes(struct front *front, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        loop_stop(&front->lanes[i]);
        loop_join(&front->lanes[i]);
        lane_close(&front->lanes[i]);
    }
}

static bool open_lane(struct front *front, struct lane *lane)
{
    if (!lane_open(lane, front->options.service, front->options.counters, &front->census,
                   reading_event))
        return false;
    if (loop_start(lane))
        return true;
    int reason = errno;
    lane_close(lane);
    errno = reason;
    return false;
}

static bool open_lanes(struct front *front)
{
    unsigned threads = front->options.threads;
    front->lanes = calloc(threads, sizeof *front->lanes);
    if (front->lanes == NULL)
        return false;
    for (unsigned i = 0; i < threads; i++)
        if (!open_lane(front, &front->lanes[i])) {
            int reason = errno;
            close_lanes(front, i);
            free(front->lanes);
            errno = reason;
            return false;
        }
    return true;
}

struct front *front_open(const struct front_options *options)
{
    struct front *front = calloc(1, sizeof *front);
    if (front == NULL)
        return NULL;
    front->options = *options;
    errno = census_open(&front->census);
    if (errno != 0)
        goto no_census;
    if (listener_open(&front->listener, options->listening, options->queue,
                      options->addresses) &&
        open_lanes(front))
        return front;
    census_close(&front->census);
no_census:
    free(front);
    return NULL;
}

static bool take_in(struct front *front, int fd)
{
    struct lane *lane = &front->lanes[front->turn++ % front->options.threads];
    if (log_wants(LOG_LEVEL_DEBUG))
        log_debug("connection %d accepted", fd);
    /* before the lane has it: its first answer may tell the number */
    counter_add(&front->options.counters->connections_accepted, 1);
    return loop_bring(lane, fd);
}

static struct instant pause_accepting(struct front *front, const char *what)
{
    struct instant now = clock_now();
    counter_add(&front->options.counters->accept_pauses, 1);
    if (now.at >= front->log_after.at) {
        log_error("no new connections for the moment: %s", what);
        front->log_after = instant_after(now, LOG_EVERY);
    }
    return instant_after(now, ACCEPT_PAUSE);
}

struct instant front_accept(struct front *front)
{
    int fd;
    for (;;)
        switch (listener_accept(&front->listener, &fd)) {
        case ACCEPTED_NONE:
            return INSTANT_NEVER;
        case ACCEPTED_LACK:
            return pause_accepting(front, strerror(errno));
        case ACCEPTED:
            if (take_in(front, fd))
                break;
            close(fd);
            return pause_accepting(front, "out of memory");
        }
}

void front_stop(struct front *front)
{
    each_lane(front, loop_stop);
}

void front_drain(struct front *front, nanos patience)
{
    struct instant now = clock_now();
    nanos first = patience < DISMISSAL ? patience : DISMISSAL;
    if (!census_wait(&front->census, instant_after(now, first)))
        each_lane(front, loop_close_idle);
    if (!census_wait(&front->census, instant_after(now, patience))) {
        log_warn("stopping with answers that the web server did not take");
        each_lane(front, loop_give_up);
    }
    each_lane(front, loop_join);
}

void front_close(struct front **pointer)
{
    struct front *front = *pointer;
    *pointer = NULL;
    if (front == NULL)
        return;
    each_lane(front, loop_dispose);
    each_lane(front, lane_close);
    census_close(&front->census);
    free(front->lanes);
    free(front);
}
