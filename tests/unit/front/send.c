/* SPDX-License-Identifier: ISC */
/* sendmsg() as a script: how much it takes each time, or the error that it gives
 * (--wrap, tests/Makefile.am). Whatever it does, every byte goes out once and in order.
 */
#include "front/send.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "front/record.h"
#include "must.h"

#define ALL INT32_MAX

/* A step: bytes that are taken, or -errno. */
static struct {
    const int *steps;
    size_t count, calls;
    char *got;
    size_t got_len, got_room;
} script;

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags);

static ssize_t take(const struct iovec *pieces, size_t count, int flags)
{
    size_t taken = 0;
    assert_int_equal(flags, MSG_DONTWAIT | MSG_NOSIGNAL);
    int step = script.calls < script.count ? script.steps[script.calls] : ALL;
    script.calls++;
    if (step < 0) {
        errno = -step;
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        size_t len = pieces[i].iov_len;
        if (len > (size_t)step - taken)
            len = (size_t)step - taken;
        assert_true(script.got_len + len <= script.got_room);
        memcpy(script.got + script.got_len, pieces[i].iov_base, len);
        script.got_len += len;
        taken += len;
    }
    return (ssize_t)taken;
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    assert_int_equal(fd, 7);
    return take(message->msg_iov, message->msg_iovlen, flags);
}

ssize_t __wrap_send(int fd, const void *bytes, size_t len, int flags)
{
    struct iovec piece = {(void *)bytes, len};
    assert_int_equal(fd, 7);
    return take(&piece, 1, flags);
}

/* So that the pace can be kept (pace.h). */
static int paced;

void __wrap_pace_sent(int fd);

void __wrap_pace_sent(int fd)
{
    assert_int_equal(fd, 7);
    paced++;
}

#define BODY 150000 /* three records */

static struct content content;
static char *body;
static char *expected;
static size_t expected_len;

static int start(void **state)
{
    (void)state;
    body = malloc(BODY);
    content =
        (struct content){TEXT("Status: 200 OK\r\n\r\n"), {body, BODY}, .ends = true};
    expected_len = record_len(&content);
    expected = malloc(expected_len);
    script.got_room = expected_len;
    script.got = malloc(script.got_room);
    must(body != NULL && expected != NULL && script.got != NULL, "no memory");
    for (size_t i = 0; i < BODY; i++)
        body[i] = (char)(i * 11);
    size_t sent = 0;
    script.count = script.calls = script.got_len = 0;
    must(send_content(7, 1, &content, &sent) == SENT_ALL &&
             script.got_len == expected_len,
         "not sent");
    memcpy(expected, script.got, expected_len);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    free(body);
    free(expected);
    free(script.got);
    return 0;
}

static void play(const int *steps, size_t count)
{
    script.steps = steps;
    script.count = count;
    script.calls = script.got_len = 0;
}

static void must_have_got(size_t len)
{
    assert_int_equal(script.got_len, len);
    assert_memory_equal(script.got, expected, len);
}

static void interruptions_are_nothing(void **state)
{
    static const int steps[] = {-EINTR, -EINTR, 10, -EINTR, ALL};
    size_t sent = 0;
    (void)state;
    play(steps, 5);
    assert_int_equal(send_content(7, 1, &content, &sent), SENT_ALL);
    must_have_got(expected_len);
}

/* Every size of mouthful that falls apart at other edges. */
static void short_writes_are_gone_on_from(void **state)
{
    static int steps[400000];
    static const int mouthfuls[] = {1, 7, 8, 9, 24, 1000, 65535, 65536, 65537};
    (void)state;
    for (size_t i = 0; i < sizeof mouthfuls / sizeof *mouthfuls; i++) {
        size_t sent = 0, count = expected_len / (size_t)mouthfuls[i] + 1;
        for (size_t j = 0; j < count; j++)
            steps[j] = mouthfuls[i];
        play(steps, count);
        assert_int_equal(send_content(7, 1, &content, &sent), SENT_ALL);
        assert_int_equal(sent, expected_len);
        must_have_got(expected_len);
    }
}

