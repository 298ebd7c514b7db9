/* SPDX-License-Identifier: ISC */
/*
 * live: the live page (FCGIWAIT_ENDPOINT page): its files, and the numbers that it
 * follows by a stream. Private to the service.
 *
 * While nobody looks it costs nothing. A viewer is parked in the waiting room and watches
 * nothing there: the expiry of its second is what wakes it. Viewers take no place of
 * max_waiting, since one wants to look most when all of those are taken.
 */
#ifndef FCGIWAIT_SERVICE_LIVE_H
#define FCGIWAIT_SERVICE_LIVE_H

#include <stdatomic.h>

#include "fcgiwait/chunk.h"
#include "fcgiwait/clock.h"
#include "fcgiwait/lock.h"
#include "fcgiwait/request.h"

/* How often the numbers come. */
#define LIVE_EVERY NANOS_PER_SECOND

/* Pages that can be looked at, at once. */
#define LIVE_VIEWERS 16

struct service;
struct operation;

struct live {
    _Atomic unsigned viewers;
    struct lock lock;    /* guards what follows */
    struct chunk *event; /* the latest; NULL: none yet */
    struct instant made;
    bool making; /* somebody makes the next one */
};

void live_open(struct live *live);
void live_close(struct live *live);

/* The page, a part of it, or its stream, by the query. */
void live_serve(struct service *service, struct request *request,
                const struct operation *operation);

/* Whether the request is a stream of numbers. */
bool live_is_viewer(const struct request *request);

/* A viewer that was hung up, or whose stream is over: gives its place back. */
void live_leave(struct request *request);

/* A reference of the event with the numbers of now, made once for all who look within
 * half of LIVE_EVERY (live_event.c). NULL: out of memory, or somebody makes the first. */
struct chunk *live_event(struct service *service);

#endif
