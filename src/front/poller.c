/* SPDX-License-Identifier: ISC */
/*
 * The loop of one thread of the front. Only it closes its connections, so that an event
 * that was reported together with the one that closes is never about freed memory.
 */
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <utlist.h>

#include "connection.h"
#include "fcgiwait/log.h"
#include "fcgiwait/thread.h"

#define EVENTS 128

/* How long half a request may say nothing: as long as nginx waits for its client by
 * default. */
#define CUT_OFF_AFTER (60 * NANOS_PER_SECOND)

void poller_watch(struct poller *poller, struct connection *connection, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = connection};
    if (epoll_ctl(poller->epoll, EPOLL_CTL_MOD, connection->fd, &event) != 0)
        log_error("epoll_ctl: %s", strerror(errno));
}

static void ring(struct poller *poller)
{
    uint64_t one = 1;
    while (write(poller->bell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void poller_add(struct poller *poller, struct connection *connection)
{
    lock_take(&poller->lock);
    bool first = poller->arrivals == NULL;
    DL_APPEND(poller->arrivals, connection);
    lock_drop(&poller->lock);
    if (first)
        ring(poller);
}

void poller_remove(struct poller *poller, struct connection *connection)
{
    epoll_ctl(poller->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    DL_DELETE(poller->connections, connection);
}

static void begin_watching(struct poller *poller, struct connection *connection)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = connection};
    if (epoll_ctl(poller->epoll, EPOLL_CTL_ADD, connection->fd, &event) != 0)
        connection_close(connection, strerror(errno));
}

static struct connection *take_arrivals(struct poller *poller)
{
    lock_take(&poller->lock);
    struct connection *arrivals = poller->arrivals;
    poller->arrivals = NULL;
    lock_drop(&poller->lock);
    return arrivals;
}

static void let_in(struct poller *poller)
{
    struct connection *at = take_arrivals(poller);
    DL_CONCAT(poller->connections, at);
    while (at != NULL) {
        struct connection *next = at->next;
        begin_watching(poller, at);
        at = next;
    }
}

static void each_connection(struct poller *poller, void (*visit)(struct connection *))
{
    struct connection *connection, *next;
    DL_FOREACH_SAFE(poller->connections, connection, next)
    {
        visit(connection);
    }
}

static void on_bell(struct poller *poller)
{
    uint64_t rings;
    if (read(poller->bell, &rings, sizeof rings) < 0 && errno != EAGAIN)
        log_error("eventfd: %s", strerror(errno));
    let_in(poller);
    if (atomic_load(&poller->closing_idle))
        each_connection(poller, connection_close_idle);
    else if (atomic_load(&poller->stopping))
        each_connection(poller, connection_dismiss);
    if (atomic_load(&poller->giving_up))
        each_connection(poller, connection_give_up);
}

static struct instant cut_off_at(const struct poller *poller)
{
    if (poller->cut_off == NULL)
        return INSTANT_NEVER;
    return instant_after(poller->cut_off->heard, CUT_OFF_AFTER);
}

static void close_cut_off(struct poller *poller)
{
    while (cut_off_at(poller).at <= clock_now().at)
        connection_cut_off(poller->cut_off);
}

static bool has_arrivals(struct poller *poller)
{
    lock_take(&poller->lock);
    bool has = poller->arrivals != NULL;
    lock_drop(&poller->lock);
    return has;
}

static bool done(struct poller *poller)
{
    return atomic_load(&poller->stopping) &&
           ((poller->connections == NULL && !has_arrivals(poller)) ||
            atomic_load(&poller->giving_up));
}

static void *poller_run(void *context)
{
    struct poller *poller = context;
    struct epoll_event events[EVENTS];
    thread_wait_its_turn();
    while (!done(poller)) {
        struct instant until = cut_off_at(poller);
        int timeout =
            until.at == INSTANT_NEVER.at ? -1 : instant_left_ms(until, clock_now());
        int count = epoll_wait(poller->epoll, events, EVENTS, timeout);
        bool rung = false;
        for (int i = 0; i < count; i++)
            if (events[i].data.ptr == poller)
                rung = true;
            else
                connection_event(events[i].data.ptr, events[i].events);
        if (rung) /* after the others: it may close any connection */
            on_bell(poller);
        if (poller->cut_off != NULL)
            close_cut_off(poller);
    }
    fcgi_reader_free(&poller->spare);
    return NULL;
}

bool poller_start(struct poller *poller, struct service *service,
                  struct counters *counters)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = poller};
    poller->service = service;
    poller->counters = counters;
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    poller->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    lock_init(&poller->lock, LOCK_POLLER);
    int reason = 0;
    if (poller->epoll < 0 || poller->bell < 0 ||
        epoll_ctl(poller->epoll, EPOLL_CTL_ADD, poller->bell, &event) != 0)
        reason = errno;
    else
        reason = pthread_create(&poller->thread, NULL, poller_run, poller);
    if (reason == 0)
        return true;
    if (poller->epoll >= 0)
        close(poller->epoll);
    if (poller->bell >= 0)
        close(poller->bell);
    lock_destroy(&poller->lock);
    errno = reason;
    return false;
}

void poller_stop(struct poller *poller)
{
    atomic_store(&poller->stopping, true);
    ring(poller);
}

void poller_close_idle(struct poller *poller)
{
    atomic_store(&poller->closing_idle, true);
    ring(poller);
}

void poller_give_up(struct poller *poller)
{
    atomic_store(&poller->giving_up, true);
    ring(poller);
}

void poller_join(struct poller *poller)
{
    pthread_join(poller->thread, NULL);
}

void poller_dispose(struct poller *poller)
{
    struct connection *connection, *next, *arrivals = take_arrivals(poller);
    DL_CONCAT(poller->connections, arrivals);
    DL_FOREACH_SAFE(poller->connections, connection, next)
    {
        DL_DELETE(poller->connections, connection);
        connection_free(connection);
    }
    close(poller->epoll);
    close(poller->bell);
    lock_destroy(&poller->lock);
}
