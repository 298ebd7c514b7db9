/*
 * gate: a front of one thread, an office behind it, and connections to it: all within the
 * test's own process, so that a test can stand between them.
 */
#ifndef TESTS_GATE_H
#define TESTS_GATE_H

#include "fcgi_client.h"
#include "fcgiwait/front.h"
#include "office.h"

struct gate {
    struct office office;
    struct front *front;
    int listening;
};

/* Fails the test where it does not open. */
void gate_open(struct gate *gate, const struct desk_rules *rules);

/* In the order of the program's own stop. `patience` is front_drain()'s. */
void gate_close(struct gate *gate, nanos patience);

/* A connection that waits to be accepted; the test's end of it. */
int gate_knock(struct gate *gate);
/* One that is accepted. */
int gate_connect(struct gate *gate);

/* Fails the test where the counter does not get there. */
void gate_await(const _Atomic int64_t *counter, int64_t value);

#endif
