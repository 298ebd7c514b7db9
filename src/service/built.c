/* SPDX-License-Identifier: ISC */
/* built: a handful, looked through one by one; what nobody has asked for the longest goes
 * first. */
#include "built.h"

#include <stdlib.h>

void built_open(struct built *built, enum lock_rank rank, size_t bytes_most)
{
    *built = (struct built){.bytes_most = bytes_most};
    lock_init(&built->lock, rank);
}

static void dispose(struct built_one *ones, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        chunk_unref(&ones[i].chunk);
        free((char *)ones[i].key.what.at);
    }
}

void built_dispose(struct built *built)
{
    dispose(built->at, built->count);
    lock_destroy(&built->lock);
}

static bool is_same(const struct built_key *a, const struct built_key *b)
{
    return a->index == b->index && a->from == b->from && a->goes_on == b->goes_on &&
           a->horizon == b->horizon && a->undeleted == b->undeleted &&
           a->rules == b->rules && a->flags == b->flags && text_is(a->what, b->what);
}

/* NULL: there is none. */
static struct built_one *find(struct built *built, const struct built_key *key)
{
    for (size_t i = 0; i < built->count; i++)
        if (is_same(&built->at[i].key, key))
            return &built->at[i];
    return NULL;
}

struct chunk *built_find(struct built *built, const struct built_key *key,
                         uint64_t *reached)
{
    struct chunk *chunk = NULL;
    lock_take(&built->lock);
    struct built_one *one = find(built, key);
    built->lookups++;
    if (one != NULL) {
        one->used = built->lookups;
        *reached = one->reached;
        chunk = chunk_ref(one->chunk);
    }
    lock_drop(&built->lock);
    return chunk;
}

static struct built_one take_oldest(struct built *built)
{
    struct built_one *oldest = built->at;
    for (size_t i = 1; i < built->count; i++)
        if (built->at[i].used < oldest->used)
            oldest = &built->at[i];
    struct built_one taken = *oldest;
    built->bytes -= taken.bytes;
    *oldest = built->at[--built->count];
    return taken;
}

void built_add(struct built *built, const struct built_key *key, struct chunk *chunk,
               uint64_t reached)
{
    struct built_one taken[BUILT_MOST];
    struct built_one one = {.key = *key, .chunk = chunk, .reached = reached};
    size_t count = 0;
    one.bytes = chunk_text(chunk).len + key->what.len;
    char *what = one.bytes <= built->bytes_most ? malloc(key->what.len + 1) : NULL;
    if (what == NULL)
        return;
    text_put(what, key->what);
    one.key.what.at = what;
    chunk_ref(chunk);
    lock_take(&built->lock);
    while (built->count == BUILT_MOST || one.bytes > built->bytes_most - built->bytes)
        taken[count++] = take_oldest(built);
    one.used = built->lookups;
    built->at[built->count++] = one;
    built->bytes += one.bytes;
    lock_drop(&built->lock);
    dispose(taken, count);
}
