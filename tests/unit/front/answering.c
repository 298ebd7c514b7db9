/* SPDX-License-Identifier: ISC */
/* An answer in pieces: a head, chunks and an end, from any thread, to sockets that take
 * all of it, some or none. The test is the service (--wrap, tests/Makefile.am): requests
 * for /stream are its own, from service_serve() to their end. */
#include "front/answering.h"

#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "front_rig.h"
#include "must.h"

#define LARGE 1000000 /* more than a socket takes at once */
#define PATIENCE (60 * NANOS_PER_SECOND)

/* --- who streams --- */

static struct {
    struct request *request; /* of /stream */
    nanos patience;
    sem_t served, writable, closed;
    _Atomic bool held;        /* a hang-up gets it back */
    _Atomic bool in_an_event; /* of `writable`: says so itself, and at once */
    _Atomic int hung_up;
} mine;

static void on_writable(struct request *request)
{
    assert_ptr_equal(request, mine.request);
    if (mine.in_an_event) {
        struct chunk *chunk = chunk_of(TEXT("newest"));
        request->exchange->end(request, chunk);
        chunk_unref(&chunk);
    }
    sem_post(&mine.writable);
}

static void on_closed(struct request *request)
{
    assert_ptr_equal(request, mine.request);
    sem_post(&mine.closed);
}

static nanos patience(const struct request *request)
{
    (void)request;
    return mine.patience;
}

static const struct exchange_user user = {on_writable, on_closed, patience};

void __real_service_serve(struct service *service, struct request *request,
                          const struct cgi *cgi);
void __wrap_service_serve(struct service *service, struct request *request,
                          const struct cgi *cgi);
bool __real_service_hangup(struct request *request);
bool __wrap_service_hangup(struct request *request);
void __real_service_hung_up(const struct request *request);
void __wrap_service_hung_up(const struct request *request);

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

bool __wrap_service_hangup(struct request *request)
{
    if (request != mine.request)
        return __real_service_hangup(request);
    return atomic_exchange(&mine.held, false);
}

void __wrap_service_hung_up(const struct request *request)
{
    if (request != mine.request)
        __real_service_hung_up(request);
    else
        mine.hung_up++;
}

static bool has_come(sem_t *sem)
{
    return sem_trywait(sem) == 0;
}

static int start(void **state)
{
    mine.request = NULL;
    mine.patience = PATIENCE;
    mine.held = mine.in_an_event = false;
    mine.hung_up = 0;
    sem_init(&mine.served, 0, 0);
    sem_init(&mine.writable, 0, 0);
    sem_init(&mine.closed, 0, 0);
    return front_rig_setup(state);
}

/* --- what the test says --- */

static int ask(struct front_rig *front_rig, bool keeps)
{
    struct records records = {0};
    int fd = front_rig_connect(front_rig);
    records_get(&records, 1, keeps, "/stream");
    fcgi_say(fd, &records);
    must_come(&mine.served, "it is not served");
    return fd;
}

static enum sent say_head(void)
{
    struct reply reply;
    reply_allow(&reply, "Allow: GET\r\n", NULL);
    reply.body = TEXT("first");
    return mine.request->exchange->head(mine.request, &reply);
}

static enum sent say(const char *bytes)
{
    struct chunk *chunk = chunk_of(text_of(bytes));
    must(chunk != NULL, "no memory");
    enum sent sent = mine.request->exchange->chunk(mine.request, chunk);
    chunk_unref(&chunk);
    return sent;
}

static struct chunk *large_chunk(void)
{
    struct chunk *chunk = chunk_new(LARGE);
    must(chunk != NULL, "no memory");
    front_rig_fill(chunk->bytes, LARGE);
    return chunk;
}

static enum sent say_large(void)
{
    struct chunk *chunk = large_chunk();
    enum sent sent = mine.request->exchange->chunk(mine.request, chunk);
    chunk_unref(&chunk);
    return sent;
}

static void end(const char *bytes)
{
    struct chunk *chunk = bytes != NULL ? chunk_of(text_of(bytes)) : NULL;
    mine.request->exchange->end(mine.request, chunk);
    chunk_unref(&chunk);
}

/* --- what the web server hears --- */

static size_t hear(int fd, char *content, size_t most)
{
    unsigned char header[8];
    must(recv(fd, header, sizeof header, MSG_WAITALL) == sizeof header, "closed");
    must(header[1] == FCGI_STDOUT && header[3] == 1, "a record of type %d", header[1]);
    size_t len = (size_t)header[4] << 8 | header[5];
    must(len <= most, "%zu bytes", len);
    must(len == 0 || recv(fd, content, len, MSG_WAITALL) == (ssize_t)len, "closed");
    return len;
}

static void must_hear(int fd, const char *expected)
{
    char content[65536];
    size_t len = hear(fd, content, sizeof content - 1);
    content[len] = '\0';
    assert_string_equal(content, expected);
}

