/* SPDX-License-Identifier: ISC */
/*
 * epoll, level-triggered: what is not taken is told again. An event function may free its
 * own source alone, so that what was reported together with it is never about freed
 * memory.
 */
#include "poller.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "fcgiwait/log.h"

#define EVENTS 128

bool poller_open(struct poller *poller)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = poller};
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    poller->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller->epoll >= 0 && poller->bell >= 0 &&
        epoll_ctl(poller->epoll, EPOLL_CTL_ADD, poller->bell, &event) == 0)
        return true;
    int reason = errno;
    poller_close(poller);
    errno = reason;
    return false;
}

void poller_close(struct poller *poller)
{
    if (poller->epoll >= 0)
        close(poller->epoll);
    if (poller->bell >= 0)
        close(poller->bell);
}

static bool control(struct poller *poller, int what, struct poller_source *source,
                    uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = source};
    return epoll_ctl(poller->epoll, what, source->fd, &event) == 0;
}

bool poller_add(struct poller *poller, struct poller_source *source, uint32_t events)
{
    return control(poller, EPOLL_CTL_ADD, source, events);
}

bool poller_watch(struct poller *poller, struct poller_source *source, uint32_t events)
{
    return control(poller, EPOLL_CTL_MOD, source, events);
}

void poller_remove(struct poller *poller, const struct poller_source *source)
{
    epoll_ctl(poller->epoll, EPOLL_CTL_DEL, source->fd, NULL);
}

static void hear_bell(struct poller *poller)
{
    uint64_t rings;
    if (read(poller->bell, &rings, sizeof rings) < 0 && errno != EAGAIN)
        log_error("eventfd: %s", strerror(errno));
}

bool poller_wait(struct poller *poller, struct instant until)
{
    struct epoll_event events[EVENTS];
    bool rung = false;
    int timeout = until.at == INSTANT_NEVER.at ? -1 : instant_left_ms(until, clock_now());
    int count = epoll_wait(poller->epoll, events, EVENTS, timeout);
    for (int i = 0; i < count; i++) {
        struct poller_source *source = events[i].data.ptr;
        if (events[i].data.ptr == poller)
            rung = true;
        else
            source->event(source, events[i].events);
    }
    if (rung)
        hear_bell(poller);
    return rung;
}

void poller_ring(struct poller *poller)
{
    uint64_t one = 1;
    while (write(poller->bell, &one, sizeof one) < 0 && errno == EINTR)
        ;
}
