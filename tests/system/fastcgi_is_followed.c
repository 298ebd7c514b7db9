/* SPDX-License-Identifier: ISC */
/* The FastCGI specification where nginx never goes. */
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

#define HEADER 8

static void must_read(int fd, const void *bytes, size_t len)
{
    char got[256];
    assert_int_equal(recv(fd, got, len, MSG_WAITALL), len);
    assert_memory_equal(got, bytes, len);
}

static void a_kept_connection_serves_one_request_after_the_other(void **state)
{
    struct stack *stack = *state;
    int fd = fcgi_connect(stack);
    long long before = stack_status(stack, "connections_accepted");
    for (int id = 1; id < 65536; id = id * 3 + 1) {
        struct records records = {0};
        records_get(&records, id, true, "/none");
        fcgi_say(fd, &records);
        fcgi_must_hear(fd, id, 404);
    }
    assert_true(stack_status(stack, "connections_accepted") <= before + 1);
    close(fd);
}

static void a_connection_that_is_not_kept_is_closed_after_its_answer(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    records_get(&records, 1, true, "/none");
    assert_true(records_send(&records, fd));
    fcgi_must_hear(fd, 1, 404);
    records_get(&records, 2, false, "/none");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 2, 404);
    assert_true(fcgi_is_closed(fd));
    close(fd);
}

static void requests_one_behind_the_other_are_answered_in_turn(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    for (int id = 1; id <= 20; id++)
        records_get(&records, id, true, "/none");
    fcgi_say(fd, &records);
    for (int id = 1; id <= 20; id++)
        fcgi_must_hear(fd, id, 404);
    close(fd);
}

/* More of them than there are threads; then everybody else. */
static void idle_connections_tie_up_no_thread(void **state)
{
    struct stack *stack = *state;
    int fds[64];
    long threads = proc_threads(stack->fcgiwait);
    for (int i = 0; i < 64; i++) {
        struct records records = {0};
        fds[i] = fcgi_connect(stack);
        records_get(&records, 1, true, "/none");
        fcgi_say(fds[i], &records);
        fcgi_must_hear(fds[i], 1, 404);
    }
    for (int i = 0; i < 10; i++) {
        struct answer answer = http_get(stack->port, "/none", NULL);
        assert_int_equal(answer.status, 404);
        assert_true(answer.seconds < 20);
        answer_free(&answer);
    }
    assert_int_equal(proc_threads(stack->fcgiwait), threads);
    assert_true(stack_status(stack, "connections") >= 64);
    for (int i = 0; i < 64; i++)
        close(fds[i]);
}

static void records_may_come_byte_by_byte(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    records_put(&records, 1, true, "/bytes", "document");
    for (size_t i = 0; i < records.len; i++) {
        assert_int_equal(send(fd, records.at + i, 1, MSG_NOSIGNAL), 1);
        sleep_ms(1);
    }
    fcgi_must_hear(fd, 1, 201);
    records_free(&records);
    close(fd);
}

static void records_may_be_padded_and_cut_anywhere(void **state)
{
    static const char pairs[] = "\016\003REQUEST_METHODGET\013\005SCRIPT_NAME/none";
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    records_begin(&records, 1, true);
    for (size_t i = 0; i < sizeof pairs - 1; i++) {
        records_add(&records, FCGI_PARAMS, 1, pairs + i, 1);
        records.at[records.len - HEADER - 1 + 6] = 7; /* paddingLength */
        records_raw(&records, "padding", 7);
    }
    records_add(&records, FCGI_PARAMS, 1, NULL, 0);
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 1, 404);
    close(fd);
}

/* Section 4.1: only the application's own answers; MPXS is what is true of us. */
static void management_records_are_answered(void **state)
{
    static const char values[] = "\017\000FCGI_MPXS_CONNS\006\000WHOEVER";
    static const unsigned char result[] = "\1\12\0\0\0\22\0\0\017\001FCGI_MPXS_CONNS0";
    static const unsigned char unknown[] = "\1\13\0\0\0\10\0\0\77\0\0\0\0\0\0";
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    records_add(&records, FCGI_GET_VALUES, 0, values, 17);
    assert_true(records_send(&records, fd));
    must_read(fd, result, sizeof result - 1);
    records_add(&records, 63, 0, "what?", 5);
    assert_true(records_send(&records, fd));
    must_read(fd, unknown, sizeof unknown);
    records_get(&records, 1, false, "/none");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 1, 404);
    close(fd);
}

static void other_roles_are_refused(void **state)
{
    static const unsigned char end[] =
        "\1\3\0\5\0\10\0\0\0\0\0\0\3\0\0"; /* UNKNOWN_ROLE */
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    records_begin(&records, 5, true);
    records.at[HEADER + 1] = FCGI_AUTHORIZER;
    assert_true(records_send(&records, fd));
    must_read(fd, end, sizeof end);
    records_get(&records, 6, true, "/none");
    fcgi_say(fd, &records);
    fcgi_must_hear(fd, 6, 404);
    close(fd);
}

