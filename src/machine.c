/* SPDX-License-Identifier: ISC */
/*
 * Fits what is wanted to what there is. Everything that keeps a descriptor open for long
 * and is no held request has to fit into DESCRIPTORS_KEPT.
 */
#include "machine.h"

#include <sys/resource.h>
#include <unistd.h>

#include "fcgiwait/log.h"

/* Descriptors that are not for held requests: files, epoll sets, and the plain requests
 * that go through while as many as allowed are held. */
#define DESCRIPTORS_KEPT 256

#define FRONT_THREADS_MOST 8

static rlim_t raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return DESCRIPTORS_KEPT;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

int64_t machine_waiting(const struct config *config)
{
    rlim_t limit = raise_descriptors();
    int64_t most = limit > 2 * DESCRIPTORS_KEPT ? (int64_t)(limit - DESCRIPTORS_KEPT)
                                                : (int64_t)(limit / 2);
    if (limit == RLIM_INFINITY || config->max_waiting <= most)
        return config->max_waiting;
    log_warn("max_waiting = %lld does not fit the limit of %llu open files: %lld "
             "requests will be held at most; raise the limit (LimitNOFILE= in the "
             "systemd unit, ulimit -n) to %lld",
             (long long)config->max_waiting, (unsigned long long)limit, (long long)most,
             (long long)config->max_waiting + DESCRIPTORS_KEPT);
    return most;
}

static unsigned cores(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count > 0 ? (unsigned)count : 1;
}

unsigned machine_workers(const struct config *config)
{
    if (config->threads > 0)
        return (unsigned)config->threads;
    return cores() < 2 ? 2 : cores();
}

unsigned machine_front_threads(void)
{
    unsigned half = (cores() + 1) / 2;
    return half < FRONT_THREADS_MOST ? half : FRONT_THREADS_MOST;
}
