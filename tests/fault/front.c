/* SPDX-License-Identifier: ISC */
/* The front when the system says no: no descriptors, no memory, no threads; reads and
 * writes that are interrupted, put off, or take a single byte. What was let in is
 * answered whole or closed, and everybody else is served. */
#include "fcgiwait/front.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "front_rig.h"
#include "must.h"
#include "sends.h"

#define LARGE 300000 /* more than a socket takes at once */

/* --- calls that fail by a pattern: a letter for each call, again and again --- */

struct pattern {
    const char *_Atomic letters; /* NULL: every call goes through */
    _Atomic int error;           /* of an F */
    _Atomic size_t calls;
};

static struct pattern of_accept, of_recv, of_send, of_threads, of_epoll, of_eventfd,
    of_epoll_add, of_epoll_watch;

static char letter(struct pattern *pattern)
{
    const char *letters = pattern->letters;
    size_t call = pattern->calls++;
    return letters == NULL ? '.' : letters[call % strlen(letters)];
}

static void play(struct pattern *pattern, const char *letters, int error)
{
    pattern->letters = letters;
    pattern->error = error;
    pattern->calls = 0;
}

static void play_nothing(void)
{
    play(&of_accept, NULL, 0);
    play(&of_recv, NULL, 0);
    play(&of_send, NULL, 0);
    play(&of_threads, NULL, 0);
    play(&of_epoll, NULL, 0);
    play(&of_eventfd, NULL, 0);
    play(&of_epoll_add, NULL, 0);
    play(&of_epoll_watch, NULL, 0);
}

/* -1 with errno, or how many bytes may be moved. */
static ssize_t allowed(struct pattern *pattern, size_t len)
{
    switch (letter(pattern)) {
    case 'F':
        errno = pattern->error;
        return -1;
    case 'E':
        errno = EINTR;
        return -1;
    case 'A':
        errno = EAGAIN;
        return -1;
    case '1':
        return 1;
    default:
        return (ssize_t)len;
    }
}

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
ssize_t __real_recv(int fd, void *bytes, size_t len, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *context);
int __real_epoll_create1(int flags);
int __wrap_epoll_create1(int flags);
int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);
int __real_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    return allowed(&of_accept, 1) < 0 ? -1 : __real_accept4(fd, address, len, flags);
}

/* The test's own side waits. */
ssize_t __wrap_recv(int fd, void *bytes, size_t len, int flags)
{
    if ((flags & MSG_DONTWAIT) == 0)
        return __real_recv(fd, bytes, len, flags);
    ssize_t most = allowed(&of_recv, len);
    return most < 0 ? most : __real_recv(fd, bytes, (size_t)most, flags);
}

/* sends_allow_fn */
static ssize_t allowed_to_send(size_t len)
{
    return allowed(&of_send, len);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *context)
{
    return allowed(&of_threads, 1) < 0
               ? errno
               : __real_pthread_create(thread, attributes, run, context);
}

int __wrap_epoll_create1(int flags)
{
    return allowed(&of_epoll, 1) < 0 ? -1 : __real_epoll_create1(flags);
}

int __wrap_eventfd(unsigned count, int flags)
{
    return allowed(&of_eventfd, 1) < 0 ? -1 : __real_eventfd(count, flags);
}

int __wrap_epoll_ctl(int epoll, int what, int fd, struct epoll_event *event)
{
    if (what == EPOLL_CTL_ADD && allowed(&of_epoll_add, 1) < 0)
        return -1;
    if (what == EPOLL_CTL_MOD && allowed(&of_epoll_watch, 1) < 0)
        return -1;
    return __real_epoll_ctl(epoll, what, fd, event);
}

/* --- the front_rig, with a small and a large document --- */

static int start(void **state)
{
    play_nothing();
    front_rig_setup(state);
    struct front_rig *front_rig = *state;
    front_rig_put(front_rig, "/large", LARGE);
    front_rig_put(front_rig, "/medium", 70000); /* more than a record */
    service_rig_put(&front_rig->service_rig, "/small", "hello");
    return 0;
}

static int stop(void **state)
{
    play_nothing();
    return front_rig_teardown(state);
}

