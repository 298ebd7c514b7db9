/* SPDX-License-Identifier: ISC */
/*
 * A bookmark is a hash of index and horizon in the half of all numbers that the clock
 * does not reach. Another hash would make bookmarks of before an upgrade void: their
 * clients begin anew.
 */
#include "bookmark.h"

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
    return BOOKMARK_LEAST | (mix(mix(horizon) ^ index) & (BOOKMARK_LEAST - 1));
}

bool bookmark_can_be(uint64_t number)
{
    return number >= BOOKMARK_LEAST && number < INDEX_LIMIT;
}
