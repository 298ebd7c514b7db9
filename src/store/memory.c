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

static void memory_propose(struct store *store, struct edit *edit)
{
    struct memory *memory = (struct memory *)store;
    struct batch batch;
    struct decision decision;
    lock_take(&memory->lock);
    batch_open(&batch, store, &decision, 1, atomic_load(&store->index));
    batch_decide(&batch, edit);
    batch_forget(&batch);
    if (!batch_show(&batch))
        edit->result = EDIT_FAILED;
    lock_drop(&memory->lock);
    batch_close(&batch);
    edit->done(edit);
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
