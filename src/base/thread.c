/* SPDX-License-Identifier: ISC */
/*
 * A sleep that a signal does not cut short.
 */
#include "fcgiwait/thread.h"

#include <time.h>

void thread_pause(nanos span)
{
    struct timespec left = {span / NANOS_PER_SECOND, span % NANOS_PER_SECOND};
    while (nanosleep(&left, &left) != 0)
        ; /* a signal */
}
