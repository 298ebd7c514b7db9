#include "fcgiwait/thread.h"

#include <pthread.h>
#include <sched.h>

void thread_wait_its_turn(void)
{
    int policy;
    struct sched_param param;
    if (pthread_getschedparam(pthread_self(), &policy, &param) == 0 &&
        policy == SCHED_OTHER) /* if it fails, all goes on as it would have */
        pthread_setschedparam(pthread_self(), SCHED_BATCH, &param);
}
