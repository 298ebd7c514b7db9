/* SPDX-License-Identifier: ISC */
/* Viewers of the live page when the system says no: memory that lacks at each request, a
 * connection that breaks at each write or takes none, clients that go away. A viewer gets
 * its numbers or is let go; its place comes back either way. The clock is the test's
 * (--wrap, tests/Makefile.am). */
#include "fcgiwait/front.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "faults.h"
#include "front_rig.h"
#include "must.h"
#include "sends.h"
#include "service/service_private.h"

#define PATIENCE (10 * NANOS_PER_SECOND) /* with a viewer that takes nothing */

static _Atomic int64_t ahead; /* of the real clock */
static _Atomic int64_t still; /* it stands here; 0: it goes */

struct instant __real_clock_now(void);
struct instant __wrap_clock_now(void);

struct instant __wrap_clock_now(void)
{
    nanos at = still;
    return (struct instant){at != 0 ? at : __real_clock_now().at + ahead};
}

static struct {
    _Atomic long broken; /* this call, from 1 on, and all after it; 0: none */
    _Atomic long full;   /* the same: the socket takes nothing */
    _Atomic int64_t calls;
} sends;

/* sends_allow_fn */
static ssize_t allowed(size_t len)
{
    long broken = sends.broken, full = sends.full;
    int64_t call = ++sends.calls;
    if (broken > 0 && call >= broken) {
        errno = EPIPE;
        return -1;
    }
    if (full > 0 && call >= full) {
        errno = EAGAIN;
        return -1;
    }
    return (ssize_t)len;
}

static const struct service_rules rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                           .wait_max = 60 * NANOS_PER_SECOND,
                                           .max_waiting = 1000,
                                           .limit_body = 1000,
                                           .limit_path = 100,
                                           .limit_changes = 10,
                                           .limit_answer = 1000000,
                                           .stream_max = 3600 * NANOS_PER_SECOND,
                                           .stream_heartbeat = 20 * NANOS_PER_SECOND,
                                           .cache_control = "no-store"};

static struct records asking(void)
{
    static const char *const pairs[] = {
        "REQUEST_METHOD", "GET",          "SCRIPT_NAME", "/page", "FCGIWAIT_ENDPOINT",
        "page",           "QUERY_STRING", "events",      NULL};
    struct records records = {0};
    records_begin(&records, 1, false); /* so that an end can be heard */
    records_params(&records, 1, pairs);
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    return records;
}

static int look(struct front_rig *rig)
{
    struct records records = asking();
    int fd = front_rig_connect(rig);
    fcgi_say(fd, &records);
    return fd;
}

enum heard { NUMBERS, HEARTBEAT, CLOSED };

/* What came first. */
static enum heard hear(int fd)
{
    static const struct text numbers = TEXT("data: {\"status\":{"),
                             heartbeat = TEXT(":\n\n");
    static char heard[100000];
    size_t len = 0;
    ssize_t got;
    while ((got = recv(fd, heard + len, sizeof heard - len, 0)) > 0) {
        len += (size_t)got;
        if (memmem(heard, len, numbers.at, numbers.len) != NULL)
            return NUMBERS;
        if (memmem(heard, len, heartbeat.at, heartbeat.len) != NULL)
            return HEARTBEAT;
        must(len < sizeof heard, "neither of them comes");
    }
    return CLOSED;
}

static void must_be_let_go(struct front_rig *rig)
{
    const struct counters *counters = &rig->service_rig.counters;
    front_rig_await(&counters->connections, 0);
    front_rig_await(&counters->viewers, 0);
    must(rig->service_rig.service->live.viewers == 0, "a place did not come back");
}

/* So that the next one has its event made. */
static void forget_the_event(struct front_rig *rig)
{
    chunk_unref(&rig->service_rig.service->live.event);
}

static struct {
    struct front_rig *rig;
    bool has_recovered;
} sweep;

/* Numbers, a heartbeat in their place, or the end. After a heartbeat, which is tried
 * once, since it takes a second, numbers come. */
static bool looking(long nth, enum faults faults)
{
    struct records records = asking();
    int fd = front_rig_connect(sweep.rig);
    forget_the_event(sweep.rig);
    faults_arm(nth, faults);
    enum heard came = records_send(&records, fd) ? hear(fd) : CLOSED;
    bool refused = faults_disarm();
    records_free(&records);
    must(came == NUMBERS || refused, "no numbers, and nothing lacked");
    if (came == HEARTBEAT && !sweep.has_recovered) {
        must(hear(fd) == NUMBERS, "no numbers, and nothing lacks any more");
        sweep.has_recovered = true;
    }
    close(fd);
    must_be_let_go(sweep.rig);
    return refused;
}

static void viewers_survive_each_lack(void **state)
{
    sweep.rig = *state;
    sweep.has_recovered = false;
    looking(
        0,
        FAULTS_ONCE); /* what the front keeps is there: each run makes as many requests */
    faults_sweep(looking);
    must(sweep.has_recovered, "no heartbeat came in the place of numbers");
}

