/* SPDX-License-Identifier: ISC */
#include "room_rig.h"

#include <stdlib.h>

#include "fcgiwait/container.h"
#include "must.h"
#include "tree_rig.h"

/* waiter_answer_fn */
static void answer(struct waiter *waiter, enum verdict verdict,
                   const struct present *news)
{
    struct guest *guest = CONTAINER_OF(waiter, struct guest, waiter);
    struct room_rig *room_rig = guest->room_rig;
    guest->verdict = verdict;
    guest->news = news != NULL ? news->index : 0;
    guest->answers++;
    if (guest->holds_door) {
        sem_post(&room_rig->held);
        while (sem_wait(&room_rig->let_go) != 0)
            ;
    }
    sem_post(&guest->answered); /* and it may be parked again by now */
}

void room_rig_open(struct room_rig *room_rig, unsigned workers)
{
    *room_rig = (struct room_rig){.tree = tree_new(workers)};
    sem_init(&room_rig->held, 0, 0);
    sem_init(&room_rig->let_go, 0, 0);
    must(room_rig->tree != NULL, "no memory");
    room_rig->room = room_open(&(struct room_options){workers, room_rig->tree});
    must(room_rig->room != NULL, "no threads");
}

void room_rig_close(struct room_rig *room_rig)
{
    room_drain(room_rig->room, 0);
    room_close(&room_rig->room);
    tree_free(&room_rig->tree);
    sem_destroy(&room_rig->held);
    sem_destroy(&room_rig->let_go);
}

int room_rig_setup(void **state)
{
    const unsigned *workers = *state;
    struct room_rig *room_rig = malloc(sizeof *room_rig);
    must(room_rig != NULL, "no memory");
    room_rig_open(room_rig, workers != NULL ? *workers : 1);
    *state = room_rig;
    return 0;
}

int room_rig_teardown(void **state)
{
    room_rig_close(*state);
    free(*state);
    return 0;
}

void room_rig_change(struct room_rig *room_rig, const char *path)
{
    struct change change = {
        .kind = CHANGE_TOUCH, .index = ++room_rig->index, .path = text_of(path)};
    must(tree_apply(room_rig->tree, &change), "no memory");
}

uint64_t room_rig_index(struct room_rig *room_rig, const char *path, enum scope scope)
{
    return tree_rig_index(room_rig->tree, path, scope);
}

void guest_init(struct room_rig *room_rig, struct guest *guest)
{
    *guest = (struct guest){.waiter = {.answer = answer}, .room_rig = room_rig};
    sem_init(&guest->answered, 0, 0);
}

enum room_parked room_rig_park(struct room_rig *room_rig, struct guest *guest,
                               const char *path, enum scope scope, uint64_t index,
                               nanos span)
{
    struct target target = {text_of(path), scope, index};
    guest_init(room_rig, guest);
    guest->holds_door = guest == &room_rig->doorkeeper;
    return room_park(room_rig->room, &guest->waiter, &target, 1,
                     instant_after(clock_now(), span));
}

void room_rig_stay(struct room_rig *room_rig, struct guest *guest, const char *path,
                   nanos span)
{
    uint64_t index = room_rig_index(room_rig, path, SCOPE_SELF);
    must(room_rig_park(room_rig, guest, path, SCOPE_SELF, index, span) == ROOM_PARKED,
         "not let in");
}

bool guest_is_answered(struct guest *guest)
{
    return guest->answers > 0;
}

void guest_await(struct guest *guest, enum verdict verdict)
{
    must_come(&guest->answered, "nobody answered");
    must(guest->verdict == verdict, "verdict %d, not %d", (int)guest->verdict,
         (int)verdict);
    must(guest->answers == 1, "answered %d times", guest->answers);
}

void room_rig_hold_door(struct room_rig *room_rig)
{
    room_rig_stay(room_rig, &room_rig->doorkeeper, "/door", 0);
    must_come(&room_rig->held, "the door is not held");
}

void room_rig_let_go(struct room_rig *room_rig)
{
    sem_post(&room_rig->let_go);
    guest_await(&room_rig->doorkeeper, VERDICT_EXPIRED);
}
