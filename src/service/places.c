/* SPDX-License-Identifier: ISC */
/* places: one counter for all, and a table of counters by the bytes that name a client.
 * Where clients are not told apart, the lock is never taken. */
#include "places.h"

#include <stdlib.h>

/* Memory that runs out must not end the process (uthash's default). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct place {
    UT_hash_handle hh;
    int64_t taken;
    size_t len;
    char client[];
};

void places_open(struct places *places)
{
    atomic_init(&places->taken, 0);
    places->clients = NULL;
    lock_init(&places->lock, LOCK_PLACES);
}

void places_dispose(struct places *places)
{
    lock_destroy(&places->lock);
}

/* The lock is held. NULL: out of memory. */
static struct place *place_new(struct places *places, struct text client)
{
    struct place *place = malloc(sizeof *place + client.len);
    if (place == NULL)
        return NULL;
    place->taken = 0;
    place->len = client.len;
    memcpy(place->client, client.at, client.len);
    HASH_ADD_KEYPTR(hh, places->clients, place->client, place->len, place);
    if (place->hh.tbl == NULL) { /* how uthash says that it had no memory */
        free(place);
        return NULL;
    }
    return place;
}

/* The lock is held. */
static enum places_taken take(struct places *places, struct text client, int64_t most,
                              struct place **found)
{
    struct place *place;
    HASH_FIND(hh, places->clients, client.at, client.len, place);
    if (place == NULL)
        place = place_new(places, client);
    if (place == NULL)
        return PLACES_NO_MEMORY;
    if (place->taken >= most)
        return PLACES_CLIENT_FULL;
    place->taken++;
    *found = place;
    return PLACES_TAKEN;
}

enum places_taken places_take(struct places *places, struct text client,
                              struct places_limits limits, struct place **place)
{
    enum places_taken result = PLACES_TAKEN;
    *place = NULL;
    if (atomic_fetch_add_explicit(&places->taken, 1, memory_order_relaxed) >= limits.all)
        result = PLACES_FULL;
    else if (client.len > 0 && limits.client > 0) {
        lock_take(&places->lock);
        result = take(places, client, limits.client, place);
        lock_drop(&places->lock);
    }
    if (result != PLACES_TAKEN)
        atomic_fetch_sub_explicit(&places->taken, 1, memory_order_relaxed);
    return result;
}

void places_leave(struct places *places, struct place **pointer)
{
    struct place *place = *pointer;
    *pointer = NULL;
    atomic_fetch_sub_explicit(&places->taken, 1, memory_order_relaxed);
    if (place == NULL)
        return;
    lock_take(&places->lock);
    bool last = --place->taken == 0;
    if (last)
        HASH_DEL(places->clients, place);
    lock_drop(&places->lock);
    if (last)
        free(place);
}
