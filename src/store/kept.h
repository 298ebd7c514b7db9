/* SPDX-License-Identifier: ISC */
/*
 * kept: what is touched while an engine is away: that nobody may sleep through. Private
 * to the store; one thread's.
 *
 * The documents of such paths are elsewhere, behind origins, so each path counts once,
 * however often it was touched; and too many of them count as everything.
 */
#ifndef FCGIWAIT_STORE_KEPT_H
#define FCGIWAIT_STORE_KEPT_H

#include "fcgiwait/engine.h"
#include "paths.h"
#include "queue.h"

/* All zero but for the engine: nothing. */
struct kept {
    struct engine *engine;       /* that it is away from, and that counts them */
    struct paths touched, below; /* each path once */
    size_t count;
    bool everything; /* instead of so many */
};

static inline bool kept_has(const struct kept *kept)
{
    return kept->count > 0 || kept->everything;
}

/* False: it is none that could happen later, whatever happens before. */
bool kept_add(struct kept *kept, const struct edit *edit);

/* The engine is back: all of it is proposed through the queue, and kept no more. */
void kept_deliver(struct kept *kept, struct queue *queue);

/* Forgets all of it. */
void kept_free(struct kept *kept);

#endif