static void must_get(int fd, int id, const char *path, size_t len)
{
    struct records records = {0};
    struct answer answer;
    records_get(&records, id, true, path);
    fcgi_say(fd, &records);
    must(fcgi_read_answer(fd, id, &answer), "closed without an answer");
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_len, len);
    if (len != 5)
        front_rig_must_be_filled(answer.body, 0, len);
    answer_free(&answer);
}

static void must_serve(struct front_rig *front_rig)
{
    int fd = front_rig_connect(front_rig);
    must_get(fd, 1, "/small", 5);
    close(fd);
}

/* --- accepting --- */

/* Accepts until nobody is left; how often it had to pause. */
static int accept_all(struct front_rig *front_rig)
{
    for (int pauses = 0;; pauses++) {
        struct instant before = clock_now(), again = front_accept(front_rig->front);
        if (again.at == INSTANT_NEVER.at)
            return pauses;
        /* neither a spin nor a sleep */
        assert_true(again.at > before.at && instant_left_ms(again, clock_now()) <= 1000);
        must(pauses < 1000, "it never ends");
    }
}

static int failures(const struct pattern *pattern)
{
    int count = 0;
    for (size_t i = 0; i < pattern->calls; i++)
        count += pattern->letters[i % strlen(pattern->letters)] == 'F';
    return count;
}

static void a_lack_of_descriptors_delays_and_loses_nobody(void **state)
{
    static const struct {
        const char *letters;
        int error;
        bool pauses;
    } rows[] = {
        {"..F.F", EMFILE, true},       {"F.", ENFILE, true}, {"FFF.", ENOBUFS, true},
        {"....F", ENOMEM, true},       {"EE.", 0, false},    {"..F", ECONNABORTED, false},
        {"F..........", EMFILE, true},
    };
    struct front_rig *front_rig = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int fds[10];
        int64_t before = counter_read(&front_rig->service_rig.counters.accept_pauses);
        for (int j = 0; j < 10; j++)
            fds[j] = front_rig_knock(front_rig);
        play(&of_accept, rows[i].letters, rows[i].error);
        int pauses = accept_all(front_rig);
        assert_int_equal(pauses, rows[i].pauses ? failures(&of_accept) : 0);
        play_nothing();
        assert_int_equal(counter_read(&front_rig->service_rig.counters.accept_pauses) -
                             before,
                         pauses);
        for (int j = 0; j < 10; j++) {
            must_get(fds[j], 1, "/small", 5);
            close(fds[j]);
        }
    }
}

/* The epoll set has no room for every other one. */
static void who_cannot_be_watched_is_let_go(void **state)
{
    struct front_rig *front_rig = *state;
    int fds[4];
    play(&of_epoll_add, ".F", ENOSPC);
    for (int i = 0; i < 4; i++) {
        fds[i] = front_rig_knock(front_rig);
        assert_int_equal(accept_all(front_rig), 0);
        if (i % 2 == 0)
            must_get(fds[i], 1, "/small", 5);
        else
            front_rig_await(&front_rig->service_rig.counters.connections, i / 2 + 1);
    }
    play_nothing();
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections_broken),
                     2);
    for (int i = 0; i < 4; i++) {
        if (i % 2 == 0)
            must_get(fds[i], 2, "/medium", 70000);
        else
            assert_true(fcgi_is_closed(fds[i]));
        close(fds[i]);
    }
    must_serve(front_rig);
}

/* Nobody would tell when the socket takes more. */
static void who_cannot_be_watched_within_an_answer_is_let_go(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    char bytes[4096];
    size_t len = 0;
    ssize_t n;
    int fd = front_rig_connect(front_rig), other = front_rig_connect(front_rig);
    play(&of_epoll_watch, "F", ENOMEM);
    records_get(&records, 1, true, "/large");
    fcgi_say(fd, &records);
    for (int ms = 0; of_epoll_watch.calls == 0; ms++) { /* nobody reads: it fills up */
        must(ms < 60000, "all of it went out");
        usleep(1000);
    }
    while ((n = recv(fd, bytes, sizeof bytes, 0)) > 0)
        len += (size_t)n;
    play_nothing();
    assert_int_equal(n, 0);
    assert_in_range(len, 1, LARGE - 1);
    close(fd);
    must_get(other, 1, "/small", 5);
    close(other);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    must_serve(front_rig);
}

/* --- reads and writes --- */