static void must_hear_head(int fd)
{
    char content[65536];
    content[hear(fd, content, sizeof content - 1)] = '\0';
    must(strncmp(content, "Status: 204", 11) == 0, "no head: %s", content);
    must(strstr(content, "\r\n\r\nfirst") != NULL, "no body: %s", content);
}

static void must_hear_large(int fd)
{
    static char content[65536];
    size_t at = 0;
    while (at < LARGE) {
        size_t len = hear(fd, content, sizeof content);
        must(len > 0, "it ends");
        front_rig_must_be_filled(content, at, len);
        at += len;
    }
    assert_int_equal(at, LARGE);
}

static void must_hear_end(int fd)
{
    unsigned char bytes[24];
    must(recv(fd, bytes, sizeof bytes, MSG_WAITALL) == sizeof bytes, "no end");
    assert_memory_equal(
        bytes, "\x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0", 23);
}

static void must_serve(int fd)
{
    struct records records = {0};
    records_get(&records, 7, true, "/none");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 7, 404);
}

/* --- all goes well --- */

static void pieces_go_out_as_they_are_said(void **state)
{
    int fd = ask(*state, true);
    assert_int_equal(say_head(), SENT_ALL);
    must_hear_head(fd);
    assert_true(fcgi_is_quiet(fd, 0));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(say("event"), SENT_ALL);
        must_hear(fd, "event");
        assert_true(fcgi_is_quiet(fd, 0));
    }
    end("last");
    must_hear(fd, "last");
    must_hear_end(fd);
    must_serve(fd);
    assert_false(has_come(&mine.writable));
    assert_false(has_come(&mine.closed));
    close(fd);
}

static void an_end_needs_no_last_piece(void **state)
{
    int fd = ask(*state, false);
    assert_int_equal(say_head(), SENT_ALL);
    end(NULL);
    must_hear_head(fd);
    must_hear_end(fd);
    assert_true(fcgi_is_closed(fd));
    close(fd);
}

/* --- the socket is full --- */

static void who_streams_is_told_when_there_is_room_again(void **state)
{
    int fd = ask(*state, true);
    assert_int_equal(say_head(), SENT_ALL);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(say_large(), SENT_PART);
        assert_false(has_come(&mine.writable));
        if (i == 0)
            must_hear_head(fd);
        must_hear_large(fd);
        must_come(&mine.writable, "it is not writable");
    }
    assert_int_equal(say("small"), SENT_ALL);
    must_hear(fd, "small");
    end(NULL);
    must_hear_end(fd);
    must_serve(fd);
    close(fd);
}

static void what_is_newest_is_said_at_once_then(void **state)
{
    int fd = ask(*state, true);
    assert_int_equal(say_head(), SENT_ALL);
    mine.in_an_event = true;
    assert_int_equal(say_large(), SENT_PART);
    must_hear_head(fd);
    must_hear_large(fd);
    must_hear(fd, "newest");
    must_hear_end(fd);
    must_serve(fd);
    close(fd);
}

static void a_large_last_piece_goes_on_by_itself(void **state)
{
    int fd = ask(*state, false);
    struct chunk *chunk = large_chunk();
    assert_int_equal(say_head(), SENT_ALL);
    mine.request->exchange->end(mine.request, chunk);
    chunk_unref(&chunk);
    must_hear_head(fd);
    must_hear_large(fd);
    must_hear_end(fd);
    assert_true(fcgi_is_closed(fd));
    assert_false(has_come(&mine.writable));
    close(fd);
}

/* What the protocol has to say meanwhile does not fall into the middle of a piece. */
static void a_second_request_is_refused_behind_the_piece(void **state)
{
    struct front_rig *front_rig = *state;
    struct records records = {0};
    unsigned char refusal[16];
    int fd = ask(front_rig, true);
    assert_int_equal(say_head(), SENT_ALL);
    records_begin(&records, 2, true);
    assert_true(records_send(&records, fd));
    must_hear_head(fd);
    must(recv(fd, refusal, 16, MSG_WAITALL) == 16, "no refusal");
    assert_int_equal(refusal[12], FCGI_CANT_MPX_CONN);
    assert_int_equal(say_large(), SENT_PART);
    records_begin(&records, 2, true);
    assert_true(records_send(&records, fd));
    records_free(&records);
    must_hear_large(fd);
    must_come(&mine.writable, "it is not writable");
    must(recv(fd, refusal, 16, MSG_WAITALL) == 16, "no refusal");
    assert_int_equal(refusal[12], FCGI_CANT_MPX_CONN);
    end(NULL);
    must_hear_end(fd);
    close(fd);
}

static void who_takes_nothing_for_too_long_is_ended(void **state)
{
    struct front_rig *front_rig = *state;
    mine.patience = 50 * NANOS_PER_MS;
    int fd = ask(front_rig, true);
    assert_int_equal(say_head(), SENT_ALL);
    struct instant before = clock_now();
    assert_int_equal(say_large(), SENT_PART);
    must_come(&mine.closed, "it is not closed");
    assert_true(clock_now().at - before.at >= mine.patience);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.streams_stalled), 1);
    assert_false(has_come(&mine.writable));
    close(fd);
}

