/* SPDX-License-Identifier: ISC */
/* How far a thread is ahead of those who take its answers, on real sockets; what it asks
 * of the scheduler. */
#include "fcgiwait/pace.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgiwait/clock.h"
#include "must.h"

static struct peer {
    int ours, theirs;
} peers[PACE_AHEAD + 2];

static int start(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        int ends[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "no sockets");
        peers[i] = (struct peer){ends[0], ends[1]};
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        close(peers[i].ours);
        close(peers[i].theirs);
    }
    return 0;
}

static void send_to(const struct peer *peer)
{
    assert_int_equal(send(peer->ours, "204", 3, 0), 3);
    pace_sent(peer->ours);
}

static void take_from(const struct peer *peer)
{
    char bytes[4096];
    assert_true(recv(peer->theirs, bytes, sizeof bytes, 0) > 0);
}

static void a_thread_is_ahead_until_its_earlier_answer_is_taken(void **state)
{
    (void)state;
    for (int i = 0; i < PACE_AHEAD; i++) {
        assert_false(i > 0 && pace_is_ahead()); /* nobody was so early yet */
        send_to(&peers[i]);
    }
    assert_true(pace_is_ahead());
    take_from(&peers[0]);
    assert_false(pace_is_ahead());
    send_to(&peers[PACE_AHEAD]);
    assert_true(pace_is_ahead()); /* for the second, now */
    take_from(&peers[1]);
    assert_false(pace_is_ahead());
}

static void nobody_waits_for_a_connection_that_is_gone(void **state)
{
    (void)state;
    send_to(&peers[PACE_AHEAD + 1]);
    assert_true(pace_is_ahead());
    close(peers[2].ours);
    peers[2].ours = -1;
    assert_false(pace_is_ahead());
}

static void whoever_never_takes_them_is_waited_for_in_vain(void **state)
{
    (void)state;
    struct instant before = clock_now();
    send_to(&peers[3]);
    for (int i = 1; i < PACE_AHEAD; i++)
        pace_sent(-1);
    assert_true(pace_is_ahead());
    pace_keep();
    assert_true(clock_now().at > before.at + NANOS_PER_MS);
    assert_true(pace_is_ahead());
}

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
    pace_wait_its_turn();
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

/* As an answer is built: it grows, becomes as small as it is, and is sent. */
static long pages_taken(size_t bytes)
{
    struct rusage before, after;
    getrusage(RUSAGE_SELF, &before);
    char *answer = NULL;
    for (size_t len = 4096; len < bytes; len *= 2) {
        char *larger = realloc(answer, len);
        must(larger != NULL, "no memory");
        answer = memset(larger, 'x', len);
    }
    char *whole = realloc(answer, bytes / 3);
    must(whole != NULL, "no memory");
    getrusage(RUSAGE_SELF, &after);
    free(whole);
    return after.ru_minflt - before.ru_minflt;
}

static void large_answers_are_built_in_memory_that_was_used_before(void **state)
{
    (void)state;
    if (mallinfo2().uordblks == 0)
        skip(); /* a sanitizer's malloc */
    pace_keep_memory();
    long least = pages_taken(1 << 21);
    for (int i = 0; i < 10; i++) { /* a system that is short of memory takes some back */
        long taken = pages_taken(1 << 21);
        least = taken < least ? taken : least;
    }
    assert_in_range(least, 0, 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thread_is_ahead_until_its_earlier_answer_is_taken),
        cmocka_unit_test(nobody_waits_for_a_connection_that_is_gone),
        cmocka_unit_test(whoever_never_takes_them_is_waited_for_in_vain),
        cmocka_unit_test(an_ordinary_thread_pushes_nobody_off),
        cmocka_unit_test(a_chosen_policy_stays),
        cmocka_unit_test(large_answers_are_built_in_memory_that_was_used_before),
    };
    return cmocka_run_group_tests_name("base/pace", tests, start, stop);
}
