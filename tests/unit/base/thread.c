/* SPDX-License-Identifier: ISC */
#include <pthread.h>
#include <sched.h>

#include "fcgiwait/thread.h"
#include "must.h"

static int policy_now(void)
{
    int policy;
    struct sched_param param;
    assert_int_equal(pthread_getschedparam(pthread_self(), &policy, &param), 0);
    return policy;
}

static void *wait_its_turn(void *context)
{
    struct sched_param param = {0};
    int *policy = context; /* in: what somebody has chosen; out: what it is then */
    pthread_setschedparam(pthread_self(), *policy, &param);
    thread_wait_its_turn();
    *policy = policy_now();
    return NULL;
}

static int policy_after(int chosen)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_its_turn, &chosen), 0);
    pthread_join(thread, NULL);
    return chosen;
}

static void an_ordinary_thread_pushes_nobody_off(void **state)
{
    (void)state;
    int before = policy_now();
    assert_int_equal(policy_after(SCHED_OTHER), SCHED_BATCH);
    assert_int_equal(policy_now(), before); /* and no other thread is touched */
}

static void a_chosen_policy_stays(void **state)
{
    (void)state;
    assert_int_equal(policy_after(SCHED_IDLE), SCHED_IDLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ordinary_thread_pushes_nobody_off),
        cmocka_unit_test(a_chosen_policy_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
