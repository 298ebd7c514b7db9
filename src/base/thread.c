/* SPDX-License-Identifier: ISC */
/*
 * What a thread asks of the scheduler. It is always a wish: where the system refuses, all
 * goes on as before.
 */
#include "fcgiwait/thread.h"

#include <pthread.h>
#include <sched.h>
#include <time.h>

void thread_wait_its_turn(void)
{
    int policy;
    struct sched_param param;
    if (pthread_getschedparam(pthread_self(), &policy, &param) == 0 &&
        policy == SCHED_OTHER) /* if it fails, all goes on as it would have */
        pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
}

void thread_pause(nanos span)
{
    struct timespec left = {span / NANOS_PER_SECOND, span % NANOS_PER_SECOND};
    while (nanosleep(&left, &left) != 0)
        ; /* a signal */
}
