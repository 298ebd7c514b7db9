/* SPDX-License-Identifier: ISC */
/* One connection and the request on it, from both sides. Where two threads meet, the test
 * stands between them: calls from one file of the front into another come here first
 * (--wrap, tests/Makefile.am). */
#include "front/connection.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front_rig.h"
#include "must.h"

#define LARGE 1000000 /* more than a socket takes at once */

/* A GET that waits for "/a". */
static void add_wait(struct front_rig *front_rig, struct records *records, int id,
                     bool keeps)
{
    char path[64];
    snprintf(
        path, sizeof path, "/a?index=%llu&wait=3600",
        (unsigned long long)service_rig_index(&front_rig->service_rig, "/a", SCOPE_SELF));
    records_get(records, id, keeps, path);
}

/* The protocol status of the END_REQUEST that has to be next. */
static int hear_end(int fd, int id)
{
    unsigned char record[16];
    must(recv(fd, record, sizeof record, MSG_WAITALL) == sizeof record, "no record");
    must(record[1] == FCGI_END_REQUEST && (record[2] << 8 | record[3]) == id,
         "a record of type %d", record[1]);
    return record[12];
}

static void wait_and_be_parked(struct front_rig *front_rig, int fd, int id, bool keeps)
{
    struct records records = {0};
    add_wait(front_rig, &records, id, keeps);
    fcgi_say(fd, &records);
    front_rig_await(&front_rig->service_rig.counters.waiting, 1);
}

/* --- answers --- */

static void a_held_request_is_answered_by_another_thread(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = front_rig_connect(front_rig);
    for (int id = 1; id <= 3; id++) {
        wait_and_be_parked(front_rig, fd, id, true);
        service_rig_put(&front_rig->service_rig, "/a", id % 2 == 0 ? "x" : "y");
        fcgi_must_hear(fd, id, 200);
    }
    close(fd);
}

static void a_connection_that_is_not_kept_is_closed_behind_its_answer(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = front_rig_connect(front_rig);
    wait_and_be_parked(front_rig, fd, 1, false);
    service_rig_put(&front_rig->service_rig, "/a", "x");
    fcgi_must_hear(fd, 1, 200);
    assert_true(fcgi_is_closed(fd));
    close(fd);
}

static void a_large_answer_arrives_whole(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    front_rig_put(front_rig, "/large", LARGE);
    int fd = front_rig_connect(front_rig);
    for (int id = 1; id <= 3; id++) {
        struct answer answer;
        records_get(&records, id, true, "/large");
        fcgi_say(fd, &records);
        assert_true(fcgi_read_answer(fd, id, &answer));
        assert_int_equal(answer.body_len, LARGE);
        front_rig_must_be_filled(answer.body, 0, LARGE);
        answer_free(&answer);
    }
    close(fd);
}

static void a_peer_that_goes_away_within_an_answer_is_forgotten(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    char byte;
    front_rig_put(front_rig, "/large", LARGE);
    int fd = front_rig_connect(front_rig);
    records_get(&records, 1, true, "/large");
    fcgi_say(fd, &records);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    close(fd);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
}

/* --- what comes while a request is held or answered --- */

static void a_second_request_is_refused_and_the_first_goes_on(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    add_wait(front_rig, &records, 1, true);
    records_get(&records, 2, true, "/b");
    fcgi_say(fd, &records);
    assert_int_equal(hear_end(fd, 2), FCGI_CANT_MPX_CONN);
    service_rig_put(&front_rig->service_rig, "/a", "x");
    fcgi_must_hear(fd, 1, 200);
    close(fd);
}

/* What the protocol has to say meanwhile does not fall into the middle of the answer. */
static void a_second_request_does_not_break_into_an_answer(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    struct answer answer;
    front_rig_put(front_rig, "/large", LARGE);
    int fd = front_rig_connect(front_rig), other = front_rig_connect(front_rig);
    records_get(&records, 1, true, "/large");
    records_get(&records, 2, true, "/b");
    records_begin(&records, 3, true);
    fcgi_say(fd, &records);
    records_get(&records, 1, true, "/b");
    fcgi_say(other, &records);
    fcgi_must_hear(other, 1,
                   404); /* by now all of it was read, while nobody took the answer */
    must(fcgi_read_answer(fd, 1, &answer), "the answer broke off");
    assert_int_equal(answer.body_len, LARGE);
    answer_free(&answer);
    assert_int_equal(hear_end(fd, 2), FCGI_CANT_MPX_CONN);
    assert_int_equal(hear_end(fd, 3), FCGI_CANT_MPX_CONN);
    records_get(&records, 4, true, "/b");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 4, 404);
    close(other);
    close(fd);
}

