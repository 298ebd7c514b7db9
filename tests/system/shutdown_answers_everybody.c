/* SPDX-License-Identifier: ISC */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "clients.h"
#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define CLIENTS 100

static void every_signal_answers_the_waiters_with_304(void **state)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGUSR1};
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port, CLIENTS);
    for (size_t i = 0; i < 3; i++) {
        clients_ask(&clients, "/none?index=0&wait=50");
        await_waiting(stack, CLIENTS);
        kill(stack->fcgiwait, signals[i]);
        assert_int_equal(stack_wait_fcgiwait(stack), 0);
        clients_await(&clients);
        assert_int_equal(clients.answers[304], (i + 1) * CLIENTS);
        assert_true(stack_logged(stack, "stopped") > 0);
        stack_start_fcgiwait(stack);
    }
    assert_int_equal(clients.lost, 0);
    clients_close(&clients);
}

/* The waiters of an acknowledged publish have been told: a shutdown comes too late. */
static void a_change_comes_before_the_shutdown(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port, CLIENTS);
    for (size_t round = 1; round <= 5; round++) {
        clients_ask(&clients, "/a?index=0&wait=50"); /* a new life has no resources */
        await_waiting(stack, CLIENTS);
        assert_int_equal(http_put(stack->port, "/a", "1", NULL), 201);
        assert_int_equal(stack_end_fcgiwait(stack), 0);
        clients_await(&clients);
        assert_int_equal(clients.answers[200], round * CLIENTS);
        stack_start_fcgiwait(stack);
    }
    clients_close(&clients);
}

static const struct stack_options on_disk = {.sqlite = true};

/* Publishes until the connection ends; returns how many were acknowledged. */
static int publish_until_the_end(const struct stack *stack, int signal_after)
{
    struct records records = {0};
    int fd = fcgi_connect(stack), count = 0;
    for (bool open = true; open; count += open) {
        struct answer answer;
        char path[24], body[24];
        snprintf(path, sizeof path, "/p/%d", count);
        snprintf(body, sizeof body, "%d", count);
        records_put(&records, 1, true, path, body);
        open = records_send(&records, fd);
        if (count == signal_after)
            kill(stack->fcgiwait, SIGTERM); /* this one is under way */
        open = open && fcgi_read_answer(fd, 1, &answer);
        if (open) {
            assert_int_equal(answer.status, 201);
            answer_free(&answer);
        }
    }
    records_free(&records);
    close(fd);
    return count;
}

static void a_publish_that_was_acknowledged_outlives_it(void **state)
{
    struct stack *stack = *state;
    int count = publish_until_the_end(stack, 50);
    assert_true(count >= 50);
    assert_int_equal(stack_wait_fcgiwait(stack), 0);
    stack_start_fcgiwait(stack);
    for (int i = 0; i < count; i++) {
        char path[24], body[24];
        snprintf(path, sizeof path, "/p/%d", i);
        snprintf(body, sizeof body, "%d", i);
        struct answer answer = http_get(stack->port, path, NULL);
        assert_int_equal(answer.status, 200);
        assert_string_equal(answer.body, body);
        answer_free(&answer);
    }
}

#define EARLY 300

/* What the web server sent before the signal has been taken on, even if nobody looked at
 * it yet. */
static void requests_that_were_there_before_are_answered(void **state)
{
    struct stack *stack = *state;
    int fds[EARLY];
    kill(stack->fcgiwait, SIGSTOP);
    for (int i = 0; i < EARLY; i++) {
        struct records records = {0};
        fds[i] = fcgi_connect(stack);
        records_get(&records, 1, i % 2, "/none?index=0&wait=50");
        assert_true(records_send(&records, fds[i]));
        records_free(&records);
    }
    kill(stack->fcgiwait, SIGTERM);
    kill(stack->fcgiwait, SIGCONT);
    for (int i = 0; i < EARLY; i++) {
        struct answer answer;
        must(fcgi_read_answer(fds[i], 1, &answer), "request %d is lost", i);
        assert_int_equal(answer.status, 304);
        answer_free(&answer);
        if (i % 2 == 1) /* a kept one: closing it is the web server's */
            assert_true(fcgi_is_dismissed(fds[i]));
        else
            assert_true(fcgi_is_closed(fds[i]));
        close(fds[i]);
    }
    assert_int_equal(stack_wait_fcgiwait(stack), 0);
}

