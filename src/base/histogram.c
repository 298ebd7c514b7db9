/* SPDX-License-Identifier: ISC */
/*
 * How long things took, counted in one table of bounds for all histograms. Whoever
 * changes a bound changes what dashboards and alerts compare with what was counted
 * before.
 */
#include "fcgiwait/histogram.h"

#define US (NANOS_PER_MS / 1000)

static const nanos bounds[HISTOGRAM_BOUNDS] = {500 * US,
                                               1 * NANOS_PER_MS,
                                               2500 * US,
                                               5 * NANOS_PER_MS,
                                               10 * NANOS_PER_MS,
                                               25 * NANOS_PER_MS,
                                               50 * NANOS_PER_MS,
                                               100 * NANOS_PER_MS,
                                               250 * NANOS_PER_MS,
                                               500 * NANOS_PER_MS,
                                               1 * NANOS_PER_SECOND,
                                               2500 * NANOS_PER_MS,
                                               5 * NANOS_PER_SECOND,
                                               10 * NANOS_PER_SECOND};

static int64_t count_of(const struct histogram *histogram, size_t bucket)
{
    return atomic_load_explicit(&histogram->counts[bucket], memory_order_relaxed);
}

static void add(struct histogram *histogram, size_t bucket, int64_t value)
{
    atomic_fetch_add_explicit(&histogram->counts[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&histogram->sum, value, memory_order_relaxed);
}

void histogram_add(struct histogram *histogram, nanos took)
{
    size_t bucket = 0;
    if (took < 0)
        took = 0;
    while (bucket < HISTOGRAM_BOUNDS && took > bounds[bucket])
        bucket++;
    add(histogram, bucket, took);
}

void histogram_add_size(struct histogram *histogram, size_t bytes)
{
    size_t bucket = 0;
    while (bucket < HISTOGRAM_BOUNDS && (int64_t)bytes > histogram_size_bound(bucket))
        bucket++;
    add(histogram, bucket, (int64_t)bytes);
}

nanos histogram_bound(size_t bucket)
{
    return bounds[bucket];
}

int64_t histogram_size_bound(size_t bucket)
{
    return INT64_C(1) << (2 * bucket);
}

int64_t histogram_count(const struct histogram *histogram)
{
    int64_t count = 0;
    for (size_t i = 0; i <= HISTOGRAM_BOUNDS; i++)
        count += count_of(histogram, i);
    return count;
}

size_t histogram_quantile(const struct histogram *histogram, double share)
{
    int64_t all = histogram_count(histogram), below = 0;
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        below += count_of(histogram, i);
        if ((double)below >= share * (double)all)
            return i;
    }
    return HISTOGRAM_BOUNDS;
}
