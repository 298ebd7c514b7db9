/* SPDX-License-Identifier: ISC */
/* Half a request, or a peer that does not read, costs a connection and nobody's time. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "proc.h"
#include "stack.h"

#define PEERS 12 /* more than there are threads */
#define LARGE 50000000

static void others_must_be_served(const struct stack *stack)
{
    char index[24], path[64];
    http_put(stack->port, "/other", "1", index);
    snprintf(path, sizeof path, "/other?index=%s&wait=50", index);
    for (int i = 0; i < 5; i++) {
        struct answer answer = http_get(stack->port, "/other", NULL);
        assert_int_equal(answer.status, 200);
        assert_true(answer.seconds < 20);
        answer_free(&answer);
    }
    struct call *call = call_start(&(struct http){.port = stack->port, .path = path});
    await_waiting(stack, 1);
    http_publish(stack->port, "POST", "/other", NULL);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 200);
    assert_true(answer.seconds < 20);
    answer_free(&answer);
}

static void half_a_request_delays_nobody(void **state)
{
    struct stack *stack = *state;
    struct records records = {0}, half;
    int fds[PEERS];
    records_put(&records, 1, true, "/half", "the whole document");
    for (int i = 0; i < PEERS; i++) { /* cut off in each kind of record, and within one */
        half = (struct records){0};
        records_raw(&half, records.at, (records.len - 1) * (size_t)(i + 1) / PEERS);
        fds[i] = fcgi_connect(stack);
        assert_true(records_send(&half, fds[i]));
        records_free(&half);
    }
    others_must_be_served(stack);
    for (int i = 0; i < PEERS; i += 2) { /* the rest comes after all */
        size_t sent = (records.len - 1) * (size_t)(i + 1) / PEERS;
        struct answer answer;
        half = (struct records){0};
        records_raw(&half, records.at + sent, records.len - sent);
        assert_true(records_send(&half, fds[i]));
        assert_true(fcgi_read_answer(fds[i], 1, &answer));
        assert_int_equal(answer.status, i == 0 ? 201 : 204);
        answer_free(&answer);
        records_free(&half);
    }
    for (int i = 0; i < PEERS; i++) /* or never */
        close(fds[i]);
    await_status(stack, "connections_broken", PEERS / 2);
    others_must_be_served(stack);
    records_free(&records);
}

static const struct stack_options large_bodies = {.config =
                                                      "limits = { body = 60000000; };"};

#define PIECE 65535

/* What stands at offset `at` of the document whose first byte is `first`, a piece long.
 */
static const char *piece_at(unsigned char first, size_t at)
{
    static char bytes[PIECE + 251];
    for (size_t i = 0; bytes[0] != (char)first && i < sizeof bytes; i++)
        bytes[sizeof bytes - 1 - i] = (char)(first + (sizeof bytes - 1 - i) % 251);
    return bytes + at % 251;
}

static size_t piece_len(size_t at)
{
    return LARGE - at < PIECE ? LARGE - at : PIECE;
}

/* A document that no socket takes at once. */
static void put_large(const struct stack *stack, unsigned char first)
{
    char length[24];
    struct records records = {0};
    struct answer answer;
    snprintf(length, sizeof length, "%d", LARGE);
    const char *const pairs[] = {"REQUEST_METHOD",
                                 "PUT",
                                 "SCRIPT_NAME",
                                 "/large",
                                 "FCGIWAIT_ACCESS",
                                 "publish",
                                 "CONTENT_TYPE",
                                 "x/y",
                                 "CONTENT_LENGTH",
                                 length,
                                 NULL};
    int fd = fcgi_connect(stack);
    records_begin(&records, 1, false);
    records_params(&records, 1, pairs);
    for (size_t at = 0; at < LARGE; at += piece_len(at)) {
        records_add(&records, FCGI_STDIN, 1, piece_at(first, at), piece_len(at));
        assert_true(records_send(&records, fd));
    }
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    assert_true(records_send(&records, fd));
    assert_true(fcgi_read_answer(fd, 1, &answer));
    assert_true(answer.status == 201 || answer.status == 204);
    answer_free(&answer);
    records_free(&records);
    close(fd);
}

static int ask_and_not_read(const struct stack *stack, const char *path)
{
    struct records records = {0};
    int fd = fcgi_connect(stack);
    records_get(&records, 1, true, path);
    assert_true(records_send(&records, fd));
    records_free(&records);
    return fd;
}

