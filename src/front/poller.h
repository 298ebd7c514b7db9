/* SPDX-License-Identifier: ISC */
/*
 * poller: an epoll set, and a bell that ends the waiting. Private to the front; knows
 * descriptors, whose they are, and whom to call, nothing else.
 *
 * One thread waits and calls; what it calls may add, watch and remove, and so may other
 * threads, but only the waiting one removes.
 */
#ifndef FCGIWAIT_FRONT_POLLER_H
#define FCGIWAIT_FRONT_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/clock.h"

/* These epoll events were seen on a descriptor of `owner`. The waiting thread, no locks
 * held. It may remove the descriptor and free the owner, but no other. */
typedef void poller_event_fn(void *owner, uint32_t events);

struct poller {
    int epoll;
    int bell; /* eventfd */
    poller_event_fn *event;
};

/* `event` is called for each descriptor. False: out of descriptors or memory (errno). */
bool poller_open(struct poller *poller, poller_event_fn *event)
    __attribute__((warn_unused_result));
void poller_close(struct poller *poller);

/* The owner stays where it is until its descriptor is removed. False: out of memory or of
 * watches (errno). */
bool poller_add(struct poller *poller, int fd, void *owner, uint32_t events)
    __attribute__((warn_unused_result));

/* Asks for these events from now on. Any thread. False: all is as before (errno). */
bool poller_watch(struct poller *poller, int fd, void *owner, uint32_t events)
    __attribute__((warn_unused_result));

void poller_remove(struct poller *poller, int fd);

/* Waits for events, `until` at most, and calls for each. True: somebody has rung. */
bool poller_wait(struct poller *poller, struct instant until);

/* Any thread. */
void poller_ring(struct poller *poller);

#endif
