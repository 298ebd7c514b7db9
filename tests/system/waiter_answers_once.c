/* A change, an expiry and a hang-up can want the same waiter: exactly one gets it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "crowd.h"
#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define WAITERS 64

static const struct stack_options four_threads = {.config = "threads = 4;"};

/* Waits that end within the same milliseconds as the publishes come. Each connection has
 * exactly one answer, and is good for the next request afterwards. */
static void expiry_and_change_answer_once(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    int fds[WAITERS];
    long changed = 0, expired = 0;
    for (int i = 0; i < WAITERS; i++)
        fds[i] = fcgi_connect(stack);
    for (int round = 0; round < 15; round++) {
        char index[24], path[64], body[24];
        snprintf(body, sizeof body, "%d", round);
        http_put(stack->port, "/a", body, index);
        for (int i = 0; i < WAITERS; i++) {
            snprintf(path, sizeof path, "/a?index=%s&wait=%dms", index, 80 + i);
            records_get(&records, 1 + round, true, path);
            assert_true(records_send(&records, fds[i]));
        }
        sleep_ms(60 + round * 5); /* some expire before, some after */
        http_publish(stack->port, "POST", "/a", NULL);
        for (int i = 0; i < WAITERS; i++) {
            struct answer answer;
            assert_true(fcgi_read_answer(fds[i], 1 + round, &answer));
            must(answer.status == 200 || answer.status == 304, "%ld", answer.status);
            changed += answer.status == 200;
            expired += answer.status == 304;
            answer_free(&answer);
        }
        for (int i = 0; i < WAITERS; i++)
            assert_true(fcgi_is_quiet(fds[i], 0));
    }
    assert_int_equal(stack_status(stack, "waiting"), 0);
    must(changed > 0 && expired > 0, "%ld changed, %ld expired: nothing met", changed,
         expired);
    for (int i = 0; i < WAITERS; i++)
        close(fds[i]);
    records_free(&records);
}

/* Half of the clients hang up at the moment of the change. */
static void hang_up_and_change_answer_at_most_once(void **state)
{
    struct stack *stack = *state;
    struct crowd crowd;
    char path[64], index[24];
    http_put(stack->port, "/h", "0", index);
    crowd_open(&crowd, stack->port, WAITERS);
    for (int round = 1; round <= 15; round++) {
        snprintf(path, sizeof path, "/h?index=%s&wait=50", index);
        crowd_ask(&crowd, path);
        await_waiting(stack, WAITERS);
        struct call *call = call_start(
            &(struct http){.port = stack->port, .method = "POST", .path = "/publish/h"});
        for (size_t i = 0; i < crowd.count; i += 2)
            client_hang_up(&crowd, &crowd.clients[i]);
        struct answer answer = call_join(call);
        char value[256];
        snprintf(index, sizeof index, "%.23s",
                 answer_header(&answer, "X-Polling-Index", value));
        answer_free(&answer);
        crowd_await(&crowd);
        assert_int_equal(crowd.answers[200], round * WAITERS / 2);
        await_waiting(stack, 0);
    }
    assert_int_equal(crowd.lost, 0);
    crowd_close(&crowd);
}

/* Everybody asks again at once with the index just seen: whoever misses a wake-up stays
 * behind, and the round never ends. */
static void no_change_is_missed(void **state)
{
    struct stack *stack = *state;
    struct crowd crowd;
    char path[64], body[24], index[24];
    http_put(stack->port, "/m", "0", index);
    crowd_open(&crowd, stack->port, 4 * WAITERS);
    for (int round = 1; round <= 40; round++) {
        for (size_t i = 0; i < crowd.count; i++) {
            snprintf(path, sizeof path, "/m?index=%s&wait=50", index);
            client_ask(&crowd, &crowd.clients[i], path);
        }
        if (round % 2 == 0) /* otherwise in the middle of their coming */
            await_waiting(stack, (long long)crowd.count);
        snprintf(body, sizeof body, "%d", round);
        http_put(stack->port, "/m", body, index);
        crowd_await(&crowd);
        assert_int_equal(crowd.answers[200], (size_t)round * crowd.count);
        for (size_t i = 0; i < crowd.count; i++)
            assert_string_equal(crowd.clients[i].index, index);
    }
    crowd_close(&crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(expiry_and_change_answer_once, &four_threads),
        stack_test(hang_up_and_change_answer_at_most_once, &four_threads),
        stack_test(no_change_is_missed, &four_threads),
    };
    return cmocka_run_group_tests_name("waiter_answers_once", tests, NULL, NULL);
}
