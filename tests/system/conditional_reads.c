/* SPDX-License-Identifier: ISC */
/* If-None-Match without a wait: nobody is held (RFC 9110 section 13.1.2). */
#include <stdio.h>

#include "http.h"
#include "must.h"
#include "stack.h"

struct row {
    const char *header; /* %s stands for the present index */
    long status;
};

static const struct row rows[] = {
    {"If-None-Match: \"%s\"", 304},
    {"If-None-Match: W/\"%s\"", 304},
    {"If-None-Match: \"7\", \"%s\"", 304},
    {"If-None-Match: \"a,b\" ,, W/\"x\",W/\"%s\"", 304},
    {"If-None-Match: *", 304},
    {"If-None-Match: \"7\"", 200},
    {"If-None-Match: W/\"7\", \"8\"", 200},
    {"If-None-Match: %s", 200},
    {"If-None-Match: \"%s", 200},
    {"If-None-Match: \"0%s\"", 200},
    {"If-None-Match: w/\"%s\"", 200},
    {"If-None-Match: \"x, %s\"", 200},
};

static void ask_with(const struct stack *stack, const char *method, const struct row *row,
                     const char *index)
{
    char header[256];
    snprintf(header, sizeof header, row->header, index);
    struct answer answer = http(&(struct http){
        .port = stack->port, .method = method, .path = "/a", .headers = {header}});
    must(answer.status == row->status, "%s %s: %ld", method, header, answer.status);
    answer_must_have(&answer, "X-Polling-Index", index);
    assert_true(answer.seconds < 10);
    if (row->status == 304) {
        assert_int_equal(answer.body_len, 0);
        answer_must_have(&answer, "Content-Type", NULL);
    }
    answer_free(&answer);
}

static void a_match_is_304_and_nobody_is_held(void **state)
{
    struct stack *stack = *state;
    char index[24];
    http_put(stack->port, "/a", "{}", index);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask_with(stack, "GET", &rows[i], index);
        ask_with(stack, "HEAD", &rows[i], index);
    }
    assert_int_equal(stack_status(stack, "held"), 0);
}

static void what_does_not_exist_matches_nothing(void **state)
{
    struct stack *stack = *state;
    char index[24], header[64];
    http_put(stack->port, "/gone", "{}", NULL);
    http_publish(stack->port, "DELETE", "/gone", index);
    snprintf(header, sizeof header, "If-None-Match: \"%s\"", index);
    const char *const headers[] = {header, "If-None-Match: *", "If-None-Match: \"0\""};
    for (size_t i = 0; i < 3; i++) {
        struct answer answer = http_get(stack->port, "/gone", headers[i]);
        assert_int_equal(answer.status, 404);
        answer_must_have(&answer, "X-Polling-Index", index);
        answer_free(&answer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_is_304_and_nobody_is_held),
        cmocka_unit_test(what_does_not_exist_matches_nothing),
    };
    return cmocka_run_group_tests_name("conditional_reads", tests, stack_setup,
                                       stack_teardown);
}
