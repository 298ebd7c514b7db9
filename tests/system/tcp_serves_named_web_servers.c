/* SPDX-License-Identifier: ISC */
/* FCGI_WEB_SERVER_ADDRS on a TCP socket (FastCGI section 3.2). */
#include <unistd.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

static bool is_served(const struct stack *stack, const char *address)
{
    struct records records = {0};
    struct answer answer;
    int fd = fcgi_connect_from(stack, address);
    records_get(&records, 1, false, "/none");
    records_send(&records, fd);
    bool served = fcgi_read_answer(fd, 1, &answer);
    if (served)
        assert_int_equal(answer.status, 404);
    answer_free(&answer);
    records_free(&records);
    close(fd);
    return served;
}

static const struct stack_options one = {.web_servers = "127.0.0.1"};

static void nginx_is_served_over_tcp(void **state)
{
    struct stack *stack = *state;
    struct call *call =
        call_start(&(struct http){.port = stack->port, .path = "/a?index=0&wait=50"});
    await_waiting(stack, 1);
    assert_int_equal(http_put(stack->port, "/a", "1", NULL), 201);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

static void others_are_turned_away(void **state)
{
    struct stack *stack = *state;
    assert_true(is_served(stack, "127.0.0.1"));
    assert_false(is_served(stack, "127.0.0.2"));
    assert_false(is_served(stack, "127.0.0.11"));
    assert_true(stack_logged(stack, "127.0.0.11, outside FCGI_WEB_SERVER_ADDRS") > 0);
    assert_true(is_served(stack, "127.0.0.1"));
}

static const struct stack_options several = {.web_servers =
                                                 "10.0.0.1,127.0.0.1, 127.0.0.3"};

static void there_may_be_several(void **state)
{
    struct stack *stack = *state;
    assert_true(is_served(stack, "127.0.0.1"));
    assert_true(is_served(stack, "127.0.0.3"));
    assert_false(is_served(stack, "127.0.0.2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(nginx_is_served_over_tcp, &one),
        stack_test(others_are_turned_away, &one),
        stack_test(there_may_be_several, &several),
    };
    return cmocka_run_group_tests_name("tcp_serves_named_web_servers", tests, NULL, NULL);
}