/* Nobody asks so much and reads nothing; whoever does costs no memory. */
static void who_asks_on_and_on_within_an_answer_is_closed(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    front_rig_put(front_rig, "/large", LARGE);
    int fd = front_rig_connect(front_rig);
    records_get(&records, 1, true, "/large");
    for (int id = 2; id < 1000; id++)
        records_begin(&records, id, true);
    records_send(&records, fd);
    records_free(&records);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    close(fd);
}

/* The refusal of the second request can't be sent: that ends the connection, and the
 * first request, which is with the service, with it. */
static void a_peer_that_asks_twice_and_goes_away_leaves_nothing_behind(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_knock(front_rig);
    add_wait(front_rig, &records, 1, true);
    records_begin(&records, 2, true);
    fcgi_say(fd, &records);
    close(fd);
    front_accept(front_rig->front);
    front_rig_await(&front_rig->service_rig.counters.held, 1);
    front_rig_await(&front_rig->service_rig.counters.waiting, 0);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    service_rig_put(&front_rig->service_rig, "/a", "x");
    assert_int_equal(counter_read(&front_rig->service_rig.counters.held_gone), 1);
}

/* --- hanging up --- */

static void a_hang_up_frees_the_waiter(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = front_rig_connect(front_rig);
    wait_and_be_parked(front_rig, fd, 1, true);
    close(fd);
    front_rig_await(&front_rig->service_rig.counters.waiting, 0);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.held_gone), 1);
}

/* The request and the end of all requests are mostly seen as one event. */
static void a_peer_that_asks_and_ends_at_once_is_forgotten(void **state)
{
    struct front_rig *front_rig = *state;
    int fds[200];
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        struct records records = {0};
        fds[i] = front_rig_connect(front_rig);
        add_wait(front_rig, &records, 1, true);
        fcgi_say(fds[i], &records);
        shutdown(fds[i], SHUT_WR);
    }
    front_rig_await(&front_rig->service_rig.counters.held_gone, sizeof fds / sizeof *fds);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
        close(fds[i]);
}

static void an_abort_ends_the_request_and_not_the_connection(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    for (int id = 1; id <= 3; id++) {
        wait_and_be_parked(front_rig, fd, id, true);
        records_add(&records, FCGI_ABORT_REQUEST, id, NULL, 0);
        fcgi_say(fd, &records);
        assert_int_equal(hear_end(fd, id), FCGI_REQUEST_COMPLETE);
        front_rig_await(&front_rig->service_rig.counters.waiting, 0);
    }
    close(fd);
}

static void an_abort_within_a_request_ends_it(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    records_begin(&records, 1, true);
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    records_get(&records, 2, true, "/b");
    fcgi_say(fd, &records);
    assert_int_equal(hear_end(fd, 1), FCGI_REQUEST_COMPLETE);
    fcgi_must_hear(fd, 2, 404);
    close(fd);
}

static void an_abort_closes_a_connection_that_is_not_kept(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    wait_and_be_parked(front_rig, fd, 1, false);
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    fcgi_say(fd, &records);
    assert_int_equal(hear_end(fd, 1), FCGI_REQUEST_COMPLETE);
    assert_true(fcgi_is_closed(fd));
    close(fd);
}

static void another_role_closes_a_connection_that_is_not_kept(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int kept = front_rig_connect(front_rig), fd = front_rig_connect(front_rig);
    records_begin(&records, 1, true);
    records.at[8 + 1] = FCGI_FILTER;
    fcgi_say(kept, &records);
    assert_int_equal(hear_end(kept, 1), FCGI_UNKNOWN_ROLE);
    records_begin(&records, 1, false);
    records.at[8 + 1] = FCGI_FILTER;
    fcgi_say(fd, &records);
    assert_int_equal(hear_end(fd, 1), FCGI_UNKNOWN_ROLE);
    assert_true(fcgi_is_closed(fd));
    records_get(&records, 2, true, "/b");
    fcgi_say(kept, &records);
    fcgi_must_hear(kept, 2, 404);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections_broken),
                     0);
    close(fd);
    close(kept);
}

