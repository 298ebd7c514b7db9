/* SPDX-License-Identifier: ISC */
/*
 * The store that keeps nothing: changes live in the state, and are gone with the process.
 *
 * Its lock makes looking, deciding and showing one decision. The sink rings, and takes
 * the locks of tree and workers above it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/lock.h"
#include "batch.h"

struct memory {
    struct store store;
    struct lock lock; /* guards the order of changes */
};

static struct store *memory_open(const struct store_options *options, char *error,
                                 size_t capacity)
{
    struct memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) {
        snprintf(error, capacity, "out of memory");
        return NULL;
    }
    store_init(&memory->store, &store_memory, &options->view);
    atomic_store(&memory->store.index, store_first_index());
    lock_init(&memory->lock, LOCK_STORE);
    /* An index from another process's life means nothing here. */
    store_forget(&memory->store, atomic_load(&memory->store.index));
    return &memory->store;
}

/* Edits in one step, at most. */
#define STEP_MOST 16

/* There was no memory to show them. */
static void fail_unshown(struct edit *edits, size_t count, uint64_t newest)
{
    for (size_t i = 0; i < count; i++)
        if (edits[i].index > newest)
            edits[i].result = EDIT_FAILED;
}

static void decide(struct memory *memory, struct edit *edits, size_t count)
{
    struct store *store = &memory->store;
    struct batch batch;
    struct decision decisions[STEP_MOST];
    lock_take(&memory->lock);
    batch_open(&batch, store, decisions, STEP_MOST, atomic_load(&store->index));
    for (size_t i = 0; i < count; i++)
        batch_decide(&batch, &edits[i]);
    batch_forget(&batch);
    if (!batch_show(&batch))
        fail_unshown(edits, count, atomic_load(&store->index));
    lock_drop(&memory->lock);
    batch_close(&batch);
}

static void memory_propose(struct store *store, struct edit *edits, size_t count)
{
    while (count > 0) {
        size_t step = count < STEP_MOST ? count : STEP_MOST;
        struct edit *next = edits + step;
        decide((struct memory *)store, edits, step);
        count -= step;
        for (; edits < next; edits++)
            edits->done(edits); /* the last one may free them all */
    }
}

static void memory_close(struct store *store)
{
    struct memory *memory = (struct memory *)store;
    lock_destroy(&memory->lock);
    free(memory);
}

const struct store_backend store_memory = {.type = "memory",
                                           .open = memory_open,
                                           .propose = memory_propose,
                                           .close = memory_close};
