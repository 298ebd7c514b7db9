/* SPDX-License-Identifier: ISC */
/* If-Match and If-None-Match of a publisher (RFC 9110 sections 13.1.1 and 13.1.2). */
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "stack.h"

struct row {
    const char *header; /* %s stands for the present index */
    bool there, gone;   /* whether it holds: for a document, for a resource without one */
};

static const struct row rows[] = {
    {"If-Match: \"%s\"", true, false},
    {"If-Match: \"7\", \"%s\"", true, false},
    {"If-Match: *", true, false},
    {"If-Match: \"7\"", false, false},
    {"If-Match: W/\"%s\"", false, false}, /* strong comparison */
    {"If-Match: %s", false, false},
    {"If-None-Match: *", false, true},
    {"If-None-Match: \"%s\"", false, true},
    {"If-None-Match: W/\"%s\"", false, true}, /* weak comparison */
    {"If-None-Match: \"7\"", true, true},
};

/* Whether the resource had another index afterwards. */
static bool publish(const struct stack *stack, const char *method, const char *resource,
                    const char *header, long *status)
{
    char path[64], before[256], after[256];
    struct answer answer = http_get(stack->port, resource, NULL);
    answer_header(&answer, "X-Polling-Index", before);
    answer_free(&answer);
    snprintf(path, sizeof path, "/publish%s", resource);
    answer = http(&(struct http){.port = stack->port,
                                 .method = method,
                                 .path = path,
                                 .headers = {header},
                                 .body = strcmp(method, "PUT") == 0 ? before : NULL});
    *status = answer.status;
    if (*status == 412)
        answer_must_have(&answer, "Content-Type", "application/problem+json");
    answer_free(&answer);
    answer = http_get(stack->port, resource, NULL);
    answer_header(&answer, "X-Polling-Index", after);
    answer_free(&answer);
    return strcmp(before, after) != 0;
}

static void try_row(const struct stack *stack, const struct row *row, const char *method,
                    bool there)
{
    char index[24], header[128];
    long status;
    http_put(stack->port, "/a", "\"before\"", index);
    if (!there)
        http_publish(stack->port, "DELETE", "/a", index);
    snprintf(header, sizeof header, row->header, index);
    bool holds = there ? row->there : row->gone;
    bool changed = publish(stack, method, "/a", header, &status);
    bool missing = !there && strcmp(method, "DELETE") == 0;
    must(holds == (status != 412), "%s %s: %ld", method, header, status);
    must(changed == (holds && !missing), "%s %s: changed %d", method, header, changed);
}

static void what_does_not_hold_is_412_and_changes_nothing(void **state)
{
    static const char *const methods[] = {"PUT", "DELETE", "POST"};
    struct stack *stack = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t k = 0; k < 3; k++) {
            try_row(stack, &rows[i], methods[k], true);
            try_row(stack, &rows[i], methods[k], false);
        }
}

static void a_412_wakes_nobody(void **state)
{
    struct stack *stack = *state;
    char index[24], path[64];
    long status;
    http_put(stack->port, "/w", "1", index);
    snprintf(path, sizeof path, "/w?index=%s&wait=50", index);
    struct call *call = call_start(&(struct http){.port = stack->port, .path = path});
    await_waiting(stack, 1);
    assert_false(publish(stack, "PUT", "/w", "If-Match: \"7\"", &status));
    assert_false(publish(stack, "DELETE", "/w", "If-None-Match: *", &status));
    assert_int_equal(status, 412);
    assert_int_equal(stack_status(stack, "waiting"), 1);
    http_put(stack->port, "/w", "2", NULL);
    struct answer answer = call_join(call);
    assert_string_equal(answer.body, "2");
    answer_free(&answer);
}

#define RIVALS 16

/* Rivals who all know the same index: one of them changes it. */
static void of_rivals_one_wins(void **state)
{
    struct stack *stack = *state;
    for (int round = 0; round < 5; round++) {
        struct call *calls[RIVALS];
        char index[24], header[64], bodies[RIVALS][24];
        long won = 0, lost = 0;
        snprintf(bodies[0], sizeof bodies[0], "%d", -1 - round);
        http_put(stack->port, "/r", bodies[0], index);
        snprintf(header, sizeof header, "If-Match: \"%s\"", index);
        for (int i = 0; i < RIVALS; i++) {
            snprintf(bodies[i], sizeof bodies[i], "%d", i);
            calls[i] = call_start(&(struct http){.port = stack->port,
                                                 .method = "PUT",
                                                 .path = "/publish/r",
                                                 .headers = {header},
                                                 .body = bodies[i]});
        }
        for (int i = 0; i < RIVALS; i++) {
            struct answer answer = call_join(calls[i]);
            won += answer.status == 204;
            lost += answer.status == 412;
            answer_free(&answer);
        }
        assert_int_equal(won, 1);
        assert_int_equal(lost, RIVALS - 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_hold_is_412_and_changes_nothing),
        cmocka_unit_test(a_412_wakes_nobody),
        cmocka_unit_test(of_rivals_one_wins),
    };
    return cmocka_run_group_tests_name("preconditions_guard_publishing", tests,
                                       stack_setup, stack_teardown) +
           cmocka_run_group_tests_name("preconditions_guard_publishing, sqlite", tests,
                                       stack_setup_sqlite, stack_teardown);
}
