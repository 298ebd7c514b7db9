/*
 * The store that keeps nothing: changes live in the tree, and are gone with the process.
 *
 * Its lock makes looking, deciding and showing one step. The sink rings, and takes the
 * locks of tree and workers above it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "backend.h"
#include "fcgiwait/lock.h"

struct memory {
    struct store store;
    struct lock lock; /* guards the order of changes, and what follows */
    size_t known;     /* paths with an index */
};

static struct store *memory_open(const struct store_options *options, char *error,
                                 size_t room)
{
    struct memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) {
        snprintf(error, room, "out of memory");
        return NULL;
    }
    memory->store.backend = &store_memory;
    memory->store.options = *options;
    atomic_init(&memory->store.limit, SIZE_MAX);
    atomic_init(&memory->store.index, store_first_index());
    lock_init(&memory->lock, LOCK_STORE);
    return &memory->store;
}

static void apply(struct memory *memory, struct edit *edit, const struct present *present)
{
    static const enum change_kind kinds[] = {[EDIT_PUT] = CHANGE_PUT,
                                             [EDIT_TOUCH] = CHANGE_TOUCH,
                                             [EDIT_DELETE] = CHANGE_DELETE,
                                             [EDIT_EVERYTHING] = CHANGE_EVERYTHING};
    struct store *store = &memory->store;
    uint64_t index = atomic_load(&store->index) + 1;
    struct change change = {kinds[edit->kind], index, clock_wall(), edit->path,
                            edit->kind == EDIT_PUT ? edit->document : NULL};
    if (!store->options.sink(store->options.context, &change)) {
        edit->result = EDIT_FAILED;
        return;
    }
    atomic_store(&store->index, index);
    memory->known += present->index == 0 && edit->kind != EDIT_EVERYTHING;
    edit->index = index;
}

static void memory_commit(struct store *store, struct edit *edit)
{
    struct memory *memory = (struct memory *)store;
    struct present present;
    lock_take(&memory->lock);
    store->options.look(store->options.context, edit->path, &present);
    if (edit_decide(edit, &present, memory->known, atomic_load(&store->limit)))
        apply(memory, edit, &present);
    lock_drop(&memory->lock);
    present_dispose(&present);
    edit->done(edit);
}

static void memory_close(struct store *store)
{
    struct memory *memory = (struct memory *)store;
    lock_destroy(&memory->lock);
    free(memory);
}

const struct store_backend store_memory = {"memory", memory_open, memory_commit,
                                           memory_close};
