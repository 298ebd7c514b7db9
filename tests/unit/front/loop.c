/* SPDX-License-Identifier: ISC */
/* Half a request is not waited for for ever, and only half a one. The clock is the
 * test's (--wrap, tests/Makefile.am). */
#include "front/loop.h"

#include <unistd.h>

#include "front_rig.h"
#include "must.h"

#define LONG_ENOUGH (61 * NANOS_PER_SECOND) /* for half a request to be given up */

static _Atomic int64_t ahead; /* of the real clock */

struct instant __real_clock_now(void);
struct instant __wrap_clock_now(void);

struct instant __wrap_clock_now(void)
{
    return (struct instant){__real_clock_now().at + ahead};
}

/* The front's thread is through with all that came before, and has looked at the clock.
 */
static void turn(int fd)
{
    for (int id = 1; id <= 2; id++) {
        struct records records = {0};
        struct answer answer;
        records_get(&records, id, true, "/none");
        fcgi_say(fd, &records);
        assert_true(fcgi_read_answer(fd, id, &answer));
        answer_free(&answer);
    }
}

static void half_a_request_is_given_up_after_a_minute(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int half = front_rig_connect(front_rig), other = front_rig_connect(front_rig);
    records_begin(&records, 1, true);
    fcgi_say(half, &records);
    turn(other);
    assert_true(fcgi_is_quiet(half, 0));
    ahead += LONG_ENOUGH;
    turn(other);
    assert_true(fcgi_is_closed(half));
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections_broken),
                     1);
    turn(other); /* which rests between requests as long as it likes */
    close(half);
    close(other);
}

static void every_word_gives_another_minute(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    struct answer answer;
    int slow = front_rig_connect(front_rig), silent = front_rig_connect(front_rig),
        other = front_rig_connect(front_rig);
    records_begin(&records, 1, true);
    fcgi_say(slow, &records);
    turn(other);
    records_begin(&records, 1, true);
    fcgi_say(silent, &records);
    turn(other);
    for (int i = 0; i < 5; i++) {
        ahead += LONG_ENOUGH / 2;
        records_add(&records, FCGI_PARAMS, 1, "\0\0", 2);
        fcgi_say(slow, &records);
        turn(other);
    }
    assert_true(fcgi_is_closed(silent));
    records_add(&records, FCGI_PARAMS, 1, NULL, 0);
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    fcgi_say(slow, &records);
    assert_true(fcgi_read_answer(slow, 1, &answer));
    answer_free(&answer);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections_broken),
                     1);
    close(slow);
    close(silent);
    close(other);
}

/* Held, with half a record behind it; idle, and never asked. */
static void nothing_else_is_given_up(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int held = front_rig_connect(front_rig), fresh = front_rig_connect(front_rig),
        other = front_rig_connect(front_rig);
    records_get(&records, 1, true, "/a?index=0&wait=36000");
    records_raw(&records, "\1\5", 2);
    fcgi_say(held, &records);
    front_rig_await(&front_rig->service_rig.counters.waiting, 1);
    turn(other);
    for (int i = 0; i < 10; i++) {
        ahead += LONG_ENOUGH;
        turn(other);
    }
    assert_true(fcgi_is_quiet(held, 0));
    assert_true(fcgi_is_quiet(fresh, 0));
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections), 3);
    close(held);
    close(fresh);
    close(other);
}

/* A record was begun behind the held request, and is never finished. */
static void half_a_request_behind_an_answer_is_given_up_too(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    struct answer answer;
    int held = front_rig_connect(front_rig), other = front_rig_connect(front_rig);
    records_get(&records, 1, true, "/a?index=0&wait=36000");
    records_raw(&records, "\1\5", 2);
    fcgi_say(held, &records);
    front_rig_await(&front_rig->service_rig.counters.waiting, 1);
    turn(other);
    ahead += LONG_ENOUGH;
    turn(other);
    service_rig_put(&front_rig->service_rig, "/a", "1");
    assert_true(fcgi_read_answer(held, 1, &answer));
    answer_free(&answer);
    turn(other);
    assert_true(fcgi_is_quiet(held, 0));
    ahead += LONG_ENOUGH;
    turn(other);
    assert_true(fcgi_is_closed(held));
    close(held);
    close(other);
}

#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, front_rig_setup, front_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(half_a_request_is_given_up_after_a_minute),
        TEST(every_word_gives_another_minute),
        TEST(nothing_else_is_given_up),
        TEST(half_a_request_behind_an_answer_is_given_up_too),
    };
    return cmocka_run_group_tests_name("front/loop", tests, NULL, NULL);
}
