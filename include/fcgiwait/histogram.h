/* SPDX-License-Identifier: ISC */
/*
 * histogram: how long things took, counted by bounds that fit what is told over a
 * network: from half a millisecond to ten seconds. Or how large they were: one byte to 64
 * MiB, each bound four times the one before.
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
    _Atomic int64_t sum;                          /* nanoseconds, or bytes */
};

/* Times below zero, as a clock that was set back makes them, count as zero. */
void histogram_add(struct histogram *histogram, nanos took);

/* One histogram has times or sizes. */
void histogram_add_size(struct histogram *histogram, size_t bytes);

/* The upper bound of a bucket, in nanoseconds or bytes; `bucket` is below
 * HISTOGRAM_BOUNDS. */
nanos histogram_bound(size_t bucket);
int64_t histogram_size_bound(size_t bucket);

int64_t histogram_count(const struct histogram *histogram);

/* The bucket up to whose bound a share of all (0 to 1) lies; HISTOGRAM_BOUNDS: it lies
 * above the last one. At least one was added. */
size_t histogram_quantile(const struct histogram *histogram, double share);

#endif
