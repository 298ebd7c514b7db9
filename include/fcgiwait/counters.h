/* SPDX-License-Identifier: ISC */
/*
 * counters: what the process has done and holds, for the status and the metrics.
 *
 * Any thread adds without a lock; readers see each number whole, not all at one moment.
 * counters.def is the one table: field, kind, help.
 */
#ifndef FCGIWAIT_COUNTERS_H
#define FCGIWAIT_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "fcgiwait/histogram.h"

struct counters {
#define COUNTER(field, help) _Atomic int64_t field;
#define GAUGE(field, help) _Atomic int64_t field;
#define HISTOGRAM(field, help) struct histogram field;
#define SIZES(field, help) struct histogram field;
#include "fcgiwait/counters.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef SIZES
};

static inline void counter_add(_Atomic int64_t *counter, int64_t by)
{
    atomic_fetch_add_explicit(counter, by, memory_order_relaxed);
}

static inline int64_t counter_read(const _Atomic int64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static inline void counter_set(_Atomic int64_t *counter, int64_t value)
{
    atomic_store_explicit(counter, value, memory_order_relaxed);
}

#endif
