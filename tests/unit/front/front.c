/* SPDX-License-Identifier: ISC */
/* How the front stops: whoever was let in is answered, nobody is waited for without end,
 * and nothing is left behind. */
#include "fcgiwait/front.h"

#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front/connection.h"
#include "front_rig.h"
#include "must.h"
#include "slow_store.h"

#define LARGE 1000000
#define PATIENCE (60 * NANOS_PER_SECOND)

/* Each test has closed its front_rig. */
static int stop(void **state)
{
    assert_null(((struct front_rig *)*state)->front);
    return front_rig_teardown(state);
}

static void ask(int fd, int id, const char *path, long status)
{
    struct records records = {0};
    records_get(&records, id, true, path);
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, id, status);
}

static int connect_and_wait(struct front_rig *front_rig)
{
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    int64_t before = counter_read(&front_rig->service_rig.counters.waiting);
    records_get(&records, 1, true, "/a?index=0&wait=3600");
    fcgi_say(fd, &records);
    front_rig_await(&front_rig->service_rig.counters.waiting, before + 1);
    return fd;
}

/* It is for the web server to close it, as it does here. */
static void must_be_dismissed(int fd)
{
    assert_true(fcgi_is_dismissed(fd));
    close(fd);
}

/* There was no time for words, or just. */
static void must_be_over(int fd)
{
    char bytes[64];
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        ;
    assert_true(fcgi_is_closed(fd));
    close(fd);
}

static int64_t broken(const struct front_rig *front_rig)
{
    return counter_read(&front_rig->service_rig.counters.connections_broken);
}

/* --- without haste --- */

static void the_stop_dismisses_what_carries_no_request(void **state)
{
    struct front_rig *front_rig = *state;
    int fds[3];
    for (int i = 0; i < 3; i++) {
        fds[i] = front_rig_connect(front_rig);
        ask(fds[i], 1, "/b", 404);
    }
    front_stop(front_rig->front);
    for (int i = 0; i < 3; i++)
        must_be_dismissed(fds[i]);
    front_rig_close(front_rig, PATIENCE);
    assert_int_equal(broken(front_rig), 0);
}

/* This web server does not take the hint. */
static void who_waits_is_answered_and_its_connection_closed(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = connect_and_wait(front_rig);
    front_rig_close(front_rig, PATIENCE);
    fcgi_must_hear(fd, 1, 304);
    assert_true(fcgi_is_dismissed(fd));
    assert_true(fcgi_is_closed(fd));
    close(fd);
    assert_int_equal(broken(front_rig), 0);
}

static void half_a_request_may_still_become_whole(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    const char *const pairs[] = {"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/b", NULL};
    int fd = front_rig_connect(front_rig), idle = front_rig_connect(front_rig);
    ask(idle, 1, "/b", 404);
    records_begin(&records, 1, true);
    fcgi_say(fd, &records);
    ask(idle, 2, "/b", 404); /* by now the half one was read */
    front_stop(front_rig->front);
    must_be_dismissed(idle);
    records_params(&records, 1, pairs);
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 1, 404);
    must_be_dismissed(fd);
    front_rig_close(front_rig, PATIENCE);
    assert_int_equal(broken(front_rig), 0);
}

/* A web server connects in order to ask. */
static void who_was_just_let_in_may_still_ask(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_connect(front_rig), idle = front_rig_connect(front_rig);
    ask(idle, 1, "/b", 404);
    front_stop(front_rig->front);
    must_be_dismissed(idle); /* the stop was heard */
    assert_true(fcgi_is_dismissed(fd));
    records_get(&records, 1, true, "/b");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 1, 404);
    must_be_dismissed(fd);
    front_rig_close(front_rig, PATIENCE);
    assert_int_equal(broken(front_rig), 0);
}

static void an_abort_at_the_stop_dismisses_the_connection(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    unsigned char end[16];
    int fd = connect_and_wait(front_rig), idle = front_rig_connect(front_rig);
    ask(idle, 1, "/b", 404);
    front_stop(front_rig->front);
    must_be_dismissed(idle);
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    fcgi_say(fd, &records);
    assert_int_equal(recv(fd, end, sizeof end, MSG_WAITALL), sizeof end);
    assert_int_equal(end[1], FCGI_END_REQUEST);
    must_be_dismissed(fd);
    front_rig_close(front_rig, PATIENCE);
    assert_int_equal(broken(front_rig), 0);
}

/* --- requests that nobody has read yet --- */

static struct {
    sem_t entered, go_on;
    _Atomic bool armed;
} door;

void __real_reading_event(void *owner, uint32_t what);
void __wrap_reading_event(void *owner, uint32_t what);

