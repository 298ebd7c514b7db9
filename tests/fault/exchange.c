/* SPDX-License-Identifier: ISC */
/* An answer in pieces whose socket fails at each byte of its head, its chunk and its end
 * in turn: it is full, it is broken, or there is no memory to keep what it did not take.
 * What was sent is the beginning of the right answer, and nothing after it; who streams
 * is told once; the connection goes on, or is gone. */
#include <errno.h>
#include <semaphore.h>
#include <sys/socket.h>
#include <unistd.h>

#include "faults.h"
#include "front_rig.h"
#include "must.h"
#include "sends.h"

#define PATIENCE (60 * NANOS_PER_SECOND)
#define MOST 4096  /* the whole answer is shorter */
#define END_LEN 36 /* "last" in a record, and what ends the request: nobody is told */

/* --- the socket takes so many bytes, and then refuses --- */

static struct {
    _Atomic bool armed;
    _Atomic size_t left;
    int errors[2]; /* one after the other; 0: no more of them */
    _Atomic unsigned next;
} limit;

static void refuse_after(size_t bytes, int first, int second)
{
    limit.left = bytes;
    limit.errors[0] = first;
    limit.errors[1] = second;
    limit.next = 0;
    limit.armed = true;
}

/* sends_allow_fn: what is short goes out with one send(). */
static ssize_t allowed(size_t len)
{
    if (!limit.armed)
        return (ssize_t)len;
    if (limit.left == 0) {
        unsigned now = limit.next++;
        errno = now < 2 ? limit.errors[now] : 0;
        if (errno != 0)
            return -1;
        limit.armed = false;
        return (ssize_t)len;
    }
    size_t most = len < limit.left ? len : limit.left;
    limit.left -= most;
    return (ssize_t)most;
}

/* --- who streams: the test stands in the service's place for /stream --- */

static struct {
    struct request *request;
    sem_t served, told;
    _Atomic int writable, closed;
} mine;

static void on_writable(struct request *request)
{
    assert_ptr_equal(request, mine.request);
    mine.writable++;
    sem_post(&mine.told);
}

static void on_closed(struct request *request)
{
    assert_ptr_equal(request, mine.request);
    mine.closed++;
    sem_post(&mine.told);
}

static nanos patience(const struct request *request)
{
    (void)request;
    return PATIENCE;
}

static const struct exchange_user user = {on_writable, on_closed, patience};

void __real_service_serve(struct service *service, struct request *request,
                          const struct cgi *cgi);
void __wrap_service_serve(struct service *service, struct request *request,
                          const struct cgi *cgi);
bool __real_service_hangup(struct request *request);
bool __wrap_service_hangup(struct request *request);

void __wrap_service_serve(struct service *service, struct request *request,
                          const struct cgi *cgi)
{
    if (!text_is(cgi->script_name, TEXT("/stream"))) {
        __real_service_serve(service, request, cgi);
        return;
    }
    request->user = &user;
    mine.request = request;
    sem_post(&mine.served);
}

/* It is in our hand, and we end it ourselves. */
bool __wrap_service_hangup(struct request *request)
{
    return request != mine.request && __real_service_hangup(request);
}

/* --- one answer --- */

static struct chunk *event, *last;

static enum sent say_head(void)
{
    struct reply reply;
    reply_allow(&reply, "Allow: GET\r\n", NULL);
    reply.body = TEXT("first");
    return mine.request->exchange->head(mine.request, &reply);
}

/* What has come of a piece. True: the request is ours, and the next one may follow. */
static bool goes_on(enum sent sent)
{
    if (sent == SENT_BROKEN)
        mine.request->exchange->end(mine.request, NULL);
    if (sent != SENT_PART)
        return sent == SENT_ALL;
    must_come(&mine.told, "neither writable nor closed"); /* perhaps so already */
    return mine.closed == 0;
}

static void say_all(void)
{
    mine.writable = mine.closed = 0;
    if (!goes_on(say_head()))
        return;
    if (goes_on(mine.request->exchange->chunk(mine.request, event)))
        mine.request->exchange->end(mine.request, last);
}

static int ask(struct front_rig *front_rig)
{
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    records_get(&records, 1, true, "/stream");
    fcgi_say(fd, &records);
    must_come(&mine.served, "it is not served");
    return fd;
}

struct heard {
    unsigned char bytes[MOST];
    size_t len;
    bool whole; /* its last record was there; else the connection was closed */
};

