/* SPDX-License-Identifier: ISC */
/*
 * stats: numbers and what the kernel knows about processes.
 */
#ifndef BENCH_STATS_H
#define BENCH_STATS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct samples {
    double *at;
    size_t count, room;
};

void samples_add(struct samples *samples, double value);

/* Before the first samples_quantile(). */
void samples_sort(struct samples *samples);

/* From 0 (the least) to 1 (the greatest); 0 where there are none. */
double samples_quantile(const struct samples *samples, double part);

/* One moment of a process, its threads and all its descendants. */
struct usage {
    long processes, threads, rss_kb, descriptors;
    double cpu_ms;
    long voluntary, involuntary; /* context switches */
};

struct usage usage_of(pid_t pid);

#endif
