/* SPDX-License-Identifier: ISC */
/* What is not FastCGI ends its connection, is logged once, and concerns nobody else. */
#include <string.h>
#include <unistd.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

typedef void spoil_fn(struct records *records);

static void not_fastcgi(struct records *records)
{
    static const char http_get_text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    records_raw(records, http_get_text, strlen(http_get_text));
}

static void nothing_but_zeros(struct records *records)
{
    static const char zeros[4096];
    records_raw(records, zeros, sizeof zeros);
}

static void another_version(struct records *records)
{
    records_begin(records, 1, true);
    records->at[0] = 2;
}

static void another_version_later(struct records *records)
{
    records_begin(records, 1, true);
    size_t at = records->len;
    records_params(records, 1, (const char *[]){"REQUEST_METHOD", "GET", NULL});
    records->at[at] = 0;
}

static void begin_too_short(struct records *records)
{
    records_add(records, FCGI_BEGIN_REQUEST, 1, "\0\1\1\0\0\0\0", 7);
}

static void begin_too_long(struct records *records)
{
    records_add(records, FCGI_BEGIN_REQUEST, 1, "\0\1\1\0\0\0\0\0\0", 9);
}

static void begun_twice(struct records *records)
{
    records_begin(records, 1, true);
    records_begin(records, 1, true);
}

static void params_of(struct records *records, const void *bytes, size_t len)
{
    records_begin(records, 1, true);
    records_add(records, FCGI_PARAMS, 1, bytes, len);
    records_add(records, FCGI_PARAMS, 1, NULL, 0);
}

static void a_name_longer_than_all(struct records *records)
{
    params_of(records, "\x7f\1AB", 4);
}

static void a_value_longer_than_all(struct records *records)
{
    params_of(records,
              "\1\x7f"
              "AB",
              4);
}

static void lengths_of_two_gigabytes(struct records *records)
{
    params_of(records,
              "\xff\xff\xff\xff\xff\xff\xff\xff"
              "AB",
              10);
}

static void half_a_length(struct records *records)
{
    params_of(records, "\1\x80\0\0", 4);
}

static void a_nul_in_a_name(struct records *records)
{
    params_of(records, "\2\1a\0b", 5);
}

static void stdin_before_the_params_end(struct records *records)
{
    records_begin(records, 1, true);
    records_add(records, FCGI_STDIN, 1, "x", 1);
}

static void params_after_their_end(struct records *records)
{
    records_begin(records, 1, true);
    records_params(records, 1, (const char *[]){"REQUEST_METHOD", "PUT", NULL});
    records_add(records, FCGI_PARAMS, 1, "\1\1AB", 4);
}

static void an_answer_instead_of_a_question(struct records *records)
{
    records_begin(records, 1, true);
    records_add(records, FCGI_STDOUT, 1, "x", 1);
}

static spoil_fn *const spoils[] = {
    not_fastcgi,
    nothing_but_zeros,
    another_version,
    another_version_later,
    begin_too_short,
    begin_too_long,
    begun_twice,
    a_name_longer_than_all,
    a_value_longer_than_all,
    lengths_of_two_gigabytes,
    half_a_length,
    a_nul_in_a_name,
    stdin_before_the_params_end,
    params_after_their_end,
    an_answer_instead_of_a_question,
};

#define SPOILS (sizeof spoils / sizeof *spoils)

static void ask(int fd, const char *path)
{
    struct records records = {0};
    records_get(&records, 1, true, path);
    assert_true(records_send(&records, fd));
    records_free(&records);
}

static void must_hear(int fd, long status)
{
    struct answer answer;
    assert_true(fcgi_read_answer(fd, 1, &answer));
    assert_int_equal(answer.status, status);
    answer_free(&answer);
}

static void only_that_connection_is_closed_and_logged_once(void **state)
{
    struct stack *stack = *state;
    int kept = fcgi_connect(stack), waiting = fcgi_connect(stack);
    ask(waiting, "/a?index=0&wait=50");
    await_waiting(stack, 1);
    for (size_t i = 0; i < SPOILS; i++) {
        struct records records = {0};
        int fd = fcgi_connect(stack);
        spoils[i](&records);
        records_send(&records, fd); /* it may close before it has read all */
        records_free(&records);
        must(fcgi_is_closed(fd), "spoil %zu is answered", i);
        close(fd);
        await_status(stack, "connections_broken", (long long)i + 1);
        must(stack_logged(stack, "warn: connection") == i + 1, "spoil %zu: %zu lines", i,
             stack_logged(stack, "warn: connection"));
        ask(kept, "/none");
        must_hear(kept, 404);
    }
    assert_int_equal(stack_status(stack, "waiting"), 1);
    http_put(stack->port, "/a", "1", NULL);
    must_hear(waiting, 200);
    close(waiting);
    close(kept);
}

/* The same behind a request that is held. */
static void a_waiters_own_connection_is_closed_too(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    int fd = fcgi_connect(stack);
    ask(fd, "/b?index=0&wait=50");
    await_waiting(stack, 1);
    not_fastcgi(&records);
    records_send(&records, fd);
    assert_true(fcgi_is_closed(fd));
    await_waiting(stack, 0);
    close(fd);
    records_free(&records);
    assert_int_equal(stack_logged(stack, "warn: connection"), SPOILS + 1);
}

static void bytes_by_chance_do_no_harm(void **state)
{
    struct stack *stack = *state;
    unsigned seed = 7;
    for (int i = 0; i < 200; i++) {
        struct records records = {0};
        int fd = fcgi_connect(stack);
        records_get(&records, 1, true, "/none?index=0&wait=0");
        for (int k = 0; k < 4; k++) {
            seed = seed * 1103515245 + 12345;
            records.at[(seed >> 8) % records.len] = (char)(seed >> 24);
        }
        records_send(&records, fd);
        records_free(&records);
        close(fd);
    }
    struct answer answer = http_get(stack->port, "/none", NULL);
    assert_int_equal(answer.status, 404);
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_that_connection_is_closed_and_logged_once),
        cmocka_unit_test(a_waiters_own_connection_is_closed_too),
        cmocka_unit_test(bytes_by_chance_do_no_harm),
    };
    return cmocka_run_group_tests_name("broken_records_close_one_connection", tests,
                                       stack_setup, stack_teardown);
}