static void hear(int fd, struct heard *heard)
{
    static const unsigned char end[] = {FCGI_VERSION_1, FCGI_END_REQUEST, 0, 1, 0, 8};
    ssize_t n = 1;
    *heard = (struct heard){.len = 0};
    while (!heard->whole && n > 0) {
        n = recv(fd, heard->bytes + heard->len, MOST - heard->len, 0);
        must(n >= 0, "it can't be read");
        heard->len += (size_t)n;
        heard->whole = heard->len >= 16 &&
                       memcmp(heard->bytes + heard->len - 16, end, sizeof end) == 0;
    }
}

static struct heard right, now;

static void must_be_right(size_t len)
{
    assert_int_equal(now.len, len);
    assert_memory_equal(now.bytes, right.bytes, len);
}

static void must_serve(int fd)
{
    struct records records = {0};
    records_get(&records, 7, true, "/none");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 7, 404);
}

static void leave(struct front_rig *front_rig, int fd)
{
    close(fd);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
}

static int start(void **state)
{
    limit.armed = false;
    sem_init(&mine.served, 0, 0);
    sem_init(&mine.told, 0, 0);
    event = chunk_of(TEXT("event"));
    last = chunk_of(TEXT("last"));
    must(event != NULL && last != NULL, "no memory");
    front_rig_setup(state);
    int fd = ask(*state);
    say_all();
    hear(fd, &right);
    must(right.whole && right.len < MOST / 2, "%zu bytes", right.len);
    leave(*state, fd);
    return 0;
}

/* Once the front's threads have ended nobody else has a part in either. */
static int stop(void **state)
{
    int result = front_rig_teardown(state);
    assert_int_equal(event->references, 1);
    assert_int_equal(last->references, 1);
    chunk_unref(&event);
    chunk_unref(&last);
    return result;
}

/* --- at each byte --- */

static void a_full_socket_delays_the_rest(void **state)
{
    int told = 0;
    int fd = ask(*state);
    for (size_t at = 0; at <= right.len; at++) {
        refuse_after(at, EAGAIN, EINTR);
        say_all();
        hear(fd, &now);
        limit.armed = false;
        must_be_right(right.len);
        assert_int_equal(mine.closed, 0);
        told += mine.writable;
        must_serve(fd);
        struct records records = {0};
        records_get(&records, 1, true, "/stream");
        fcgi_say(fd, &records);
        must_come(&mine.served, "it is not served");
    }
    assert_int_equal(told, right.len - END_LEN);
    say_all();
    hear(fd, &now);
    leave(*state, fd);
}

static void a_broken_socket_ends_the_answer_there(void **state)
{
    static const int errors[] = {EPIPE, ECONNRESET, ENOMEM, ENOBUFS};
    for (size_t at = 0; at < right.len; at++) {
        int fd = ask(*state);
        refuse_after(at, errors[at % 4], 0);
        say_all();
        hear(fd, &now);
        limit.armed = false;
        assert_false(now.whole);
        must_be_right(at);
        assert_int_equal(mine.closed + mine.writable, 0);
        leave(*state, fd);
    }
}

/* Full first, and broken when it is tried again: by then the front has the request. */
static void one_that_breaks_while_it_is_full_ends_it_too(void **state)
{
    int told = 0;
    for (size_t at = 0; at < right.len; at++) {
        int fd = ask(*state);
        refuse_after(at, EAGAIN, EPIPE);
        say_all();
        hear(fd, &now);
        limit.armed = false;
        assert_false(now.whole);
        must_be_right(at);
        leave(*state, fd);
        assert_int_equal(mine.writable, 0);
        assert_true(mine.closed <= 1);
        told += mine.closed;
    }
    assert_int_equal(told, right.len - END_LEN);
}

static void no_memory_for_the_rest_ends_it_as_well(void **state)
{
    for (size_t at = 0; at < right.len; at++) {
        int fd = ask(*state);
        refuse_after(at, EAGAIN, 0);
        faults_arm(1, FAULTS_FROM_THEN);
        say_all();
        hear(fd, &now);
        assert_true(faults_disarm());
        limit.armed = false;
        assert_false(now.whole);
        must_be_right(at);
        assert_int_equal(mine.closed + mine.writable, 0);
        leave(*state, fd);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_socket_delays_the_rest),
        TEST(a_broken_socket_ends_the_answer_there),
        TEST(one_that_breaks_while_it_is_full_ends_it_too),
        TEST(no_memory_for_the_rest_ends_it_as_well),
    };
    sends_limit(allowed);
    return cmocka_run_group_tests_name("fault/exchange", tests, NULL, NULL);
}
