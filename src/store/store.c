/* SPDX-License-Identifier: ISC */
/*
 * Finds the kind of store that was asked for, and leads every call to it. A new kind is
 * a line of `backends`, and a file that fills in struct store_backend (backend.h).
 */
#include "fcgiwait/store.h"

#include <stdio.h>
#include <string.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#endif

#include "backend.h"
#include "fcgiwait/clock.h"
#include "queue.h"

static const struct store_backend *const backends[] = {
    &store_sqlite,
    &store_memory,
#ifdef WITH_REDIS
    &store_redis,
#endif
#ifdef WITH_POSTGRES
    &store_postgres,
#endif
};

/* NULL with `error`. */
static const struct store_backend *backend_of(const char *type, char *error,
                                              size_t capacity)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(type, backends[i]->type) == 0)
            return backends[i];
    snprintf(error, capacity, "store.type \"%s\" is not known here", type);
#ifndef WITH_REDIS
    if (strcmp(type, "redis") == 0)
        snprintf(error, capacity, "this fcgiwait was built without hiredis");
#endif
#ifndef WITH_POSTGRES
    if (strcmp(type, "postgres") == 0)
        snprintf(error, capacity, "this fcgiwait was built without libpq");
#endif
    return NULL;
}

bool store_can_be(const struct store_options *options, char *error, size_t capacity)
{
    const struct store_backend *backend = backend_of(options->type, error, capacity);
    return backend != NULL &&
           (backend->can_be == NULL || backend->can_be(options, error, capacity));
}

struct store *store_open(const struct store_options *options, char *error,
                         size_t capacity)
{
    const struct store_backend *backend = backend_of(options->type, error, capacity);
    return backend != NULL ? backend->open(options, error, capacity) : NULL;
}

enum store_checked store_check(const struct store_options *options,
                               void (*say)(void *context, const char *what),
                               void *context)
{
    char error[512];
    if (!store_can_be(options, error, sizeof error)) {
        say(context, error);
        return STORE_WRONG;
    }
    const struct store_backend *backend = backend_of(options->type, error, sizeof error);
    return backend->check != NULL ? backend->check(options, say, context) : STORE_GOOD;
}

bool store_print_setup(const struct store_options *options, FILE *out, char *error,
                       size_t capacity)
{
    const struct store_backend *backend = backend_of(options->type, error, capacity);
    if (backend == NULL)
        return false;
    if (backend->print_setup != NULL)
        return backend->print_setup(options, out, error, capacity);
    snprintf(error, capacity, "store.type \"%s\" needs nothing to be set up",
             options->type);
    return false;
}

const char *store_type(const struct store *store)
{
    return store->backend->type;
}

bool store_keeps_documents(const struct store *store)
{
    return !store->backend->keeps_no_documents;
}

void store_commit(struct store *store, struct edit *edits, size_t count)
{
    store->backend->propose(store, edits, count);
}

bool store_reached(struct store *store, uint64_t index)
{
    return store->backend->reached == NULL || store->backend->reached(store, index);
}

bool store_answers(struct store *store)
{
    return store->engine == NULL || engine_answers(store->engine, store->patience);
}

bool store_moves(const struct store *store)
{
    return store->backend->move_to != NULL;
}

bool store_move_to(struct store *store, const struct store_options *options, char *error,
                   size_t capacity)
{
    return store->backend->move_to(store, options, error, capacity);
}

void store_engine(struct store *store, struct engine_report *report)
{
    *report = (struct engine_report){.type = NULL};
    if (store->engine != NULL)
        engine_tell(store->engine, store_index(store), report);
}

void store_fence(struct store *store, struct fence *fence)
{
    struct instant least = instant_after(clock_now(), STORE_LOOK);
    if (fence->until.at < least.at)
        fence->until = least;
    if (store->backend->fence != NULL)
        store->backend->fence(store, fence);
    else
        fence->done(fence, true);
}

void store_hurry(struct store *store)
{
    if (store->backend->hurry != NULL)
        store->backend->hurry(store);
}

void store_set_limit(struct store *store, size_t resources)
{
    atomic_store(&store->limit, resources);
}

uint64_t store_index(struct store *store)
{
    return atomic_load(&store->index);
}

uint64_t store_born(struct store *store)
{
    return atomic_load(&store->born);
}

void store_close(struct store **pointer)
{
    struct store *store = *pointer;
    *pointer = NULL;
    if (store != NULL)
        store->backend->close(store);
}