static void a_full_socket_is_told_and_gone_on_from(void **state)
{
    static const int steps[] = {-EAGAIN,      5,   -EAGAIN, 65530, -EINTR,
                                -EWOULDBLOCK, 100, -EAGAIN, ALL};
    static const size_t sent_by_then[] = {0, 5, 65535, 65635};
    size_t sent = 0;
    (void)state;
    play(steps, sizeof steps / sizeof *steps);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(send_content(7, 1, &content, &sent), SENT_PART);
        assert_int_equal(sent, sent_by_then[i]);
        must_have_got(sent);
    }
    assert_int_equal(send_content(7, 1, &content, &sent), SENT_ALL);
    must_have_got(expected_len);
}

/* Short enough to go in one piece, and then it does not. */
static void a_short_reply_is_gone_on_from_as_well(void **state)
{
    static const int steps[] = {1, -EAGAIN, 7, -EINTR, 8, -EAGAIN, 20, 30, ALL};
    struct content small = content;
    char whole[200];
    size_t sent = 0;
    (void)state;
    small.body.len = 50;
    play(NULL, 0);
    assert_int_equal(send_content(7, 1, &small, &sent), SENT_ALL);
    size_t len = script.got_len;
    assert_int_equal(len, record_len(&small));
    memcpy(whole, script.got, len);
    play(steps, sizeof steps / sizeof *steps);
    sent = 0;
    while (send_content(7, 1, &small, &sent) == SENT_PART)
        assert_int_equal(sent, script.got_len);
    assert_int_equal(script.got_len, len);
    assert_memory_equal(script.got, whole, len);
}

static void a_broken_connection_is_told(void **state)
{
    static const int errors[] = {EPIPE, ECONNRESET, ENOTCONN, ENOBUFS, ENOMEM, EIO};
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        const int steps[] = {100, -errors[i]};
        size_t sent = 0;
        play(steps, 2);
        assert_int_equal(send_content(7, 1, &content, &sent), SENT_BROKEN);
        assert_int_equal(script.calls, 2);
    }
}

static void what_was_sent_is_not_sent_again(void **state)
{
    size_t sent = expected_len;
    (void)state;
    play(NULL, 0);
    assert_int_equal(send_content(7, 1, &content, &sent), SENT_ALL);
    assert_int_equal(script.calls, 0);
}

/* So small that a socket that takes a part of it is as good as closed. */
static void words_of_the_protocol_go_whole_or_not(void **state)
{
    static const int refusals[] = {0, 15, -EAGAIN, -EPIPE};
    static const int interrupted[] = {-EINTR, -EINTR, ALL};
    char word[16] = "0123456789abcde";
    struct text bytes = {word, sizeof word};
    (void)state;
    play(NULL, 0);
    assert_true(send_protocol(7, bytes));
    for (size_t i = 0; i < 4; i++) {
        play(&refusals[i], 1);
        assert_false(send_protocol(7, bytes));
    }
    play(interrupted, 3);
    assert_true(send_protocol(7, bytes));
    assert_int_equal(script.got_len, sizeof word);
}

static void an_answer_counts_for_the_pace(void **state)
{
    size_t sent = 0;
    (void)state;
    paced = 0;
    play(NULL, 0);
    assert_int_equal(send_content(7, 1, &content, &sent), SENT_ALL);
    assert_int_equal(paced, 1);
    play(NULL, 0);
    assert_true(send_protocol(7, TEXT("a word")));
    assert_int_equal(paced, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interruptions_are_nothing),
        cmocka_unit_test(short_writes_are_gone_on_from),
        cmocka_unit_test(a_full_socket_is_told_and_gone_on_from),
        cmocka_unit_test(a_short_reply_is_gone_on_from_as_well),
        cmocka_unit_test(a_broken_connection_is_told),
        cmocka_unit_test(what_was_sent_is_not_sent_again),
        cmocka_unit_test(words_of_the_protocol_go_whole_or_not),
        cmocka_unit_test(an_answer_counts_for_the_pace),
    };
    return cmocka_run_group_tests_name("front/send", tests, start, stop);
}