static void a_request_that_is_half_there_is_finished(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    struct answer answer;
    int fd = fcgi_connect(stack), idle = fcgi_connect(stack);
    records_get(&records, 1, true, "/none");
    records_send(&records, idle);
    assert_true(fcgi_read_answer(idle, 1, &answer));
    answer_free(&answer);
    records_begin(&records, 1, true);
    records_send(&records, fd);
    await_status(stack, "connections", 3);
    kill(stack->fcgiwait, SIGTERM);
    assert_true(fcgi_is_dismissed(idle)); /* it is stopping */
    records_put(&records, 1, true, "/late", "1");
    records.at += 16; /* the BEGIN_REQUEST that was sent */
    records.len -= 16;
    records_send(&records, fd);
    records.at -= 16;
    assert_true(fcgi_read_answer(fd, 1, &answer));
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    assert_int_equal(stack_wait_fcgiwait(stack), 0);
    records_free(&records);
    close(fd);
    close(idle);
}

static bool is_answered(int fd, struct records *records, bool keeps)
{
    struct answer answer;
    records_get(records, 1, keeps, "/a");
    bool whole = records_send(records, fd) && fcgi_read_answer(fd, 1, &answer);
    if (!whole)
        return false;
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    return true;
}

/* False: they came too late, after the second that a web server has to close what it
 * keeps. */
static bool cross_the_shutdown(struct stack *stack)
{
    struct records records = {0};
    struct answer answer;
    int fd = fcgi_connect(stack), fresh = fcgi_connect(stack);
    records_put(&records, 1, true, "/a", "1");
    records_send(&records, fd);
    assert_true(fcgi_read_answer(fd, 1, &answer));
    answer_free(&answer);
    await_status(stack, "connections", 3);
    kill(stack->fcgiwait, SIGTERM);
    assert_true(fcgi_is_dismissed(fd));
    assert_true(fcgi_is_dismissed(fresh));
    bool answered = is_answered(fd, &records, true) && fcgi_is_dismissed(fd) &&
                    is_answered(fresh, &records, false);
    assert_true(fcgi_is_closed(fresh));
    close(fresh);
    assert_true(fcgi_is_closed(fd)); /* a web server that does not take the hint */
    assert_int_equal(stack_wait_fcgiwait(stack), 0);
    records_free(&records);
    close(fd);
    return answered;
}

/* The web server takes a kept connection for a request at the very moment when it is
 * asked to close it. */
static void a_request_that_crosses_the_shutdown_is_answered(void **state)
{
    struct stack *stack = *state;
    bool answered = cross_the_shutdown(stack);
    for (int i = 0; i < 3 && !answered; i++) {
        stack_start_fcgiwait(stack);
        answered = cross_the_shutdown(stack);
    }
    assert_true(answered);
}

static const struct stack_options slow_drain = {.config = "drain = \"4s\";"};

static bool is_refused(const struct stack *stack)
{
    struct answer answer = http_get(stack->port, "/none", NULL);
    bool refused = answer.status == 502;
    must(refused || answer.status == 404, "%ld", answer.status);
    answer_free(&answer);
    return refused;
}

/* nginx finds no listener any more, and so can turn to another server, rather than a
 * queue that nobody serves. */
static void new_connections_are_refused_at_once(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port, CLIENTS);
    clients_ask(&clients, "/none?index=0&wait=50");
    await_waiting(stack, CLIENTS);
    kill(stack->fcgiwait, SIGTERM);
    await_logged(stack, "stopping on signal");
    while (!is_refused(stack)) {
        clients_turn(&clients, 0);
        assert_true(clients.asking > 0); /* it is still draining */
    }
    for (int i = 0; i < CLIENTS; i++)
        clients_turn(&clients, 0);
    assert_true(clients.asking > 0);
    clients_await(&clients);
    assert_int_equal(clients.answers[304], CLIENTS);
    assert_int_equal(stack_wait_fcgiwait(stack), 0);
    clients_close(&clients);
}

