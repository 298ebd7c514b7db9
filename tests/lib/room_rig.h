/* SPDX-License-Identifier: ISC */
/*
 * room_rig: a waiting room with a tree behind it, and guests in it, without service and
 * front.
 *
 * Changes come from one thread at a time, as from a store.
 */
#ifndef TESTS_ROOM_RIG_H
#define TESTS_ROOM_RIG_H

#include <semaphore.h>
#include <stdatomic.h>

#include "fcgiwait/room.h"
#include "fcgiwait/tree.h"

struct room_rig;

struct guest {
    struct waiter waiter;
    struct room_rig *room_rig;
    sem_t answered;
    _Atomic int answers;
    enum verdict verdict;
    uint64_t news;   /* index of the news; 0: none came */
    bool holds_door; /* its worker stands still while it is answered: room_rig_hold_door()
                      */
};

struct room_rig {
    struct tree *tree;
    struct room *room;
    uint64_t index;     /* of the last change */
    sem_t held, let_go; /* the door */
    struct guest doorkeeper;
};

/* Fails the test where it does not open. */
void room_rig_open(struct room_rig *room_rig, unsigned workers);
/* Ends all waits first. */
void room_rig_close(struct room_rig *room_rig);

/* As fixtures of cmocka: the initial state of a test is how many workers it wants, an
 * unsigned (NULL: one), and then the struct room_rig. */
int room_rig_setup(void **state);
int room_rig_teardown(void **state);
#define room_rig_test(test, workers)                                                     \
    cmocka_unit_test_prestate_setup_teardown(test, room_rig_setup, room_rig_teardown,    \
                                             (void *)(workers))

/* A touch of the path, with the next index. */
void room_rig_change(struct room_rig *room_rig, const char *path);
uint64_t room_rig_index(struct room_rig *room_rig, const char *path, enum scope scope);

/* Before room_park(). */
void guest_init(struct room_rig *room_rig, struct guest *guest);

/* Waits for the path's next change, `span` at most. */
enum room_parked room_rig_park(struct room_rig *room_rig, struct guest *guest,
                               const char *path, enum scope scope, uint64_t index,
                               nanos span);
/* The same from the present index on, and it has to be let in. */
void room_rig_stay(struct room_rig *room_rig, struct guest *guest, const char *path,
                   nanos span);

bool guest_is_answered(struct guest *guest);
/* Fails the test where nobody answers, or not with this verdict. */
void guest_await(struct guest *guest, enum verdict verdict);

/* A room_rig of one worker: it stands still from here on, busy with an answer, so that
 * what comes meanwhile comes in the order of the test. */
void room_rig_hold_door(struct room_rig *room_rig);
void room_rig_let_go(struct room_rig *room_rig);

#endif
