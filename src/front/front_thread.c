/* SPDX-License-Identifier: ISC */
/*
 * The loop of one thread of the front. What may close any connection, a ring or a minute
 * that is over, comes after all events of a turn.
 */
#include "front_thread.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>

#include <utlist.h>

#include "connection.h"
#include "fcgiwait/thread.h"

/* How long half a request may say nothing: as long as nginx waits for its client by
 * default. */
#define CUT_OFF_AFTER (60 * NANOS_PER_SECOND)

void front_thread_add(struct front_thread *thread, struct connection *connection)
{
    lock_take(&thread->lock);
    bool first = thread->arrivals == NULL;
    DL_APPEND(thread->arrivals, connection);
    lock_drop(&thread->lock);
    if (first)
        poller_ring(&thread->context.poller);
}

static struct connection *take_arrivals(struct front_thread *thread)
{
    lock_take(&thread->lock);
    struct connection *arrivals = thread->arrivals;
    thread->arrivals = NULL;
    lock_drop(&thread->lock);
    return arrivals;
}

static bool has_arrivals(struct front_thread *thread)
{
    lock_take(&thread->lock);
    bool has = thread->arrivals != NULL;
    lock_drop(&thread->lock);
    return has;
}

static void on_event(struct poller_source *source, uint32_t events)
{
    connection_event((void *)((char *)source - offsetof(struct connection, socket)),
                     events);
}

static void let_in(struct front_thread *thread)
{
    struct context *context = &thread->context;
    struct connection *at = take_arrivals(thread);
    DL_CONCAT(context->connections, at);
    while (at != NULL) {
        struct connection *next = at->next;
        at->socket.event = on_event;
        if (!poller_add(&context->poller, &at->socket, EPOLLIN | EPOLLRDHUP))
            connection_close(at, strerror(errno));
        at = next;
    }
}

static void on_bell(struct front_thread *thread)
{
    struct connection *connection, *next;
    let_in(thread);
    if (atomic_load(&thread->context.stopping) == STOPPING_NOT)
        return;
    DL_FOREACH_SAFE(thread->context.connections, connection, next)
    {
        connection_stop(connection);
    }
}

static struct instant cut_off_at(const struct context *context)
{
    if (context->cut_off == NULL)
        return INSTANT_NEVER;
    return instant_after(context->cut_off->heard, CUT_OFF_AFTER);
}

static void close_cut_off(struct context *context)
{
    while (cut_off_at(context).at <= clock_now().at)
        connection_cut_off(context->cut_off);
}

static bool done(struct front_thread *thread)
{
    enum stopping stopping = atomic_load(&thread->context.stopping);
    return stopping == STOPPING_GIVE_UP ||
           (stopping != STOPPING_NOT && thread->context.connections == NULL &&
            !has_arrivals(thread));
}

static void *run(void *given)
{
    struct front_thread *thread = given;
    struct context *context = &thread->context;
    thread_wait_its_turn();
    while (!done(thread)) {
        if (poller_wait(&context->poller, cut_off_at(context)))
            on_bell(thread);
        if (context->cut_off != NULL)
            close_cut_off(context);
    }
    fcgi_reader_free(&context->spare);
    return NULL;
}

bool front_thread_start(struct front_thread *thread)
{
    if (!poller_open(&thread->context.poller))
        return false;
    lock_init(&thread->lock, LOCK_ARRIVALS);
    int reason = pthread_create(&thread->id, NULL, run, thread);
    if (reason == 0)
        return true;
    lock_destroy(&thread->lock);
    poller_close(&thread->context.poller);
    errno = reason;
    return false;
}

void front_thread_stop(struct front_thread *thread, enum stopping stopping)
{
    atomic_store(&thread->context.stopping, stopping);
    poller_ring(&thread->context.poller);
}

void front_thread_join(struct front_thread *thread)
{
    pthread_join(thread->id, NULL);
}

void front_thread_dispose(struct front_thread *thread)
{
    struct context *context = &thread->context;
    struct connection *connection, *next, *arrivals = take_arrivals(thread);
    DL_CONCAT(context->connections, arrivals);
    DL_FOREACH_SAFE(context->connections, connection, next)
    {
        DL_DELETE(context->connections, connection);
        connection_free(connection);
    }
    poller_close(&context->poller);
    lock_destroy(&thread->lock);
}