/* A little now and then is enough. */
static void who_takes_some_is_waited_for(void **state)
{
    struct front_rig *front_rig = *state;
    static char some[LARGE / 8];
    mine.patience = 2 * NANOS_PER_SECOND;
    int fd = ask(front_rig, true);
    assert_int_equal(say_head(), SENT_ALL);
    assert_int_equal(say_large(), SENT_PART);
    for (int i = 0; i < 7; i++) {
        poll(NULL, 0, 400);
        must(recv(fd, some, sizeof some, MSG_WAITALL) == sizeof some, "closed");
    }
    while (!has_come(&mine.writable) && recv(fd, some, sizeof some, MSG_DONTWAIT) != 0)
        poll(NULL, 0, 1);
    assert_false(has_come(&mine.closed));
    end(NULL);
    close(fd);
}

/* --- the client goes away --- */

static void a_hang_up_ends_a_stream_that_rests(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = ask(front_rig, true);
    assert_int_equal(say_head(), SENT_ALL);
    mine.held = true;
    close(fd);
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    assert_int_equal(mine.hung_up, 1);
    assert_false(has_come(&mine.closed));
}

static void a_hang_up_within_a_piece_is_told(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = ask(front_rig, true);
    assert_int_equal(say_head(), SENT_ALL);
    assert_int_equal(say_large(), SENT_PART);
    close(fd);
    must_come(&mine.closed, "it is not closed");
    front_rig_await(&front_rig->service_rig.counters.connections, 0);
    assert_int_equal(mine.hung_up, 0);
}

/* Somebody has the stream in hand, and finds out. */
static void who_is_about_to_send_clears_up(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = ask(front_rig, true), other = front_rig_connect(front_rig);
    assert_int_equal(say_head(), SENT_ALL);
    close(fd);
    must_serve(other); /* by now the hang-up was seen, or the next thing is */
    must_serve(other);
    assert_int_equal(say("event"), SENT_BROKEN);
    assert_int_equal(counter_read(&front_rig->service_rig.counters.connections), 2);
    end(NULL);
    front_rig_await(&front_rig->service_rig.counters.connections, 1);
    assert_false(has_come(&mine.closed));
    close(other);
}

static void an_abort_ends_the_stream_and_not_the_connection(void **state)
{
    struct records records = {0};
    unsigned char record[16];
    int fd = ask(*state, true);
    assert_int_equal(say_head(), SENT_ALL);
    must_hear_head(fd);
    mine.held = true;
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    assert_true(records_send(&records, fd));
    records_free(&records);
    must(recv(fd, record, 16, MSG_WAITALL) == 16, "no end");
    assert_int_equal(record[1], FCGI_END_REQUEST);
    must_serve(fd);
    close(fd);
}

/* --- the stop --- */

static void a_stream_may_end_after_the_stop_began(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = ask(front_rig, true), idle = front_rig_connect(front_rig);
    assert_int_equal(say_head(), SENT_ALL);
    front_stop(front_rig->front);
    assert_true(fcgi_is_dismissed(idle));
    close(idle);
    assert_int_equal(say("event"), SENT_ALL);
    end("last");
    must_hear_head(fd);
    must_hear(fd, "event");
    must_hear(fd, "last");
    must_hear_end(fd);
    assert_true(fcgi_is_dismissed(fd));
    close(fd);
}

static void who_takes_nothing_is_given_up_at_the_stop(void **state)
{
    struct front_rig *front_rig = *state;
    int fd = ask(front_rig, true);
    assert_int_equal(say_head(), SENT_ALL);
    assert_int_equal(say_large(), SENT_PART);
    front_rig_close(front_rig, NANOS_PER_MS);
    assert_true(has_come(&mine.closed));
    close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, front_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pieces_go_out_as_they_are_said),
        TEST(an_end_needs_no_last_piece),
        TEST(who_streams_is_told_when_there_is_room_again),
        TEST(what_is_newest_is_said_at_once_then),
        TEST(a_large_last_piece_goes_on_by_itself),
        TEST(a_second_request_is_refused_behind_the_piece),
        TEST(who_takes_nothing_for_too_long_is_ended),
        TEST(who_takes_some_is_waited_for),
        TEST(a_hang_up_ends_a_stream_that_rests),
        TEST(a_hang_up_within_a_piece_is_told),
        TEST(who_is_about_to_send_clears_up),
        TEST(an_abort_ends_the_stream_and_not_the_connection),
        TEST(a_stream_may_end_after_the_stop_began),
        TEST(who_takes_nothing_is_given_up_at_the_stop),
    };
    return cmocka_run_group_tests_name("front/answering", tests, NULL, NULL);
}