static void reads_and_writes_by_pieces_change_nothing(void **state)
{
    static const char *const patterns[] = {"E.",  "A.",    "1",      "1E",    "A1",
                                           "EA1", "1..1E", "AAAE1.", ".E.A.1"};
    struct front_rig *front_rig = *state;
    size_t count = sizeof patterns / sizeof *patterns;
    for (size_t i = 0; i < 2 * count; i++) {
        struct records records = {0};
        int fd = front_rig_connect(front_rig);
        play(i < count ? &of_recv : &of_send, patterns[i % count], 0);
        must_get(fd, 1, "/small", 5);
        must_get(fd, 2, "/medium", 70000);
        records_get(&records, 3, true, "/none?index=0&wait=3600");
        fcgi_say(fd, &records);
        front_rig_await(&front_rig->service_rig.counters.waiting, 1);
        close(fd); /* noticed by a read, which may be put off, too */
        front_rig_await(&front_rig->service_rig.counters.connections, 0);
        play_nothing();
    }
}

static void both_at_once_are_survived_as_well(void **state)
{
    struct front_rig *front_rig = *state;
    int fds[5];
    play(&of_recv, "A1E..", 0);
    play(&of_send, "1AE.A", 0);
    for (int i = 0; i < 5; i++)
        fds[i] = front_rig_connect(front_rig);
    for (int id = 1; id < 4; id++)
        for (int i = 0; i < 5; i++)
            must_get(fds[i], id, i == 0 ? "/large" : "/small", i == 0 ? LARGE : 5);
    for (int i = 0; i < 5; i++)
        close(fds[i]);
}

static void a_broken_socket_ends_its_connection_alone(void **state)
{
    static const int errors[] = {ECONNRESET, EPIPE, ETIMEDOUT, EIO, ENOMEM};
    struct front_rig *front_rig = *state;
    for (size_t i = 0; i < 2 * sizeof errors / sizeof *errors; i++) {
        struct records records = {0};
        int fd = front_rig_connect(front_rig);
        play(i % 2 == 0 ? &of_recv : &of_send, "F", errors[i / 2]);
        records_get(&records, 1, true, "/small");
        fcgi_say(fd, &records);
        if (!fcgi_is_closed(fd))
            fail_msg("row %zu goes on", i);
        close(fd);
        front_rig_await(&front_rig->service_rig.counters.connections, 0);
        play_nothing();
        must_serve(front_rig);
    }
}

/* --- memory --- */

static struct front_rig *front_rig_of_sweep;
static const char *path_of_sweep;

/* Within the sweep the test asks for no memory itself. Whether the answer came whole;
 * else the connection was closed. */
static bool hear_all(int fd, int id)
{
    static unsigned char bytes[LARGE + 70000];
    const unsigned char end[8] = {
        FCGI_VERSION_1, FCGI_END_REQUEST, 0, (unsigned char)id, 0, 8};
    size_t len = 0;
    ssize_t n;
    while ((n = recv(fd, bytes + len, sizeof bytes - len, 0)) > 0) {
        len += (size_t)n;
        if (len >= 16 && memcmp(bytes + len - 16, end, sizeof end) == 0)
            return true;
    }
    return false;
}

static bool serving(long nth, enum faults faults)
{
    struct front_rig *front_rig = front_rig_of_sweep;
    struct records records = {0}, second = {0};
    records_get(&records, 1, true, path_of_sweep);
    records_get(&second, 2, true, "/none");
    int fd = front_rig_knock(front_rig);
    faults_arm(nth, faults);
    front_accept(front_rig->front);
    bool whole = records_send(&records, fd) && hear_all(fd, 1);
    whole = whole && records_send(&second, fd) && hear_all(fd, 2);
    bool refused = faults_disarm();
    assert_true(whole || refused);
    close(fd);
    records_free(&records);
    records_free(&second);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    must_serve(front_rig);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    return refused;
}

static void connections_survive_each_lack(void **state)
{
    front_rig_of_sweep = *state;
    path_of_sweep = "/small";
    faults_sweep(serving);
    path_of_sweep = "/large";
    play(&of_send, "1A..", 0); /* what the socket does not take has to be kept */
    faults_sweep(serving);
}

