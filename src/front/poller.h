/* SPDX-License-Identifier: ISC */
/*
 * poller: an epoll set, and a bell that ends the waiting. Private to the front; knows
 * descriptors and whom to call for them, nothing else.
 *
 * One thread waits and calls; what it calls may add, watch and remove, and so may other
 * threads, but only the waiting one removes.
 */
#ifndef FCGIWAIT_FRONT_POLLER_H
#define FCGIWAIT_FRONT_POLLER_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/clock.h"

struct poller_source;

/* These epoll events were seen. The waiting thread, no locks held. The source may be
 * removed and freed by it, others may not. */
typedef void poller_event_fn(struct poller_source *source, uint32_t events);

/* A descriptor, embedded in what it belongs to. */
struct poller_source {
    int fd;
    poller_event_fn *event;
};

struct poller {
    int epoll;
    int bell; /* eventfd */
};

/* False: out of descriptors or memory (errno). */
bool poller_open(struct poller *poller) __attribute__((warn_unused_result));
void poller_close(struct poller *poller);

/* The source stays where it is until it is removed. False: out of memory or of watches
 * (errno). */
bool poller_add(struct poller *poller, struct poller_source *source, uint32_t events)
    __attribute__((warn_unused_result));

/* Asks for these events from now on. Any thread. False: all is as before (errno). */
bool poller_watch(struct poller *poller, struct poller_source *source, uint32_t events)
    __attribute__((warn_unused_result));

void poller_remove(struct poller *poller, const struct poller_source *source);

/* Waits for events, `until` at most, and calls for each. True: somebody has rung. */
bool poller_wait(struct poller *poller, struct instant until);

/* Any thread. */
void poller_ring(struct poller *poller);

#endif