static void must_read_large(int fd, unsigned char first)
{
    struct answer answer;
    assert_true(fcgi_read_answer(fd, 1, &answer));
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_len, LARGE);
    for (size_t at = 0; at < LARGE; at += piece_len(at))
        assert_memory_equal(answer.body + at, piece_at(first, at), piece_len(at));
    answer_free(&answer);
}

static void await_first_bytes(int fd)
{
    struct pollfd poll_of = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&poll_of, 1, 60000), 1);
}

static void a_peer_that_does_not_read_delays_nobody(void **state)
{
    struct stack *stack = *state;
    int fds[PEERS];
    put_large(stack, 1);
    long before = proc_resident_kb(stack->fcgiwait);
    for (int i = 0; i < PEERS; i++)
        fds[i] = ask_and_not_read(stack, "/large");
    for (int i = 0; i < PEERS; i++)
        await_first_bytes(fds[i]);
    others_must_be_served(stack);
    /* one document is shared by all who get it */
    assert_true(proc_resident_kb(stack->fcgiwait) - before < LARGE / 1024);
    for (int i = 1; i < PEERS; i++)
        close(fds[i]);
    must_read_large(fds[0], 1); /* who reads late gets all of it */
    close(fds[0]);
    others_must_be_served(stack);
}

/* The change, too, goes to them without holding anybody up. */
static void a_waiter_that_does_not_read_delays_nobody(void **state)
{
    struct stack *stack = *state;
    int fds[PEERS];
    char path[64];
    put_large(stack, 3);
    snprintf(path, sizeof path, "/large?index=%lld&wait=50",
             stack_status(stack, "index"));
    for (int i = 0; i < PEERS; i++)
        fds[i] = ask_and_not_read(stack, path);
    await_waiting(stack, PEERS);
    put_large(stack, 5);
    for (int i = 0; i < PEERS; i++)
        await_first_bytes(fds[i]);
    others_must_be_served(stack);
    must_read_large(fds[PEERS - 1], 5);
    for (int i = 0; i < PEERS; i++)
        close(fds[i]);
}

/* A client of nginx that asks and reads nothing of the answer. */
static int ask_nginx_and_not_read(const struct stack *stack, const char *path)
{
    struct sockaddr_in nginx = {.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)stack->port),
                                .sin_addr = {htonl(INADDR_LOOPBACK)}};
    char text[128];
    int small = 4096, fd = socket(AF_INET, SOCK_STREAM, 0);
    int len = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    assert_int_equal(connect(fd, (struct sockaddr *)&nginx, sizeof nginx), 0);
    assert_int_equal(send(fd, text, (size_t)len, 0), len);
    return fd;
}

/* Unbuffered, nginx takes from us no more than its client takes from it. */
static void a_client_that_does_not_read_delays_nobody(void **state)
{
    struct stack *stack = *state;
    int fds[PEERS];
    char path[64];
    put_large(stack, 3);
    snprintf(path, sizeof path, "/large?index=%lld&wait=50",
             stack_status(stack, "index"));
    for (int i = 0; i < PEERS; i++)
        fds[i] = ask_nginx_and_not_read(stack, path);
    struct call *call = call_start(&(struct http){.port = stack->port, .path = path});
    await_waiting(stack, PEERS + 1);
    put_large(stack, 5);
    for (int i = 0; i < PEERS; i++)
        await_first_bytes(fds[i]);
    others_must_be_served(stack);
    struct answer answer = call_join(call); /* the same change, to one who reads */
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_len, LARGE);
    answer_free(&answer);
    for (int i = 0; i < PEERS; i++)
        close(fds[i]);
}

static const struct stack_options unbuffered = {
    .config = "limits = { body = 60000000; };", .location = "fastcgi_buffering off;"};

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(a_client_that_does_not_read_delays_nobody, &unbuffered),
        stack_test(half_a_request_delays_nobody, NULL),
        stack_test(a_peer_that_does_not_read_delays_nobody, &large_bodies),
        stack_test(a_waiter_that_does_not_read_delays_nobody, &large_bodies),
    };
    return cmocka_run_group_tests_name("slow_peers_delay_nobody", tests, NULL, NULL);
}