static void drain_spreads_the_last_answers(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port, CLIENTS);
    clients_ask(&clients, "/none?index=0&wait=50");
    await_waiting(stack, CLIENTS);
    double start = seconds_now(), half = 0;
    kill(stack->fcgiwait, SIGTERM);
    while (clients.asking > 0 && seconds_now() - start < 60) {
        clients_turn(&clients, 100);
        if (half == 0 && clients.asking <= CLIENTS / 2)
            half = seconds_now() - start;
    }
    double all = seconds_now() - start;
    must(half > 1 && all > half + 1, "half after %.1f s, all after %.1f s", half, all);
    assert_int_equal(clients.answers[304], CLIENTS);
    assert_int_equal(stack_wait_fcgiwait(stack), 0);
    clients_close(&clients);
}

/* Nor does one that never sends the rest of its request. */
static void a_peer_that_does_not_read_does_not_prevent_it(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    char *body = calloc(1, 8000001), index[24];
    for (int i = 0; i < 8000000; i++)
        body[i] = '1';
    struct answer answer = http(&(struct http){
        .port = stack->port, .method = "PUT", .path = "/publish/large", .body = body});
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    free(body);
    int deaf = fcgi_connect(stack), silent = fcgi_connect(stack);
    records_get(&records, 1, true, "/large");
    records_send(&records, deaf);
    records_begin(&records, 1, true);
    records_send(&records, silent);
    http_put(stack->port, "/other", "1", index);
    double start = seconds_now();
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    assert_true(seconds_now() - start < 30);
    assert_true(stack_logged(stack, "did not take") > 0);
    records_free(&records);
    close(deaf);
    close(silent);
}

/* The waiters' drain, a web server that is slow for five seconds, and then the store,
 * which may be connecting (store.patience). */
static void systemd_is_asked_for_time_for_all_of_it(void **state)
{
    struct stack *stack = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char name[128], heard[128] = "";
    long long micros = 0;
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    stack_path(stack, "notify", name);
    assert_true(strlen(name) < sizeof address.sun_path);
    memcpy(address.sun_path, name, strlen(name));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    chmod(name, 0666);
    setenv("NOTIFY_SOCKET", name, 1);
    stack_start_fcgiwait(stack);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    unsetenv("NOTIFY_SOCKET");
    while (strstr(heard, "STOPPING=1") == NULL)
        must(recv(fd, heard, sizeof heard - 1, MSG_DONTWAIT) > 0, "no stop is heard");
    must(sscanf(heard, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%lld", &micros) == 1, "%s",
         heard);
    must(micros >= (4 + 5 + 5 + 1) * 1000000LL, "%s", heard);
    close(fd);
}

static const struct stack_options large_bodies = {.config =
                                                      "limits = { body = 9000000; };"};

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(every_signal_answers_the_waiters_with_304, NULL),
        stack_test(a_change_comes_before_the_shutdown, NULL),
        stack_test(a_publish_that_was_acknowledged_outlives_it, &on_disk),
        stack_test(requests_that_were_there_before_are_answered, NULL),
        stack_test(a_request_that_is_half_there_is_finished, NULL),
        stack_test(a_request_that_crosses_the_shutdown_is_answered, NULL),
        stack_test(new_connections_are_refused_at_once, &slow_drain),
        stack_test(drain_spreads_the_last_answers, &slow_drain),
        stack_test(systemd_is_asked_for_time_for_all_of_it, &slow_drain),
        stack_test(a_peer_that_does_not_read_does_not_prevent_it, &large_bodies),
    };
    return cmocka_run_group_tests_name("shutdown_answers_everybody", tests, NULL, NULL);
}
