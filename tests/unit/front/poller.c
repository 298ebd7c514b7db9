/* SPDX-License-Identifier: ISC */
/* What happens on a descriptor reaches its own owner, and nobody else. */
#include "front/poller.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"

#define SOON (20 * NANOS_PER_MS)

struct end {
    int ours, theirs;
    uint32_t seen;
    int calls;
};

static struct poller poller;
static struct end ends[2];

static void on_event(void *owner, uint32_t events)
{
    struct end *end = owner;
    end->seen = events;
    end->calls++;
}

static int start(void **state)
{
    (void)state;
    must(poller_open(&poller, on_event), "no poller");
    for (int i = 0; i < 2; i++) {
        int pair[2];
        must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "no sockets");
        ends[i] = (struct end){pair[0], pair[1], 0, 0};
        must(poller_add(&poller, ends[i].ours, &ends[i], EPOLLIN), "not added");
    }
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        close(ends[i].ours);
        close(ends[i].theirs);
    }
    poller_close(&poller);
    return 0;
}

static void say(int i)
{
    must(write(ends[i].theirs, "x", 1) == 1, "write");
}

static bool turn(void)
{
    ends[0].calls = ends[1].calls = 0;
    return poller_wait(&poller, instant_after(clock_now(), SOON));
}

static void who_has_something_is_called(void **state)
{
    (void)state;
    say(1);
    for (int i = 0; i < 2; i++) { /* and again, until it is read */
        assert_false(turn());
        assert_int_equal(ends[0].calls, 0);
        assert_int_equal(ends[1].calls, 1);
        assert_int_equal(ends[1].seen, EPOLLIN);
    }
    say(0);
    assert_false(turn());
    assert_int_equal(ends[0].calls, 1);
    assert_int_equal(ends[1].calls, 1);
}

static void only_what_is_asked_for_is_told(void **state)
{
    (void)state;
    say(0);
    assert_true(poller_watch(&poller, ends[0].ours, &ends[0], EPOLLOUT));
    assert_false(turn());
    assert_int_equal(ends[0].seen, EPOLLOUT);
    assert_true(poller_watch(&poller, ends[0].ours, &ends[0], EPOLLIN));
    assert_false(turn());
    assert_int_equal(ends[0].seen, EPOLLIN);
    poller_remove(&poller, ends[0].ours);
    assert_false(turn());
    assert_int_equal(ends[0].calls, 0);
    assert_false(poller_watch(&poller, ends[0].ours, &ends[0], EPOLLIN));
    assert_int_equal(errno, ENOENT);
}

static void nothing_is_waited_for_longer_than_it_may(void **state)
{
    struct instant until = instant_after(clock_now(), SOON);
    (void)state;
    assert_false(poller_wait(&poller, until));
    assert_true(clock_now().at >= until.at); /* rounded up: nobody spins at the end */
    assert_false(poller_wait(&poller, until));
    assert_int_equal(ends[0].calls + ends[1].calls, 0);
}

static void *ring(void *context)
{
    (void)context;
    usleep(10000);
    poller_ring(&poller);
    return NULL;
}

static void a_ring_ends_the_wait_once(void **state)
{
    pthread_t thread;
    (void)state;
    must(pthread_create(&thread, NULL, ring, NULL) == 0, "no thread");
    assert_true(poller_wait(&poller, INSTANT_NEVER));
    pthread_join(thread, NULL);
    assert_false(turn());
    poller_ring(&poller);
    poller_ring(&poller);
    say(0);
    assert_true(turn());
    assert_int_equal(ends[0].calls, 1);
    assert_false(turn());
}

static void what_can_not_be_watched_is_refused(void **state)
{
    struct end none = {-1, -1, 0, 0};
    (void)state;
    assert_false(poller_add(&poller, none.ours, &none, EPOLLIN));
    assert_int_equal(errno, EBADF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(who_has_something_is_called),
        TEST(only_what_is_asked_for_is_told),
        TEST(nothing_is_waited_for_longer_than_it_may),
        TEST(a_ring_ends_the_wait_once),
        TEST(what_can_not_be_watched_is_refused),
    };
    return cmocka_run_group_tests_name("front/poller", tests, NULL, NULL);
}
