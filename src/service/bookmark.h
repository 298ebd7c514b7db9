/* SPDX-License-Identifier: ISC */
/*
 * bookmark: what a page ends with where no index is good to go on from. Private to the
 * service; pure.
 *
 * An index below the horizon says nothing about what was deleted since. But who begins
 * anew is told the oldest documents first, and those may well be older than the horizon.
 * A page that stops among them ends with a bookmark: a number that no change ever gets as
 * its index, made of the index that it stopped at and of the horizon. Any process finds
 * the place again that has both, and none once one of them has changed: then the client
 * begins anew.
 */
#ifndef FCGIWAIT_SERVICE_BOOKMARK_H
#define FCGIWAIT_SERVICE_BOOKMARK_H

#include <stdbool.h>
#include <stdint.h>

#include "fcgiwait/change.h"

/* Indexes come from the clock, in microseconds, and reach this in the year 2112. */
#define BOOKMARK_LEAST (INDEX_LIMIT / 2)

uint64_t bookmark_of(uint64_t index, uint64_t horizon);

/* Whether the number can be one. */
bool bookmark_can_be(uint64_t number);

#endif
