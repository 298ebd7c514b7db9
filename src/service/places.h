/* SPDX-License-Identifier: ISC */
/*
 * places: how many requests are held, in all and for each client. Private to the service.
 *
 * Owns an entry for each client that has a request held, and nothing for others. Any
 * thread; exact: no two requests ever share the last place.
 */
#ifndef FCGIWAIT_SERVICE_PLACES_H
#define FCGIWAIT_SERVICE_PLACES_H

#include <stdatomic.h>
#include <stdint.h>

#include "fcgiwait/lock.h"
#include "fcgiwait/text.h"

struct place; /* a client's */

struct places {
    _Atomic int64_t taken; /* in all */
    struct lock lock;      /* guards what follows */
    struct place *clients;
};

struct places_limits {
    int64_t all;
    int64_t client; /* 0: no limit */
};

enum places_taken {
    PLACES_TAKEN,
    PLACES_FULL,        /* as many as allowed are held */
    PLACES_CLIENT_FULL, /* for this client */
    PLACES_NO_MEMORY
};

void places_open(struct places *places);
void places_dispose(struct places *places);

/* A place for a request of `client` (any bytes; empty: not said, and not counted). *place
 * is to be given back with it; NULL: no client was counted. */
enum places_taken places_take(struct places *places, struct text client,
                              struct places_limits limits, struct place **place)
    __attribute__((warn_unused_result));

/* Gives the place back, and nulls the pointer. */
void places_leave(struct places *places, struct place **place);

#endif