/* --- nothing happens --- */

/* 264 are what malloc() gives whole where pointers have 8 bytes; for one more it takes
 * 16, ten thousand times. */
static void a_connection_that_waits_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct connection) <= 33 * sizeof(void *));
}

static _Atomic long events;

void __real_reading_event(void *owner, uint32_t what);
void __wrap_reading_event(void *owner, uint32_t what);

void __wrap_reading_event(void *owner, uint32_t what)
{
    events++;
    __real_reading_event(owner, what);
}

/* Or a thread would spin for as long as the connection is kept. */
static void a_connection_at_rest_wakes_nobody(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    front_rig_put(front_rig, "/large", LARGE);
    int fd = front_rig_connect(front_rig);
    for (int id = 1; id <= 2; id++) {
        records_get(&records, id, true, id == 1 ? "/large" : "/b");
        fcgi_say(fd, &records);
        fcgi_must_hear(fd, id, id == 1 ? 200 : 404);
    }
    long before = events;
    assert_true(fcgi_is_quiet(fd, 50));
    assert_true(events <= before + 1); /* the last one may just be ending */
    wait_and_be_parked(front_rig, fd, 3, true);
    before = events;
    assert_true(fcgi_is_quiet(fd, 50));
    assert_true(events <= before + 1);
    close(fd);
}

/* --- two threads meet --- */

/* What the test does on the front's thread, once, at a certain point. */
struct point {
    void (*_Atomic run)(struct front_rig *front_rig, int fd); /* NULL: nothing (more) */
    struct front_rig *front_rig;
    int fd; /* the test's end, which reads nothing before `over` */
    _Atomic bool over;
};

static struct point
    when_busy; /* the service has the request, and more is about to be read */
static struct point when_hung_up; /* it is about to be taken back from the service */

static void reach(struct point *point)
{
    void (*run)(struct front_rig * front_rig, int fd) =
        atomic_exchange(&point->run, NULL);
    if (run == NULL)
        return;
    run(point->front_rig, point->fd);
    point->over = true;
}

static void arm(struct point *point, struct front_rig *front_rig, int fd,
                void (*run)(struct front_rig *front_rig, int fd))
{
    point->front_rig = front_rig;
    point->fd = fd;
    point->over = false;
    point->run = run;
}

static void await_point(struct point *point)
{
    while (!point->over)
        sched_yield();
}

void __real_fcgi_reader_follow(struct fcgi_reader *reader, uint16_t answering);
void __wrap_fcgi_reader_follow(struct fcgi_reader *reader, uint16_t answering);
bool __real_service_hangup(struct request *request);
bool __wrap_service_hangup(struct request *request);

void __wrap_fcgi_reader_follow(struct fcgi_reader *reader, uint16_t answering)
{
    if (answering != 0)
        reach(&when_busy);
    __real_fcgi_reader_follow(reader, answering);
}

bool __wrap_service_hangup(struct request *request)
{
    reach(&when_hung_up);
    return __real_service_hangup(request);
}

/* Returns once the answer lies in the socket, END_REQUEST and all. */
static void answer_now(struct front_rig *front_rig, int fd)
{
    static const unsigned char end[8] = {FCGI_VERSION_1, FCGI_END_REQUEST, 0, 1, 0, 8};
    char bytes[4096];
    ssize_t n = 0;
    service_rig_put(&front_rig->service_rig, "/a", "x");
    while (n < 16 || memcmp(bytes + n - 16, end, sizeof end) != 0)
        n = recv(fd, bytes, sizeof bytes, MSG_PEEK);
}

/* An abort that was sent before the answer came: the answer has ended the request, and
 * another end would be the end of another request. */
static void an_abort_that_crosses_the_answer_ends_nothing_else(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_knock(front_rig);
    arm(&when_busy, front_rig, fd, answer_now);
    add_wait(front_rig, &records, 1, true);
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    fcgi_say(fd, &records);
    front_accept(front_rig->front);
    await_point(&when_busy);
    fcgi_must_hear(fd, 1, 200);
    records_get(&records, 1, true, "/b");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 1, 404);
    assert_true(fcgi_is_quiet(fd, 10));
    close(fd);
}

static unsigned char stream[2 * LARGE];
static size_t stream_len;

