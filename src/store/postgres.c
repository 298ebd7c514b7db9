/* SPDX-License-Identifier: ISC */
/*
 * Opening and closing: two connections, two threads. A start needs the server; later it
 * may go and come back.
 */
#include "postgres.h"
#include "postgres_catalogue.h"
#include "postgres_setup.h"
#include "postgres_url.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

/* Documents are the application's; a touch has no condition that the log could hold. */
static bool are_ours(const struct edit *edits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!edit_is_unconditional(&edits[i]))
            return false;
    return true;
}

static void postgres_propose(struct store *store, struct edit *edits, size_t count)
{
    if (are_ours(edits, count)) {
        queue_add(&((struct postgres *)store)->queue, edits, count);
        return;
    }
    for (size_t i = 0; i < count; i++)
        edits[i].result = EDIT_ELSEWHERE;
    for (size_t i = 0; i < count; i++) /* the last may free them all */
        edits[i].done(&edits[i]);
}

static bool postgres_reached(struct store *store, uint64_t index)
{
    const struct postgres *postgres = (const struct postgres *)store;
    return !postgres->fenced &&
           (index <= atomic_load(&store->index) || index >= INDEX_LIMIT);
}

static void postgres_fence(struct store *store, struct fence *fence)
{
    queue_add_fence(&((struct postgres *)store)->queue, fence);
}

static void postgres_hurry(struct store *store)
{
    queue_hurry(&((struct postgres *)store)->queue);
}

/* --- life --- */

/* 0, or an errno value. */
static int start_threads(struct postgres *postgres)
{
    int result = queue_open(&postgres->queue);
    if (result != 0)
        return result;
    atomic_store(&postgres->owes_mark, true); /* who has a base tells it then */
    queue_nudge(&postgres->queue);
    result = pthread_create(&postgres->proposer, NULL, postgres_proposer, postgres);
    if (result == 0) {
        result = pthread_create(&postgres->follower, NULL, postgres_follower, postgres);
        if (result == 0)
            return 0;
        queue_close(&postgres->queue);
        pthread_join(postgres->proposer, NULL);
    }
    queue_dispose(&postgres->queue);
    return result;
}

static void postgres_free(struct postgres *postgres)
{
    postgres_link_dispose(&postgres->proposing);
    postgres_link_dispose(&postgres->following);
    postgres_link_dispose(&postgres->asking);
    pthread_cond_destroy(&postgres->moved);
    lock_destroy(&postgres->lock);
    engine_dispose(&postgres->engine);
    PQclear(postgres->snapshot_said);
    postgres_gather_empty(&postgres->gather);
    postgres_tables_free(&postgres->tables);
    kept_free(&postgres->kept);
    free(postgres->url);
    free(postgres->publication);
    free(postgres);
}

static struct postgres *make(const struct store_options *options)
{
    struct postgres *postgres = calloc(1, sizeof *postgres);
    if (postgres == NULL)
        return NULL;
    if (cond_init_monotonic(&postgres->moved) != 0) {
        free(postgres);
        return NULL;
    }
    store_init(&postgres->store, &store_postgres, &options->view);
    engine_init(&postgres->engine, "postgres", options->counters);
    postgres->store.engine = &postgres->engine;
    postgres->kept.engine = &postgres->engine;
    lock_init(&postgres->lock, LOCK_STORE);
    postgres->fenced = options->fenced;
    postgres->patience = options->patience > 0 ? options->patience : STORE_PATIENCE;
    postgres->store.patience = postgres->patience;
    atomic_init(&postgres->patience_ends, INT64_MAX);
    postgres->url = strdup(options->url != NULL ? options->url : "");
    postgres->publication =
        strdup(options->publication != NULL ? options->publication : "fcgiwait");
    postgres->proposing.wake = postgres->following.wake = postgres->asking.wake = -1;
    return postgres;
}

static bool postgres_can_be(const struct store_options *options, char *error,
                            size_t capacity)
{
    if (options->url == NULL)
        return true;
    PQconninfoOption *parsed = postgres_url_parse(options->url, error, capacity);
    PQconninfoFree(parsed);
    return parsed != NULL;
}

/* 0, or an errno value. */
static int open_links(struct postgres *postgres)
{
    struct engine *engine = &postgres->engine;
    int result = postgres_link_init(&postgres->proposing, postgres->url, engine, false);
    if (result == 0)
        result = postgres_link_init(&postgres->following, postgres->url, engine, true);
    if (result == 0)
        result = postgres_link_init(&postgres->asking, postgres->url, engine, false);
    postgres->asking.beside = &postgres->following;
    return result;
}

static bool open_all(struct postgres *postgres, const struct store_options *options,
                     char *error, size_t capacity)
{
    if (postgres->url == NULL || postgres->publication == NULL ||
        !store_make_id(postgres->id)) {
        snprintf(error, capacity, "out of memory");
        return false;
    }
    postgres->tables =
        postgres_tables_new(options->tables, options->table_count, error, capacity);
    if (postgres->tables == NULL)
        return false;
    int result = open_links(postgres);
    if (result == 0) {
        if (!postgres_compare(postgres, error, capacity))
            return false;
        if (!postgres_follow_open(postgres)) {
            snprintf(error, capacity, "%s", postgres->following.error);
            return false;
        }
        result = start_threads(postgres);
    }
    if (result != 0)
        snprintf(error, capacity, "%s", strerror(result));
    return result == 0;
}

static struct store *postgres_open(const struct store_options *options, char *error,
                                   size_t capacity)
{
    struct postgres *postgres = make(options);
    if (postgres == NULL) {
        snprintf(error, capacity, "out of memory");
        return NULL;
    }
    if (open_all(postgres, options, error, capacity))
        return &postgres->store;
    postgres_free(postgres);
    return NULL;
}

static void postgres_close(struct store *store)
{
    struct postgres *postgres = (struct postgres *)store;
    struct instant end =
        patience_cut(&postgres->patience_ends, &postgres->lock, &postgres->moved);
    queue_close(&postgres->queue);
    queue_await_end(&postgres->queue, end);
    postgres_link_cut(&postgres->proposing);
    pthread_join(postgres->proposer, NULL);
    atomic_store(&postgres->stopping, true);
    postgres_link_cut(&postgres->asking);
    postgres_link_cut(&postgres->following);
    pthread_join(postgres->follower, NULL);
    queue_dispose(&postgres->queue);
    postgres_free(postgres);
}

const struct store_backend store_postgres = {.type = "postgres",
                                             .keeps_no_documents = true,
                                             .can_be = postgres_can_be,
                                             .open = postgres_open,
                                             .propose = postgres_propose,
                                             .reached = postgres_reached,
                                             .fence = postgres_fence,
                                             .hurry = postgres_hurry,
                                             .close = postgres_close,
                                             .check = postgres_check,
                                             .print_setup = postgres_print_setup};
