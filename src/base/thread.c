/* SPDX-License-Identifier: ISC */
/*
 * What a thread does with its time: a sleep that no signal cuts short. How threads share
 * the cores is pace.c's.
 */
#include "fcgiwait/thread.h"

#include <time.h>

void thread_pause(nanos span)
{
    struct timespec left = {span / NANOS_PER_SECOND, span % NANOS_PER_SECOND};
    while (nanosleep(&left, &left) != 0)
        ; /* a signal */
}
