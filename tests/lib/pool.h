/* SPDX-License-Identifier: ISC */
/*
 * pool: fcgiwait processes over one SQLite file and one listening socket, which the test
 * holds as systemd or multiwatch would: a process can go and another one come while nginx
 * sees nothing.
 *
 * Begins with a stack, whose own fcgiwait it replaces. Called from the test's own thread.
 */
#ifndef TESTS_POOL_H
#define TESTS_POOL_H

#include "stack.h"

enum { POOL_MOST = 8 };

struct pool {
    struct stack *stack;
    char file[128];   /* of the store */
    const char *sync; /* store.sync */
    int listening;
    size_t count;
    pid_t pids[POOL_MOST]; /* 0: not running */
    char logs[POOL_MOST][32];
    int starts;
};

/* Starts `count` processes, over a file in this folder; NULL: the stack's. */
void pool_open(struct pool *pool, struct stack *stack, const char *folder, size_t count,
               const char *sync);

/* Ends all with SIGTERM, and fails the test where one does not exit with 0. Then the
 * stack may stop. */
void pool_close(struct pool *pool);

/* Returns once it serves. */
void pool_start(struct pool *pool, size_t which);
/* Returns once it is there, which is before it serves. */
void pool_spawn(struct pool *pool, size_t which);
void pool_await(struct pool *pool, size_t which);
bool pool_serves(const struct pool *pool, size_t which);

void pool_kill(struct pool *pool, size_t which); /* SIGKILL */
void pool_end(struct pool *pool, size_t which);  /* SIGTERM; it has to exit with 0 */

/* How many times to do what was promised so many times: all of them with FCGIWAIT_FULL in
 * the environment, else a few. */
int full_or(int few, int full);

#endif
