/* SPDX-License-Identifier: ISC */
/* A body that will be refused anyway is counted and dropped as it comes. */
#include <stdio.h>
#include <unistd.h>

#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "proc.h"
#include "stack.h"

#define MEGABYTE 1048576L
#define MOST_KB (20 * 1024L) /* that memory may grow by */

static void begin_body(int fd, const char *method, const char *access, long len)
{
    struct records records = {0};
    char length[24];
    snprintf(length, sizeof length, "%ld", len);
    const char *const pairs[] = {"REQUEST_METHOD",
                                 method,
                                 "SCRIPT_NAME",
                                 "/large",
                                 "FCGIWAIT_ACCESS",
                                 access,
                                 "CONTENT_TYPE",
                                 "x/y",
                                 "CONTENT_LENGTH",
                                 length,
                                 NULL};
    records_begin(&records, 1, true);
    records_params(&records, 1, pairs);
    assert_true(records_send(&records, fd));
    records_free(&records);
}

static void send_body(int fd, long len)
{
    static const char piece[32768];
    struct records records = {0};
    for (long sent = 0; sent < len; sent += (long)sizeof piece) {
        records_add(&records, FCGI_STDIN, 1, piece, sizeof piece);
        assert_true(records_send(&records, fd));
    }
    records_free(&records);
}

static void end_body(int fd, long status)
{
    struct records records = {0};
    struct answer answer;
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    assert_true(records_send(&records, fd));
    assert_true(fcgi_read_answer(fd, 1, &answer));
    must(answer.status == status, "%ld, not %ld", answer.status, status);
    answer_must_have(&answer, "Content-Type", "application/problem+json");
    answer_free(&answer);
    records_free(&records);
}

static const struct {
    const char *method, *access;
    long megabytes, status;
} rows[] = {
    {"PUT", "publish", 200, 413}, {"PUT", "read", 50, 405},
    {"POST", "publish", 50, 400}, {"DELETE", "publish", 50, 404},
    {"GET", "publish", 50, 404},
};

static void memory_does_not_grow_with_them(void **state)
{
    struct stack *stack = *state;
    int fd = fcgi_connect(stack);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        long len = rows[i].megabytes * MEGABYTE;
        long before = proc_resident_kb(stack->fcgiwait);
        begin_body(fd, rows[i].method, rows[i].access, len);
        send_body(fd, len);
        long grown = proc_resident_kb(stack->fcgiwait) - before;
        must(grown < MOST_KB, "row %zu: grown by %ld KB", i, grown);
        end_body(fd, rows[i].status);
    }
    close(fd);
    struct answer answer = http_get(stack->port, "/large", NULL);
    answer_must_have(&answer, "X-Polling-Index", "0");
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_does_not_grow_with_them),
    };
    return cmocka_run_group_tests_name("large_bodies_are_not_kept", tests, stack_setup,
                                       stack_teardown);
}
