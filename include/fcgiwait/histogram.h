/* SPDX-License-Identifier: ISC */
/*
 * histogram: how long things took, counted by bounds that fit what is told over a
 * network: from half a millisecond to ten seconds.
 *
 * Any thread adds without a lock: two additions, which is below a hundredth of a GET.
 * Readers see each number whole, not all at one moment. All zero is a new one.
 */
#ifndef FCGIWAIT_HISTOGRAM_H
#define FCGIWAIT_HISTOGRAM_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/clock.h"

#define HISTOGRAM_BOUNDS 14

struct histogram {
    _Atomic int64_t counts[HISTOGRAM_BOUNDS + 1]; /* the last: above all bounds */
    _Atomic int64_t sum;                          /* nanoseconds */
};

/* Times below zero, as a clock that was set back makes them, count as zero. */
void histogram_add(struct histogram *histogram, nanos took);

/* The upper bound of a bucket, in nanoseconds; `bucket` is below HISTOGRAM_BOUNDS. */
nanos histogram_bound(size_t bucket);

int64_t histogram_count(const struct histogram *histogram);

/* The bound that a share of all (0 to 1) lies at or below; 0: nothing was added,
 * INT64_MAX: it lies above the last bound. */
nanos histogram_quantile(const struct histogram *histogram, double share);

#endif