/* Without FCGI_KEEP_CONN it is ours to close (section 3.5), whatever the answer. */
static void a_refused_role_closes_what_is_not_kept(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    char bytes[64];
    int fd = fcgi_connect(stack);
    records_begin(&records, 5, false);
    records.at[HEADER + 1] = FCGI_AUTHORIZER;
    fcgi_say(fd, &records);
    size_t len = 0;
    for (ssize_t n; (n = recv(fd, bytes + len, sizeof bytes - len, 0)) > 0;)
        len += (size_t)n;
    assert_int_equal(len, 16);
    assert_int_equal(bytes[12], FCGI_UNKNOWN_ROLE);
    close(fd);
}

static void a_second_request_beside_a_held_one_is_refused(void **state)
{
    static const unsigned char end[] =
        "\1\3\0\2\0\10\0\0\0\0\0\0\1\0\0"; /* CANT_MPX_CONN */
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    records_get(&records, 1, true, "/held?index=0&wait=50");
    assert_true(records_send(&records, fd));
    await_waiting(stack, 1);
    records_get(&records, 2, true, "/none");
    fcgi_say(fd, &records);
    must_read(fd, end, sizeof end);
    assert_int_equal(stack_status(stack, "waiting"), 1);
    http_put(stack->port, "/held", "1", NULL);
    fcgi_must_hear(fd, 1, 200);
    close(fd);
}

static void more_headers_than_are_kept_are_431(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    char *value = calloc(1, 60001);
    int fd = fcgi_connect(stack);
    memset(value, 'x', 60000);
    for (int id = 1; id <= 2; id++) { /* one fits, and two are too long */
        records_begin(&records, id, true);
        struct records pair = {0};
        records_raw(&pair, "\014\200\000\352\140HTTP_X_LARGE", 17);
        records_raw(&pair, value, 60000);
        for (int i = 0; i < id; i++)
            records_add(&records, FCGI_PARAMS, id, pair.at, pair.len);
        records_params(
            &records, id,
            (const char *[]){"REQUEST_METHOD", "GET", "SCRIPT_NAME", "/none", NULL});
        records_add(&records, FCGI_STDIN, id, NULL, 0);
        assert_true(records_send(&records, fd));
        fcgi_must_hear(fd, id, id == 1 ? 404 : 431);
        records_free(&pair);
    }
    records_free(&records);
    free(value);
    close(fd);
}

/* Every kind of answer leaves the connection good for the next request. Not HEAD: nginx
 * itself closes after those. */
static void nginx_keeps_its_connections(void **state)
{
    static const struct {
        const char *method, *path;
    } rows[] = {{"GET", "/kept"},     {"GET", "/none"},
                {"OPTIONS", "/kept"}, {"PUT", "/kept"},
                {"PUT", "/publish"},  {"GET", "/none?index=0&wait=1ms"},
                {"GET", "/a//b"},     {"GET", "/none?index=0&wait=0"}};
    struct stack *stack = *state;
    http_put(stack->port, "/kept", "1", NULL);
    long long before = stack_status(stack, "connections_accepted");
    for (int i = 0; i < 80; i++) {
        struct answer answer = http(&(struct http){
            .port = stack->port, .method = rows[i % 8].method, .path = rows[i % 8].path});
        assert_true(answer.status >= 200 && answer.status < 500);
        answer_free(&answer);
    }
    long long opened = stack_status(stack, "connections_accepted") - before;
    must(opened <= 4, "%lld connections for 80 requests of 2 workers", opened);
}

static const struct stack_options no_keepalive = {.no_keepalive = true};

static void nginx_may_open_a_connection_for_each_request(void **state)
{
    struct stack *stack = *state;
    long long before = stack_status(stack, "connections_accepted");
    for (int i = 0; i < 10; i++) {
        char body[24];
        snprintf(body, sizeof body, "%d", i);
        assert_true(http_put(stack->port, "/a", body, NULL) > 0);
        struct answer answer = http_get(stack->port, "/a", NULL);
        assert_string_equal(answer.body, body);
        answer_free(&answer);
    }
    assert_int_equal(stack_status(stack, "connections_accepted"), before + 21);
    await_status(stack, "connections", 1); /* the one that asks */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_kept_connection_serves_one_request_after_the_other),
        cmocka_unit_test(a_connection_that_is_not_kept_is_closed_after_its_answer),
        cmocka_unit_test(requests_one_behind_the_other_are_answered_in_turn),
        cmocka_unit_test(idle_connections_tie_up_no_thread),
        cmocka_unit_test(records_may_come_byte_by_byte),
        cmocka_unit_test(records_may_be_padded_and_cut_anywhere),
        cmocka_unit_test(management_records_are_answered),
        cmocka_unit_test(other_roles_are_refused),
        cmocka_unit_test(a_refused_role_closes_what_is_not_kept),
        cmocka_unit_test(a_second_request_beside_a_held_one_is_refused),
        cmocka_unit_test(more_headers_than_are_kept_are_431),
        cmocka_unit_test(nginx_keeps_its_connections),
    };
    const struct CMUnitTest other[] = {
        stack_test(nginx_may_open_a_connection_for_each_request, &no_keepalive),
    };
    return cmocka_run_group_tests_name("fastcgi_is_followed", tests, stack_setup,
                                       stack_teardown) +
           cmocka_run_group_tests_name("fastcgi_keep_conn off", other, NULL, NULL);
}