static void a_connection_that_breaks_gives_its_place_back(void **state)
{
    struct front_rig *rig = *state;
    int broken = 0;
    for (long call = 1; call < 4; call++) {
        sends.calls = 0;
        sends.broken = call;
        int fd = look(rig);
        while (hear(fd) != CLOSED)
            ;
        broken += sends.calls >= call;
        sends.broken = 0;
        close(fd);
        must_be_let_go(rig);
    }
    must(broken == 3, "%d of 3 broke", broken);
}

static void await_calls(int64_t count)
{
    struct instant until = instant_after(clock_now(), 60 * NANOS_PER_SECOND);
    while (sends.calls < count) {
        must(clock_now().at < until.at, "nobody sends");
        nanosleep(&(struct timespec){0, NANOS_PER_MS}, NULL);
    }
}

/* One whose head (1) or first numbers (2) are put off: the front has tried them again. */
static int look_at_a_full_socket(struct front_rig *rig, long call)
{
    sends.calls = 0;
    sends.full = call;
    int fd = look(rig);
    await_calls(call + 1);
    must(counter_read(&rig->service_rig.counters.viewers) == 1, "it is let go at once");
    return fd;
}

static void who_reads_again_gets_numbers(void **state)
{
    for (long call = 1; call <= 2; call++) {
        int fd = look_at_a_full_socket(*state, call);
        sends.full = 0;
        must(hear(fd) == NUMBERS, "no numbers, and nothing is full any more");
        must(hear(fd) == NUMBERS, "no more numbers");
        close(fd);
        must_be_let_go(*state);
    }
}

static void who_goes_away_while_a_write_is_put_off_gives_its_place_back(void **state)
{
    for (long call = 1; call <= 2; call++) {
        close(look_at_a_full_socket(*state, call));
        sends.full = 0; /* the system itself says now that nobody is there */
        must_be_let_go(*state);
    }
}

static void who_does_not_read_is_let_go_when_patience_ends(void **state)
{
    struct front_rig *rig = *state;
    const struct counters *counters = &rig->service_rig.counters;
    for (long call = 1; call <= 2; call++) {
        struct instant before = clock_now();
        int fd = look_at_a_full_socket(rig, call);
        ahead += PATIENCE / 2;
        await_calls(sends.calls + 2); /* the front has looked at the clock between */
        bool looks = counter_read(&counters->viewers) == 1;
        must(looks || clock_now().at >= instant_after(before, PATIENCE).at,
             "patience ended early");
        ahead += PATIENCE / 2;
        must_be_let_go(rig);
        must(counter_read(&counters->streams_stalled) == call, "it went away otherwise");
        sends.full = 0;
        close(fd);
    }
}

static void who_goes_away_gives_its_place_back(void **state)
{
    struct front_rig *rig = *state;
    const struct counters *counters = &rig->service_rig.counters;
    int fds[LIVE_VIEWERS];
    for (size_t i = 0; i < LIVE_VIEWERS; i++)
        fds[i] = look(rig);
    front_rig_await(&counters->viewers, LIVE_VIEWERS);
    int one_more = look(rig);
    must(hear(one_more) == CLOSED,
         "one more looks"); /* 503, and the end of its connection */
    close(one_more);
    for (size_t i = 0; i < LIVE_VIEWERS; i++)
        close(fds[i]);
    must_be_let_go(rig);
}

/* Its second is over, and so, but for a millisecond, is the stream: the room would take
 * it again at once if it parked until then. */
static void who_is_taken_just_before_the_end_is_let_go(void **state)
{
    struct front_rig *rig = *state;
    still = __real_clock_now().at;
    int fd = look(rig);
    must(hear(fd) == NUMBERS, "no numbers");
    still += rules.stream_max - NANOS_PER_MS;
    enum heard came = hear(fd);
    still = 0;
    must(came == CLOSED, "numbers just before the end");
    close(fd);
    must_be_let_go(rig);
}

static int start(void **state)
{
    sends.broken = sends.full = sends.calls = 0;
    ahead = still = 0;
    *state = malloc(sizeof(struct front_rig));
    must(*state != NULL, "no memory");
    front_rig_open(*state, &rules);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, front_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(viewers_survive_each_lack),
        TEST(a_connection_that_breaks_gives_its_place_back),
        TEST(who_reads_again_gets_numbers),
        TEST(who_goes_away_while_a_write_is_put_off_gives_its_place_back),
        TEST(who_does_not_read_is_let_go_when_patience_ends),
        TEST(who_goes_away_gives_its_place_back),
        TEST(who_is_taken_just_before_the_end_is_let_go),
    };
    sends_limit(allowed);
    return cmocka_run_group_tests_name("fault/live", tests, NULL, NULL);
}
