/* SPDX-License-Identifier: ISC */
/*
 * Opens and drains the workers, and shares waiters out among them. Everything that has to
 * be fast is in worker.c.
 */
#include "fcgiwait/room.h"

#include <errno.h>
#include <stdlib.h>

#include "worker.h"

struct room {
    struct room_options options;
    _Atomic unsigned turn; /* which worker the next waiter goes to */
    struct worker workers[];
};

static void room_ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    struct room *room = context;
    worker_ring(&room->workers[worker], waitlist);
}

static void drain(struct room *room, unsigned count, nanos span)
{
    for (unsigned i = 0; i < count; i++)
        worker_drain(&room->workers[i], span);
    for (unsigned i = 0; i < count; i++)
        worker_join(&room->workers[i]);
}

static void dispose(struct room *room, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        worker_dispose(&room->workers[i]);
    free(room);
}

struct room *room_open(const struct room_options *options)
{
    struct room *room =
        calloc(1, sizeof *room + options->workers * sizeof(struct worker));
    if (room == NULL)
        return NULL;
    room->options = *options;
    tree_set_bell(options->tree, room_ring, room);
    for (unsigned i = 0; i < options->workers; i++)
        if (!worker_start(&room->workers[i], &room->options, i)) {
            int reason = errno;
            drain(room, i, 0);
            dispose(room, i);
            errno = reason;
            return NULL;
        }
    return room;
}

void room_admit(struct room *room, struct waiter *waiter)
{
    unsigned turn = atomic_fetch_add_explicit(&room->turn, 1, memory_order_relaxed);
    waiter->state = WAITER_FREE;
    waiter->left = false;
    waiter->worker = (uint16_t)(turn % room->options.workers + 1);
}

/* It has been admitted. */
static struct worker *worker_of(struct room *room, const struct waiter *waiter)
{
    return &room->workers[waiter->worker - 1];
}

enum room_parked room_park(struct room *room, struct waiter *waiter,
                           const struct target *targets, size_t count,
                           struct instant deadline)
{
    if (waiter->worker == 0)
        room_admit(room, waiter);
    waiter->deadline = deadline;
    return worker_park(worker_of(room, waiter), waiter, targets, count);
}

bool room_leave(struct room *room, struct waiter *waiter)
{
    return worker_leave(worker_of(room, waiter), waiter);
}

void room_drain(struct room *room, nanos span)
{
    drain(room, room->options.workers, span);
}

void room_close(struct room **pointer)
{
    struct room *room = *pointer;
    *pointer = NULL;
    if (room != NULL)
        dispose(room, room->options.workers);
}
