#include "inn.h"

#include <time.h>

#include "must.h"

#define PATIENCE 60 /* seconds; nobody is ever this late */

static void await(sem_t *sem, const char *what)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    must(sem_timedwait(sem, &until) == 0, "%s", what);
}

/* waiter_answer_fn */
static void answer(void *context, struct waiter *waiter, enum verdict verdict,
                   const struct present *news)
{
    struct inn *inn = context;
    struct guest *guest = (struct guest *)waiter;
    guest->verdict = verdict;
    guest->news = news != NULL ? news->index : 0;
    guest->answers++;
    if (guest->holds_door) {
        sem_post(&inn->held);
        while (sem_wait(&inn->let_go) != 0)
            ;
    }
    sem_post(&guest->answered); /* and it may be parked again by now */
}

void inn_open(struct inn *inn, unsigned workers)
{
    inn_open_paced(inn, workers, NULL);
}

void inn_open_paced(struct inn *inn, unsigned workers, room_behind_fn *behind)
{
    *inn = (struct inn){.tree = tree_new(workers)};
    sem_init(&inn->held, 0, 0);
    sem_init(&inn->let_go, 0, 0);
    must(inn->tree != NULL, "no memory");
    inn->room =
        room_open(&(struct room_options){workers, inn->tree, answer, inn, behind});
    must(inn->room != NULL, "no threads");
}

void inn_close(struct inn *inn)
{
    room_drain(inn->room, 0);
    room_close(&inn->room);
    tree_free(&inn->tree);
    sem_destroy(&inn->held);
    sem_destroy(&inn->let_go);
}

void inn_change(struct inn *inn, const char *path)
{
    struct change change = {
        .kind = CHANGE_TOUCH, .index = ++inn->index, .path = text_of(path)};
    must(tree_apply(inn->tree, &change), "no memory");
}

uint64_t inn_index(struct inn *inn, const char *path, enum scope scope)
{
    struct present present;
    tree_look(inn->tree, text_of(path), scope, &present);
    present_dispose(&present);
    return present.index;
}

enum room_parked inn_park(struct inn *inn, struct guest *guest, const char *path,
                          enum scope scope, uint64_t index, nanos span)
{
    *guest = (struct guest){.holds_door = guest == &inn->doorkeeper};
    sem_init(&guest->answered, 0, 0);
    return room_park(inn->room, &guest->waiter, text_of(path), scope, index,
                     instant_after(clock_now(), span));
}

void inn_stay(struct inn *inn, struct guest *guest, const char *path, nanos span)
{
    uint64_t index = inn_index(inn, path, SCOPE_SELF);
    must(inn_park(inn, guest, path, SCOPE_SELF, index, span) == ROOM_PARKED,
         "not let in");
}

bool guest_is_answered(struct guest *guest)
{
    return guest->answers > 0;
}

void guest_await(struct guest *guest, enum verdict verdict)
{
    await(&guest->answered, "nobody answered");
    must(guest->verdict == verdict, "verdict %d, not %d", (int)guest->verdict,
         (int)verdict);
    must(guest->answers == 1, "answered %d times", guest->answers);
}

void inn_hold_door(struct inn *inn)
{
    inn_stay(inn, &inn->doorkeeper, "/door", 0);
    await(&inn->held, "the door is not held");
}

void inn_let_go(struct inn *inn)
{
    sem_post(&inn->let_go);
    guest_await(&inn->doorkeeper, VERDICT_EXPIRED);
}
