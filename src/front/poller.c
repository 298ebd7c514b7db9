/* SPDX-License-Identifier: ISC */
/*
 * epoll, level-triggered: what is not taken is told again. An event function may free its
 * own owner alone, so that what was reported together with it is never about freed
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

bool poller_open(struct poller *poller, poller_event_fn *event)
{
    struct epoll_event bell = {.events = EPOLLIN, .data.ptr = poller};
    poller->event = event;
    poller->epoll = epoll_create1(EPOLL_CLOEXEC);
    poller->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (poller->epoll >= 0 && poller->bell >= 0 &&
        epoll_ctl(poller->epoll, EPOLL_CTL_ADD, poller->bell, &bell) == 0)
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

static bool control(struct poller *poller, int what, int fd, void *owner, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = owner};
    return epoll_ctl(poller->epoll, what, fd, &event) == 0;
}

bool poller_add(struct poller *poller, int fd, void *owner, uint32_t events)
{
    return control(poller, EPOLL_CTL_ADD, fd, owner, events);
}

bool poller_watch(struct poller *poller, int fd, void *owner, uint32_t events)
{
    return control(poller, EPOLL_CTL_MOD, fd, owner, events);
}

void poller_remove(struct poller *poller, int fd)
{
    epoll_ctl(poller->epoll, EPOLL_CTL_DEL, fd, NULL);
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
    for (int i = 0; i < count; i++)
        if (events[i].data.ptr == poller)
            rung = true;
        else
            poller->event(events[i].data.ptr, events[i].events);
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
