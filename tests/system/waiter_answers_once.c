/* SPDX-License-Identifier: ISC */
/* A change, an expiry and a hang-up can want the same waiter: exactly one gets it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clients.h"
#include "fcgi_client.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define WAITERS 64

/* Changes of the memory store come from a thread of the front, those of SQLite from the
 * store's own. */
static const struct stack_options memory = {.config = "threads = 4;"};
static const struct stack_options sqlite = {.config = "threads = 4;", .sqlite = true};

/* Waits that end within the same milliseconds as the publishes come. Each connection has
 * exactly one answer, and is good for the next request afterwards. */
static void expiry_and_change_answer_once(void **state)
{
    struct stack *stack = *state;
    struct records records = {0};
    int fds[WAITERS], slow = 1;
    long changed = 0, expired = 0;
    for (int i = 0; i < WAITERS; i++)
        fds[i] = fcgi_connect(stack);
    for (int round = 0; round < 15 || (changed == 0 && round < 60); round++) {
        char index[24], path[64], body[24];
        snprintf(body, sizeof body, "%d", round);
        http_put(stack->port, "/a", body, index);
        for (int i = 0; i < WAITERS; i++) {
            snprintf(path, sizeof path, "/a?index=%s&wait=%dms", index, slow * (80 + i));
            records_get(&records, 1 + round, true, path);
            assert_true(records_send(&records, fds[i]));
        }
        sleep_ms(slow * (60 + round % 15 * 5)); /* some expire before, some after */
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
        slow = 1 + round / 15; /* where the changes always came too late */
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
    struct clients clients;
    char path[64], index[24];
    http_put(stack->port, "/h", "0", index);
    clients_open(&clients, stack->port, WAITERS);
    for (int round = 1; round <= 15; round++) {
        snprintf(path, sizeof path, "/h?index=%s&wait=50", index);
        clients_ask(&clients, path);
        await_waiting(stack, WAITERS);
        struct call *call = call_start(
            &(struct http){.port = stack->port, .method = "POST", .path = "/publish/h"});
        for (size_t i = 0; i < clients.count; i += 2)
            client_hang_up(&clients, &clients.clients[i]);
        struct answer answer = call_join(call);
        char value[256];
        snprintf(index, sizeof index, "%.23s",
                 answer_header(&answer, "X-Polling-Index", value));
        answer_free(&answer);
        clients_await(&clients);
        assert_int_equal(clients.answers[200], round * WAITERS / 2);
        await_waiting(stack, 0);
    }
    assert_int_equal(clients.lost, 0);
    clients_close(&clients);
}

/* Everybody asks again at once with the index just seen: whoever misses a wake-up stays
 * behind, and the round never ends. */
static void no_change_is_missed(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    char path[64], body[24], index[24];
    http_put(stack->port, "/m", "0", index);
    clients_open(&clients, stack->port, 4 * WAITERS);
    for (int round = 1; round <= 40; round++) {
        for (size_t i = 0; i < clients.count; i++) {
            snprintf(path, sizeof path, "/m?index=%s&wait=50", index);
            client_ask(&clients, &clients.clients[i], path);
        }
        if (round % 2 == 0) /* otherwise in the middle of their coming */
            await_waiting(stack, (long long)clients.count);
        snprintf(body, sizeof body, "%d", round);
        http_put(stack->port, "/m", body, index);
        clients_await(&clients);
        assert_int_equal(clients.answers[200], (size_t)round * clients.count);
        for (size_t i = 0; i < clients.count; i++)
            assert_string_equal(clients.clients[i].index, index);
    }
    clients_close(&clients);
}

/* --- the same without nginx, as fast as it goes --- */

struct chase {
    int waiters[WAITERS], publishers[2];
    long long seen[WAITERS]; /* the index of each waiter's last answer */
    struct records records;
};

static void ask_raw(struct chase *chase, int i)
{
    char path[64];
    snprintf(path, sizeof path, "/c?index=%lld&wait=50", chase->seen[i]);
    records_get(&chase->records, 1, true, path);
    assert_true(records_send(&chase->records, chase->waiters[i]));
}

static void touch(struct chase *chase, int publisher)
{
    static const char *const pairs[] = {"REQUEST_METHOD",  "POST",    "SCRIPT_NAME", "/c",
                                        "FCGIWAIT_ACCESS", "publish", NULL};
    records_begin(&chase->records, 1, true);
    records_params(&chase->records, 1, pairs);
    records_add(&chase->records, FCGI_STDIN, 1, NULL, 0);
    assert_true(records_send(&chase->records, chase->publishers[publisher]));
}

static long long hear_index(int fd, long status)
{
    struct answer answer;
    char value[256];
    assert_true(fcgi_read_answer(fd, 1, &answer));
    must(answer.status == status, "%ld, not %ld", answer.status, status);
    long long index = atoll(answer_header(&answer, "X-Polling-Index", value));
    answer_free(&answer);
    return index;
}

static void hear_and_ask(struct chase *chase, int i)
{
    long long before = chase->seen[i];
    chase->seen[i] = hear_index(chase->waiters[i], 404); /* only touched, never made */
    assert_true(chase->seen[i] > before);
    ask_raw(chase, i);
}

/* The second change comes while `early` of the waiters are on their way back. */
static void chase_round(struct chase *chase, int early)
{
    touch(chase, 0);
    long long last = hear_index(chase->publishers[0], 204);
    for (int i = 0; i < WAITERS; i++) {
        if (i == early)
            touch(chase, 1);
        hear_and_ask(chase, i);
    }
    last = hear_index(chase->publishers[1], 204);
    for (int i = 0; i < WAITERS; i++)
        while (chase->seen[i] < last) /* who missed it would hear 304, after 50 s */
            hear_and_ask(chase, i);
}

static void a_change_that_meets_the_question_is_not_missed(void **state)
{
    struct stack *stack = *state;
    static struct chase chase;
    chase = (struct chase){0};
    for (int i = 0; i < 2; i++)
        chase.publishers[i] = fcgi_connect(stack);
    for (int i = 0; i < WAITERS; i++) {
        chase.waiters[i] = fcgi_connect(stack);
        ask_raw(&chase, i);
    }
    await_waiting(stack, WAITERS);
    for (int round = 0; round < 400; round++)
        chase_round(&chase, round % WAITERS);
    for (int i = 0; i < WAITERS; i++)
        close(chase.waiters[i]);
    close(chase.publishers[0]);
    close(chase.publishers[1]);
    records_free(&chase.records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(expiry_and_change_answer_once, &memory),
        stack_test(hang_up_and_change_answer_at_most_once, &memory),
        stack_test(no_change_is_missed, &memory),
        stack_test(a_change_that_meets_the_question_is_not_missed, &memory),
        stack_test(expiry_and_change_answer_once, &sqlite),
        stack_test(hang_up_and_change_answer_at_most_once, &sqlite),
        stack_test(no_change_is_missed, &sqlite),
        stack_test(a_change_that_meets_the_question_is_not_missed, &sqlite),
    };
    return cmocka_run_group_tests_name("waiter_answers_once", tests, NULL, NULL);
}
