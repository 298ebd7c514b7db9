/* SPDX-License-Identifier: ISC */
/*
 * Opens the front's threads, shares accepted connections out among them, and stops them
 * from the outside in: accept, dismiss, drain, close.
 */
#include "fcgiwait/front.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "fcgiwait/log.h"
#include "listener.h"
#include "send.h"
#include "front_thread.h"

#define ACCEPT_PAUSE (100 * NANOS_PER_MS)
#define DISMISSAL NANOS_PER_SECOND /* what a web server has to close what it keeps */
#define LOG_EVERY (60 * NANOS_PER_SECOND)

struct front {
    struct front_options options;
    struct listener listener;
    unsigned turn;            /* which thread gets the next connection */
    struct instant log_after; /* when a lack may be logged again */
    struct front_thread *threads;
};

static void stop_threads(struct front *front, unsigned count, enum stopping stopping)
{
    for (unsigned i = 0; i < count; i++)
        front_thread_stop(&front->threads[i], stopping);
}

static void join_threads(struct front *front, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        front_thread_join(&front->threads[i]);
}

static void dispose_threads(struct front *front, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        front_thread_dispose(&front->threads[i]);
    free(front->threads);
}

static bool start_threads(struct front *front)
{
    unsigned count = front->options.threads;
    front->threads = calloc(count, sizeof *front->threads);
    if (front->threads == NULL)
        return false;
    for (unsigned i = 0; i < count; i++) {
        front->threads[i].context.service = front->options.service;
        front->threads[i].context.counters = front->options.counters;
        if (!front_thread_start(&front->threads[i])) {
            int reason = errno;
            stop_threads(front, i, STOPPING_DISMISS);
            join_threads(front, i);
            dispose_threads(front, i);
            errno = reason;
            return false;
        }
    }
    return true;
}

struct front *front_open(const struct front_options *options)
{
    struct front *front = calloc(1, sizeof *front);
    if (front == NULL)
        return NULL;
    front->options = *options;
    if (listener_open(&front->listener, options->listening, options->addresses) &&
        start_threads(front))
        return front;
    free(front);
    return NULL;
}

bool front_has_backlog(void)
{
    return send_has_backlog();
}

static bool take_in(struct front *front, int fd)
{
    struct front_thread *thread = &front->threads[front->turn++ % front->options.threads];
    struct connection *connection = connection_new(fd, &thread->context);
    if (connection == NULL)
        return false;
    counter_add(&front->options.counters->connections, 1);
    counter_add(&front->options.counters->connections_accepted, 1);
    if (log_wants(LOG_LEVEL_DEBUG))
        log_debug("connection %d accepted", fd);
    front_thread_add(thread, connection);
    return true;
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
    stop_threads(front, front->options.threads, STOPPING_DISMISS);
}

/* A shutdown may look every few milliseconds: nothing else is left to do. */
static bool drained_by(struct front *front, struct instant until)
{
    while (counter_read(&front->options.counters->connections) > 0) {
        if (clock_now().at >= until.at)
            return false;
        nanosleep(&(struct timespec){0, 5 * NANOS_PER_MS}, NULL);
    }
    return true;
}

void front_drain(struct front *front, nanos patience)
{
    struct instant now = clock_now();
    if (!drained_by(front,
                    instant_after(now, patience < DISMISSAL ? patience : DISMISSAL)))
        stop_threads(front, front->options.threads, STOPPING_CLOSE_IDLE);
    if (!drained_by(front, instant_after(now, patience))) {
        log_warn("stopping with answers that the web server did not take");
        stop_threads(front, front->options.threads, STOPPING_GIVE_UP);
    }
    join_threads(front, front->options.threads);
}

void front_close(struct front **pointer)
{
    struct front *front = *pointer;
    *pointer = NULL;
    if (front == NULL)
        return;
    dispose_threads(front, front->options.threads);
    free(front);
}
