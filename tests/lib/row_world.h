/* SPDX-License-Identifier: ISC */
/*
 * row_world: a PostgreSQL whose rows have versions, an API over it that knows nothing of
 * fcgiwait, two machines (nginx and fcgiwait each), writers that talk to the database
 * alone, and clients that change machine with every request.
 */
#ifndef TESTS_ROW_WORLD_H
#define TESTS_ROW_WORLD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "postgres_server.h"
#include "stack.h"

#define WORLD_ROWS 16
#define WORLD_WRITERS 16
#define WORLD_CLIENTS 32
#define WORLD_MACHINES 2
#define WORLD_VERSIONS 200000 /* of a row, at most */

struct world_row {
    /* Where the log was once the version was committed: its index is not above that. */
    _Atomic uint64_t places[WORLD_VERSIONS];
    _Atomic long version; /* the newest that was committed */
};

struct world_client {
    pthread_t thread;
    struct world *world;
    int row, machine;
    _Atomic long version; /* that it has */
    _Atomic long answers; /* 200 */
    _Atomic long refused; /* neither 200 nor 304 */
};

struct world {
    struct postgres_server primary, standby;
    char url[512]; /* of whichever is the primary */
    char config[1024], location[512];
    struct stack stacks[WORLD_MACHINES];
    int api, api_port; /* the API's socket */
    pthread_t servants[4], writers[WORLD_WRITERS];
    _Atomic bool writing, asking, serving;
    _Atomic bool paused; /* the writers */
    bool checks;         /* that no body is older than its index: nothing is ever lost */
    struct world_row *rows;
    struct world_client clients[WORLD_CLIENTS];
};

/* Writers and clients run from then on. */
void world_start(struct world *world, bool with_standby);
/* Everybody comes to what the database has, within a minute. The writers are paused. */
void world_settle(struct world *world);
void world_rest(struct world *world); /* the writers stop before */
void world_stop(struct world *world);

#endif
