/* SPDX-License-Identifier: ISC */
/*
 * slow_store: a store over the service_rig's own that keeps what is committed until it is
 * told to go on: a disk that takes its time.
 */
#ifndef TESTS_SLOW_STORE_H
#define TESTS_SLOW_STORE_H

#include "service_rig.h"
#include "store/backend.h"

struct slow_store {
    struct store store; /* first: the backend is given it */
    struct store *fast;
    struct edit *kept;       /* of one commit at a time */
    size_t count;            /* of them */
    _Atomic int64_t waiting; /* 1: `kept` is there */
};

/* Takes the place of the service_rig's store, and ends with it. Before the first request.
 */
void slow_store_open(struct slow_store *slow, struct service_rig *service_rig);

/* Commits what was kept, on this thread. */
void slow_store_go_on(struct slow_store *slow);

#endif
