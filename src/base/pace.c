/* SPDX-License-Identifier: ISC */
/*
 * All that is done for speed alone and may be wrong on another machine: what is asked of
 * the scheduler is a wish, and each sleep is bounded. Whoever changes a number here runs
 * the bench, old and new in turns, and writes the figures into pace.h.
 */
#include "fcgiwait/pace.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <sys/ioctl.h>

#include "fcgiwait/thread.h"

/* How long, and how many times, to sleep while ahead. */
#define NAP (NANOS_PER_MS / 5)
#define NAPS 10

/* Who answers more than so many lets the publisher go first, for so long. */
#define CROWD 128
#define PUBLISHERS_TURN (NANOS_PER_MS / 5)

/* Larger pieces of memory come from the system and go back to it; and so does what is
 * free behind all others, above the second. */
#define MEMORY_OURS (4 << 20)
#define MEMORY_KEPT (8 << 20)

/* Where the latest answers of this thread went. A number may mean another connection by
 * now, or none: that changes the pace for a moment. */
static _Thread_local struct {
    int fds[PACE_AHEAD];
    unsigned next;
} latest;

void pace_wait_its_turn(void)
{
    int policy;
    struct sched_param param;
    if (pthread_getschedparam(pthread_self(), &policy, &param) == 0 &&
        policy == SCHED_OTHER) /* if it fails, all goes on as it would have */
        pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
}

void pace_sent(int fd)
{
    latest.fds[latest.next++ % PACE_AHEAD] = fd;
}

bool pace_is_ahead(void)
{
    int bytes;
    return ioctl(latest.fds[latest.next % PACE_AHEAD], TIOCOUTQ, &bytes) == 0 &&
           bytes > 0;
}

void pace_keep(void)
{
    for (int i = 0; i < NAPS && pace_is_ahead(); i++)
        thread_pause(NAP);
}

bool pace_is_crowded(size_t count)
{
    return count > CROWD;
}

void pace_let_publisher_go_first(void)
{
    thread_pause(PUBLISHERS_TURN);
}

void pace_keep_memory(void)
{
#ifdef M_MMAP_THRESHOLD
    mallopt(M_MMAP_THRESHOLD, MEMORY_OURS);
    mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
#endif
}
