/* SPDX-License-Identifier: ISC */
/*
 * front_rig: a front of one thread, an service_rig behind it, and connections to it: all
 * within the test's own process, so that a test can stand between them.
 */
#ifndef TESTS_FRONT_RIG_H
#define TESTS_FRONT_RIG_H

#include "fcgi_client.h"
#include "fcgiwait/front.h"
#include "service_rig.h"

struct front_rig {
    struct service_rig service_rig;
    struct front *front;
    int listening;
};

/* Fails the test where it does not open. */
void front_rig_open(struct front_rig *front_rig, const struct service_rules *rules);

/* In the order of the program's own stop. `patience` is front_drain()'s. */
void front_rig_close(struct front_rig *front_rig, nanos patience);

/* A connection that waits to be accepted; the test's end of it. */
int front_rig_knock(struct front_rig *front_rig);
/* One that is accepted. */
int front_rig_connect(struct front_rig *front_rig);

/* Fails the test where the counter does not get there. */
void front_rig_await(const _Atomic int64_t *counter, int64_t value);

#endif