void __wrap_reading_event(void *owner, uint32_t what)
{
    if (atomic_exchange(&door.armed, false)) {
        sem_post(&door.entered);
        while (sem_wait(&door.go_on) != 0)
            ;
    }
    __real_reading_event(owner, what);
}

/* The front's thread is busy when they come and when it is told to stop: more of them
 * than it looks at in one turn, some on connections that have served before. */
static void requests_that_came_before_the_stop_are_answered(void **state)
{
    enum { KEPT = 150, NEW = 150 };
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int busy = front_rig_connect(front_rig), fds[KEPT + NEW];
    ask(busy, 1, "/b", 404);
    for (int i = 0; i < KEPT; i++) {
        fds[i] = front_rig_connect(front_rig);
        ask(fds[i], 1, "/b", 404);
    }
    sem_init(&door.entered, 0, 0);
    sem_init(&door.go_on, 0, 0);
    door.armed = true;
    records_get(&records, 2, true, "/b");
    fcgi_say(busy, &records);
    while (sem_wait(&door.entered) != 0)
        ;
    for (int i = 0; i < KEPT + NEW; i++) {
        if (i >= KEPT)
            fds[i] = front_rig_connect(front_rig);
        records_get(&records, 2, true, "/b");
        fcgi_say(fds[i], &records);
    }
    front_stop(front_rig->front);
    sem_post(&door.go_on);
    fcgi_must_hear(busy, 2, 404);
    for (int i = 0; i < KEPT + NEW; i++) {
        fcgi_must_hear(fds[i], 2, 404);
        must_be_dismissed(fds[i]);
    }
    close(busy);
    front_rig_close(front_rig, PATIENCE);
    assert_int_equal(broken(front_rig), 0);
}

/* --- when patience is at its end --- */

static void who_never_reads_is_given_up(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    char byte;
    front_rig_put(front_rig, "/large", LARGE);
    int fd = front_rig_connect(front_rig);
    records_get(&records, 1, true, "/large");
    fcgi_say(fd, &records);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    front_rig_close(front_rig, NANOS_PER_MS);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections), 0);
    close(fd);
}

static void half_a_request_that_does_not_go_on_is_given_up(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_connect(front_rig), fresh = front_rig_connect(front_rig),
        idle = front_rig_connect(front_rig);
    records_begin(&records, 1, true);
    fcgi_say(fd, &records);
    ask(idle, 2, "/b", 404);
    front_rig_close(front_rig, NANOS_PER_MS);
    must_be_over(fd);
    must_be_over(fresh);
    must_be_over(idle);
}

/* Its answer comes when the front's threads have ended already. */
static void a_publish_that_outlives_the_front_is_still_answered(void **state)
{
    struct front_rig *front_rig = *state;
    struct slow_store slow;
    struct records records = {0};
    slow_store_open(&slow, &front_rig->service_rig);
    int fd = front_rig_connect(front_rig), gone = front_rig_connect(front_rig);
    records_put(&records, 1, true, "/a", "x");
    fcgi_say(fd, &records);
    front_rig_await(&slow.waiting, 1);
    front_rig_close(front_rig, NANOS_PER_MS);
    fcgi_must_hear(fd, 1, 201);
    assert_true(fcgi_is_closed(fd));
    close(fd);
    close(gone);
}

static void a_publisher_that_went_away_is_forgotten_once_it_is_done(void **state)
{
    struct front_rig *front_rig = *state;
    struct slow_store slow;
    struct records records = {0};
    slow_store_open(&slow, &front_rig->service_rig);
    int fd = front_rig_connect(front_rig);
    records_put(&records, 1, true, "/a", "x");
    fcgi_say(fd, &records);
    front_rig_await(&slow.waiting, 1);
    shutdown(fd, SHUT_WR);
    assert_true(fcgi_is_closed(fd)); /* its descriptor is not kept for the answer */
    close(fd);
    int other = front_rig_connect(front_rig);
    ask(other, 1, "/b", 404);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections), 2);
    slow_store_go_on(&slow);
    front_rig_await(&front_rig->service_rig.counters.connections, 1);
    front_rig_close(front_rig, PATIENCE);
    close(other);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, front_rig_setup, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_stop_dismisses_what_carries_no_request),
        TEST(who_waits_is_answered_and_its_connection_closed),
        TEST(half_a_request_may_still_become_whole),
        TEST(who_was_just_let_in_may_still_ask),
        TEST(an_abort_at_the_stop_dismisses_the_connection),
        TEST(requests_that_came_before_the_stop_are_answered),
        TEST(who_never_reads_is_given_up),
        TEST(half_a_request_that_does_not_go_on_is_given_up),
        TEST(a_publish_that_outlives_the_front_is_still_answered),
        TEST(a_publisher_that_went_away_is_forgotten_once_it_is_done),
    };
    return cmocka_run_group_tests_name("front/front", tests, NULL, NULL);
}
