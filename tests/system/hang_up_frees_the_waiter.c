/* SPDX-License-Identifier: ISC */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "clients.h"
#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

static void wait_raw(const struct stack *stack, int fd, int id, bool keeps,
                     long long count)
{
    struct records records = {0};
    records_get(&records, id, keeps, "/a?index=0&wait=50");
    assert_true(records_send(&records, fd));
    records_free(&records);
    await_waiting(stack, count);
}

static void abort_request(int fd, int id)
{
    struct records records = {0};
    records_add(&records, FCGI_ABORT_REQUEST, id, NULL, 0);
    assert_true(records_send(&records, fd));
    records_free(&records);
}

static void must_be_served(int fd, int id)
{
    struct records records = {0};
    struct answer answer;
    records_get(&records, id, true, "/none");
    assert_true(records_send(&records, fd));
    assert_true(fcgi_read_answer(fd, id, &answer));
    assert_int_equal(answer.status, 404);
    answer_free(&answer);
    records_free(&records);
}

/* Long before the wait is over: it is 50 s. */
static void a_client_of_nginx_that_hangs_up_is_let_go(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    clients_open(&clients, stack->port, 10);
    clients_ask(&clients, "/c?index=0&wait=50");
    await_waiting(stack, 10);
    double start = seconds_now();
    for (size_t i = 0; i < 9; i++)
        client_hang_up(&clients, &clients.clients[i]);
    await_waiting(stack, 1);
    assert_true(seconds_now() - start < 20);
    http_put(stack->port, "/c", "1", NULL); /* who stayed gets the news */
    clients_await(&clients);
    assert_int_equal(clients.answers[200], 1);
    assert_int_equal(stack_status(stack, "held_gone"), 9);
    clients_close(&clients);
}

static void a_web_server_that_closes_its_connection_is_let_go(void **state)
{
    struct stack *stack = *state;
    int fds[2] = {fcgi_connect(stack), fcgi_connect(stack)};
    wait_raw(stack, fds[0], 1, false, 1);
    wait_raw(stack, fds[1], 1, true, 2);
    close(fds[0]);
    await_waiting(stack, 1);
    close(fds[1]);
    await_waiting(stack, 0);
}

/* FastCGI section 5.4: END_REQUEST, and for a kept connection the next request. */
static void an_aborted_request_is_ended_and_its_connection_goes_on(void **state)
{
    struct stack *stack = *state;
    struct answer answer;
    int fd = fcgi_connect(stack);
    for (int id = 1; id < 4; id++) {
        wait_raw(stack, fd, id, true, 1);
        abort_request(fd, id);
        assert_true(fcgi_read_answer(fd, id, &answer));
        assert_int_equal(answer.status, 0); /* nothing was said but the end */
        answer_free(&answer);
        await_waiting(stack, 0);
        must_be_served(fd, 7);
    }
    close(fd);
}

static void an_aborted_request_that_keeps_no_connection_closes_it(void **state)
{
    struct stack *stack = *state;
    struct answer answer;
    int fd = fcgi_connect(stack);
    wait_raw(stack, fd, 9, false, 1);
    abort_request(fd, 9);
    assert_true(fcgi_read_answer(fd, 9, &answer));
    answer_free(&answer);
    assert_true(fcgi_is_closed(fd));
    await_waiting(stack, 0);
    close(fd);
}

static void a_request_aborted_while_it_is_sent_is_ended(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    struct answer answer;
    int fd = fcgi_connect(stack);
    records_begin(&records, 1, true);
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    assert_true(records_send(&records, fd));
    assert_true(fcgi_read_answer(fd, 1, &answer));
    answer_free(&answer);
    must_be_served(fd, 1);
    records_free(&records);
    close(fd);
}

static void an_abort_for_another_request_is_nobodys(void **state)
{
    struct stack *stack = *state;
    struct answer answer;
    int fd = fcgi_connect(stack);
    wait_raw(stack, fd, 1, true, 1);
    abort_request(fd, 2);
    abort_request(fd, 256 + 1);
    assert_true(fcgi_is_quiet(fd, 200));
    assert_int_equal(stack_status(stack, "waiting"), 1);
    http_put(stack->port, "/a", "1", NULL);
    assert_true(fcgi_read_answer(fd, 1, &answer));
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    close(fd);
}

/* All of it in one piece, so that it is read in one go. */
static void an_abort_and_the_next_request_may_come_together(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    struct answer answer;
    int fd = fcgi_connect(stack);
    records_get(&records, 1, true, "/b?index=0&wait=50");
    records_add(&records, FCGI_ABORT_REQUEST, 1, NULL, 0);
    records_get(&records, 2, true, "/b?index=0&wait=50");
    records_add(&records, FCGI_ABORT_REQUEST, 2, NULL, 0);
    records_get(&records, 3, true, "/none");
    assert_true(records_send(&records, fd));
    for (int id = 1; id <= 3; id++) {
        assert_true(fcgi_read_answer(fd, id, &answer));
        assert_int_equal(answer.status, id < 3 ? 0 : 404);
        answer_free(&answer);
    }
    await_waiting(stack, 0);
    records_free(&records);
    close(fd);
}

/* The beginning of the next request comes while one is held, the rest after its answer.
 */
static void a_record_may_be_split_around_an_answer(void **state)
{
    struct stack *stack = *state;
    struct records records = {0}, piece = {0};
    struct answer answer;
    records_get(&records, 2, true, "/none");
    for (size_t early = 1; early < 16;
         early++) { /* of BEGIN_REQUEST, and not all of it */
        int fd = fcgi_connect(stack);
        char path[64], index[24];
        http_publish(stack->port, "POST", "/s", index);
        snprintf(path, sizeof path, "/s?index=%s&wait=50", index);
        records_get(&piece, 1, true, path);
        records_raw(&piece, records.at, early);
        assert_true(records_send(&piece, fd));
        await_waiting(stack, 1);
        http_publish(stack->port, "POST", "/s", NULL);
        assert_true(fcgi_read_answer(fd, 1, &answer));
        answer_free(&answer);
        records_raw(&piece, records.at + early, records.len - early);
        assert_true(records_send(&piece, fd));
        assert_true(fcgi_read_answer(fd, 2, &answer));
        assert_int_equal(answer.status, 404);
        answer_free(&answer);
        close(fd);
    }
    records_free(&records);
    records_free(&piece);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_of_nginx_that_hangs_up_is_let_go),
        cmocka_unit_test(a_web_server_that_closes_its_connection_is_let_go),
        cmocka_unit_test(an_aborted_request_is_ended_and_its_connection_goes_on),
        cmocka_unit_test(an_aborted_request_that_keeps_no_connection_closes_it),
        cmocka_unit_test(a_request_aborted_while_it_is_sent_is_ended),
        cmocka_unit_test(an_abort_and_the_next_request_may_come_together),
        cmocka_unit_test(a_record_may_be_split_around_an_answer),
        cmocka_unit_test(an_abort_for_another_request_is_nobodys),
    };
    return cmocka_run_group_tests_name("hang_up_frees_the_waiter", tests, stack_setup,
                                       stack_teardown);
}