/* Room for more, where there was none for the whole answer. */
static void take_some(struct front_rig *front_rig, int fd)
{
    (void)front_rig;
    while (stream_len < LARGE / 10) {
        ssize_t n = recv(fd, stream + stream_len, LARGE / 10 - stream_len, 0);
        stream_len += n > 0 ? (size_t)n : 0;
    }
}

/* Even where the socket would take it. */
static void a_refusal_waits_for_the_end_of_the_answer(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    size_t at = 0, content = 0;
    front_rig_put(front_rig, "/large", LARGE);
    int fd = front_rig_knock(front_rig);
    stream_len = 0;
    arm(&when_busy, front_rig, fd, take_some);
    records_get(&records, 1, true, "/large");
    records_begin(&records, 2, false);
    fcgi_say(fd, &records);
    front_accept(front_rig->front);
    await_point(&when_busy);
    static const unsigned char last[8] = {FCGI_VERSION_1, FCGI_END_REQUEST, 0, 2, 0, 8};
    while (stream_len < 16 || memcmp(stream + stream_len - 16, last, sizeof last) != 0) {
        ssize_t n = recv(fd, stream + stream_len, sizeof stream - stream_len, 0);
        must(n > 0, "the stream ends after %zu bytes", stream_len);
        stream_len += (size_t)n;
    }
    while (stream[at + 1] == FCGI_STDOUT) {
        size_t len = (size_t)stream[at + 4] << 8 | stream[at + 5];
        content += len;
        at += 8 + len;
        assert_true(at < stream_len);
    }
    assert_true(content > LARGE);
    assert_int_equal(stream[at + 1], FCGI_END_REQUEST);
    assert_int_equal(stream[at + 3], 1);
    assert_int_equal(at + 32, stream_len);
    close(fd);
}

/* Returns once a worker has the answer in its hands. */
static void change_now(struct front_rig *front_rig, int fd)
{
    (void)fd;
    service_rig_put(&front_rig->service_rig, "/a", "x");
    front_rig_await(&front_rig->service_rig.counters.waiting, 0);
}

/* Whoever delivers finds nobody, and takes the connection down. */
static void a_hang_up_that_meets_the_answer_is_cleared_away_once(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = front_rig_connect(front_rig);
    wait_and_be_parked(front_rig, fd, 1, true);
    arm(&when_hung_up, front_rig, fd, change_now);
    close(fd);
    await_point(&when_hung_up);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.held_changed), 1);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.held_gone), 0);
}

/* The abort loses against the change: the answer comes, whole, and the connection goes
 * on. */
static void an_abort_that_meets_the_answer_gets_it(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    wait_and_be_parked(front_rig, fd, 1, true);
    arm(&when_hung_up, front_rig, fd, change_now);
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 1, 200);
    records_get(&records, 2, true, "/b");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 2, 404);
    close(fd);
}

#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, front_rig_setup, front_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_held_request_is_answered_by_another_thread),
        TEST(a_connection_that_is_not_kept_is_closed_behind_its_answer),
        TEST(a_large_answer_arrives_whole),
        TEST(a_peer_that_goes_away_within_an_answer_is_forgotten),
        TEST(a_second_request_is_refused_and_the_first_goes_on),
        TEST(a_second_request_does_not_break_into_an_answer),
        TEST(who_asks_on_and_on_within_an_answer_is_closed),
        TEST(a_peer_that_asks_twice_and_goes_away_leaves_nothing_behind),
        TEST(a_hang_up_frees_the_waiter),
        TEST(a_peer_that_asks_and_ends_at_once_is_forgotten),
        TEST(an_abort_ends_the_request_and_not_the_connection),
        TEST(an_abort_within_a_request_ends_it),
        TEST(an_abort_closes_a_connection_that_is_not_kept),
        TEST(another_role_closes_a_connection_that_is_not_kept),
        TEST(a_connection_that_waits_is_small),
        TEST(a_connection_at_rest_wakes_nobody),
        TEST(an_abort_that_crosses_the_answer_ends_nothing_else),
        TEST(a_refusal_waits_for_the_end_of_the_answer),
        TEST(a_hang_up_that_meets_the_answer_is_cleared_away_once),
        TEST(an_abort_that_meets_the_answer_gets_it),
    };
    return cmocka_run_group_tests_name("front/connection", tests, NULL, NULL);
}
