/*
 * inn: a waiting room with a tree behind it, and guests in it, without desk and front.
 *
 * Changes come from one thread at a time, as from a store.
 */
#ifndef TESTS_INN_H
#define TESTS_INN_H

#include <semaphore.h>
#include <stdatomic.h>

#include "fcgiwait/room.h"
#include "fcgiwait/tree.h"

struct guest {
    struct waiter waiter; /* first: the room gives waiters back */
    sem_t answered;
    _Atomic int answers;
    enum verdict verdict;
    uint64_t news;   /* index of the news; 0: none came */
    bool holds_door; /* its worker stands still while it is answered: inn_hold_door() */
};

struct inn {
    struct tree *tree;
    struct room *room;
    uint64_t index;     /* of the last change */
    sem_t held, let_go; /* the door */
    struct guest doorkeeper;
};

/* Fails the test where it does not open. */
void inn_open(struct inn *inn, unsigned workers);
void inn_open_paced(struct inn *inn, unsigned workers, room_behind_fn *behind);
/* Ends all waits first. */
void inn_close(struct inn *inn);

/* A touch of the path, with the next index. */
void inn_change(struct inn *inn, const char *path);
uint64_t inn_index(struct inn *inn, const char *path, enum scope scope);

/* Waits for the path's next change, `span` at most. */
enum room_parked inn_park(struct inn *inn, struct guest *guest, const char *path,
                          enum scope scope, uint64_t index, nanos span);
/* The same from the present index on, and it has to be let in. */
void inn_stay(struct inn *inn, struct guest *guest, const char *path, nanos span);

bool guest_is_answered(struct guest *guest);
/* Fails the test where nobody answers, or not with this verdict. */
void guest_await(struct guest *guest, enum verdict verdict);

/* An inn of one worker: it stands still from here on, busy with an answer, so that what
 * comes meanwhile comes in the order of the test. */
void inn_hold_door(struct inn *inn);
void inn_let_go(struct inn *inn);

#endif
