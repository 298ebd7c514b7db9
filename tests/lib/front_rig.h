/* SPDX-License-Identifier: ISC */
/*
 * front_rig: a front of one thread, a service_rig behind it, and connections to it: all
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

/* Whoever asks for it is held for hours, and large documents are taken. */
extern const struct service_rules front_rig_rules;

/* Fails the test where it does not open. */
void front_rig_open(struct front_rig *front_rig, const struct service_rules *rules);

/* In the order of the program's own stop. `patience` is front_drain()'s. */
void front_rig_close(struct front_rig *front_rig, nanos patience);

/* For cmocka: one with those rules, and its end. Fails the test where it leaves anything
 * behind. */
int front_rig_setup(void **state);
int front_rig_teardown(void **state); /* the test may have closed it */

/* A connection that waits to be accepted; the test's end of it. */
int front_rig_knock(struct front_rig *front_rig);
/* One that is accepted. */
int front_rig_connect(struct front_rig *front_rig);

/* Bytes that show where one of them is missing, or too many. */
void front_rig_fill(char *bytes, size_t len);
/* Fails the test where these are not the ones from `start` on. */
void front_rig_must_be_filled(const char *bytes, size_t start, size_t len);
/* A document of so many of them. */
void front_rig_put(struct front_rig *front_rig, const char *path, size_t len);

/* Fails the test where the counter does not get there. */
void front_rig_await(const _Atomic int64_t *counter, int64_t value);

#endif
