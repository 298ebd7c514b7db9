/* SPDX-License-Identifier: ISC */
/* Somebody locks the store's file and does not let go: publishers get their 503 within
 * one bound, readers notice nothing, and the process stops when it is told to. */
#include <sqlite3.h>

#include "http.h"
#include "must.h"
#include "stack.h"

enum { PUBLISHERS = 6 };

static const struct stack_options options = {.sqlite = true, .logs_errors = true};
static struct call *calls[PUBLISHERS];

static sqlite3 *lock(const struct stack *stack)
{
    char file[128];
    sqlite3 *db;
    stack_path(stack, "store.db", file);
    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* Not all in one batch; returns once the last has come. */
static void publish(const struct stack *stack)
{
    long long before = stack_status(stack, "requests");
    for (int i = 0; i < PUBLISHERS; i++) {
        calls[i] = call_start(
            &(struct http){.port = stack->port, .method = "POST", .path = "/publish/a"});
        sleep_ms(50);
    }
    await_asked(stack, before, PUBLISHERS);
}

static void all_are_refused(void)
{
    char value[256];
    for (int i = 0; i < PUBLISHERS; i++) {
        struct answer answer = call_join(calls[i]);
        assert_int_equal(answer.status, 503);
        must(answer_header(&answer, "Retry-After", value)[0] != '\0', "no Retry-After");
        must(answer.seconds < 10, "after %f s", answer.seconds);
        answer_free(&answer);
    }
}

static void publishers_get_503(void **state)
{
    const struct stack *stack = *state;
    char index[24];
    assert_int_equal(http_put(stack->port, "/a", "{}", index), 201);
    sqlite3 *db = lock(stack);
    publish(stack);
    struct answer answer = http_get(stack->port, "/a", NULL);
    assert_int_equal(answer.status, 200);
    must(answer.seconds < 2, "a reader waited %f s", answer.seconds);
    answer_free(&answer);
    all_are_refused();
    assert_int_equal(stack_status(stack, "publish_errors"), PUBLISHERS);
    sqlite3_close(db);
    assert_int_equal(http_put(stack->port, "/a", "{\"a\":1}", index), 204);
}

static void a_stop_does_not_wait_for_it(void **state)
{
    struct stack *stack = *state;
    sqlite3 *db = lock(stack);
    publish(stack);
    double start = seconds_now();
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    must(seconds_now() - start < 10, "%f s", seconds_now() - start);
    all_are_refused();
    sqlite3_close(db);
    stack_start_fcgiwait(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(publishers_get_503, &options),
        stack_test(a_stop_does_not_wait_for_it, &options),
    };
    return cmocka_run_group_tests_name("locked_store_refuses_in_time", tests, NULL, NULL);
}