/* Held, and answered when there is no memory to keep the rest of the answer. */
static bool waking(long nth, enum faults faults)
{
    struct front_rig *front_rig = front_rig_of_sweep;
    struct records records = {0};
    char path[64];
    snprintf(path, sizeof path, "/large?index=%llu&wait=3600",
             (unsigned long long)service_rig_index(&front_rig->service_rig, "/large",
                                                   SCOPE_SELF));
    records_get(&records, 1, true, path);
    int fd = front_rig_connect(front_rig);
    fcgi_say(fd, &records);
    front_rig_await(&front_rig->service_rig.counters.waiting, 1);
    struct present present;
    tree_look(front_rig->service_rig.tree, TEXT("/large"), SCOPE_SELF, &present);
    struct change change = {
        .kind = CHANGE_TOUCH, .index = present.index + 1, .path = TEXT("/large")};
    present_dispose(&present);
    play(&of_send, "1A....", 0); /* the rest has to be kept */
    faults_arm(nth, faults);
    must(tree_apply(front_rig->service_rig.tree, &change),
         "what is there takes no memory");
    bool whole = hear_all(fd, 1);
    bool refused = faults_disarm();
    play_nothing();
    assert_int_equal(whole, !refused);
    close(fd);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    must_serve(front_rig);
    return refused;
}

static void answers_survive_each_lack(void **state)
{
    front_rig_of_sweep = *state;
    faults_sweep(waking);
}

/* --- opening --- */

static int descriptors(void)
{
    int fd = dup(STDERR_FILENO); /* the lowest that is free */
    close(fd);
    return fd;
}

static struct front *try_to_open(struct front_rig *front_rig)
{
    return front_open(
        &(struct front_options){.threads = 3,
                                .listening = front_rig->listening,
                                .service = front_rig->service_rig.service,
                                .counters = &front_rig->service_rig.counters});
}

static void a_front_that_cannot_be_had_leaves_nothing(void **state)
{
    static const struct {
        struct pattern *pattern;
        const char *letters;
        int error;
    } rows[] = {
        {&of_threads, "F", EAGAIN},   {&of_threads, "..F", EAGAIN},
        {&of_epoll, "F", EMFILE},     {&of_epoll, ".F", ENOMEM},
        {&of_eventfd, "F", ENFILE},   {&of_eventfd, "..F", EMFILE},
        {&of_epoll_add, "F", ENOSPC}, {&of_epoll_add, ".F", ENOMEM},
    };
    struct front_rig *front_rig = *state;
    int before = descriptors();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        play(rows[i].pattern, rows[i].letters, rows[i].error);
        assert_null(try_to_open(front_rig));
        assert_int_equal(errno, rows[i].error);
        play_nothing();
        assert_int_equal(descriptors(), before);
    }
}

static bool opening(long nth, enum faults faults)
{
    faults_arm(nth, faults);
    struct front *front = try_to_open(front_rig_of_sweep);
    bool refused = faults_disarm();
    assert_int_equal(front == NULL, refused);
    if (front != NULL) {
        front_stop(front);
        front_drain(front, NANOS_PER_SECOND);
        front_close(&front);
    }
    return refused;
}

static void opening_survives_each_lack(void **state)
{
    front_rig_of_sweep = *state;
    faults_sweep(opening);
}

static void a_room_without_threads_is_none(void **state)
{
    static const char *const patterns[] = {"F", ".F", "..F"};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct tree *tree = tree_new(3);
        struct room_options options = {.workers = 3, .tree = tree};
        play(&of_threads, patterns[i], EAGAIN);
        assert_null(room_open(&options));
        assert_int_equal(errno, EAGAIN);
        play_nothing();
        tree_free(&tree);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_lack_of_descriptors_delays_and_loses_nobody),
        TEST(who_cannot_be_watched_is_let_go),
        TEST(who_cannot_be_watched_within_an_answer_is_let_go),
        TEST(reads_and_writes_by_pieces_change_nothing),
        TEST(both_at_once_are_survived_as_well),
        TEST(a_broken_socket_ends_its_connection_alone),
        TEST(connections_survive_each_lack),
        TEST(answers_survive_each_lack),
        TEST(a_front_that_cannot_be_had_leaves_nothing),
        TEST(opening_survives_each_lack),
        TEST(a_room_without_threads_is_none),
    };
    sends_limit(allowed_to_send);
    return cmocka_run_group_tests_name("fault/front", tests, NULL, NULL);
}
