/* SPDX-License-Identifier: ISC */
/* bookmark: a hash, in the half of all numbers that the clock does not reach. */
#include "bookmark.h"

#include "fcgiwait/change.h"

/* Indexes come from the clock, in microseconds, and reach this in the year 2112. */
#define BOOKMARKS (INDEX_LIMIT / 2)

static uint64_t mix(uint64_t hash)
{
    hash ^= hash >> 31;
    hash *= UINT64_C(0x7fb5d329728ea185);
    hash ^= hash >> 27;
    hash *= UINT64_C(0x81dadef4bc2dd44d);
    return hash ^ hash >> 33;
}

uint64_t bookmark_of(uint64_t index, uint64_t horizon)
{
    return BOOKMARKS | (mix(mix(horizon) ^ index) & (BOOKMARKS - 1));
}

bool bookmark_can_be(uint64_t number)
{
    return number >= BOOKMARKS && number < INDEX_LIMIT;
}
