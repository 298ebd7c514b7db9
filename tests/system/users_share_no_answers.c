/* SPDX-License-Identifier: ISC */
/* Crowds of an API (tests/api/habits.mjs) behind rest-api.conf whose answers are for one
 * user each, or for all. */
#include <stdio.h>
#include <string.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "rest_api.h"

#define WAITERS 60

static const struct rest_options habits = {.habits = true};

static double median_of_answers(struct rest_api *api, const char *path, size_t *gets)
{
    static struct call *calls[WAITERS];
    static char headers[WAITERS][64];
    double took[WAITERS];
    char index[24], url[128], line[128];
    rest_index(api, path, index);
    snprintf(url, sizeof url, "%s?index=%s&wait=50", path, index);
    snprintf(line, sizeof line, "GET %s ", path);
    for (size_t i = 0; i < WAITERS; i++) {
        snprintf(headers[i], sizeof headers[i], "Authorization: Bearer user-%zu", i);
        calls[i] = call_start(&(struct http){
            .port = api->stack.port, .path = url, .headers = {headers[i]}});
    }
    await_waiting(&api->stack, WAITERS);
    size_t before = rest_requests(api, line);
    double start = seconds_now();
    rest_must_write(api, "PUT", path, NULL);
    for (size_t i = 0; i < WAITERS; i++) {
        struct answer answer = call_join(calls[i]);
        took[i] = seconds_now() - start; /* joined in turn: an upper bound */
        assert_int_equal(answer.status, 200);
        must(strstr(answer.body, headers[i] + strlen("Authorization: ")) != NULL,
             "%s got %s", headers[i], answer.body);
        assert_non_null(strstr(answer.body, "\"version\":1"));
        answer_free(&answer);
    }
    *gets = rest_requests(api, line) - before;
    return took[WAITERS / 2];
}

static void private_answers_come_soon_and_to_their_users_alone(void **state)
{
    static const char *const paths[] = {"/private-/doc", "/nocache/doc", "/cookie/doc"};
    struct rest_api *api = *state;
    for (size_t i = 0; i < 3; i++) {
        size_t gets;
        double median = median_of_answers(api, paths[i], &gets);
        print_message("%s: median %.2f s, %zu GETs\n", paths[i], median, gets);
        assert_true(median < 1.5);
    }
}

/* Answers that say nothing of being private. */
static void shared_answers_are_shared_with_oneself_alone(void **state)
{
    static const char *const users[][2] = {
        {"Authorization: one", "one"},    {"Authorization: other", "other"},
        {"X-Api-Key: third", "third"},    {"X-Api-Key: fourth", "fourth"},
        {"Cookie: user=fifth", "=fifth"}, {"X-Page: 1", "nobody"},
    };
    struct rest_api *api = *state;
    for (size_t i = 0; i < sizeof users / sizeof *users; i++) {
        char who[64];
        snprintf(who, sizeof who, "%s\"", users[i][1]);
        answer_must_be(rest_ask(api, "GET", "/plain/mine", users[i][0], NULL), 200, who);
    }
}

/* The same user, 60 times, whose answers are private all the same. */
static void a_crowd_of_one_user_comes_soon_too(void **state)
{
    struct rest_api *api = *state;
    struct clients clients;
    char index[24], url[128];
    rest_index(api, "/private-/one", index);
    snprintf(url, sizeof url, "/private-/one?index=%s&wait=50", index);
    clients_open(&clients, api->stack.port, WAITERS);
    clients_ask(&clients, url);
    await_waiting(&api->stack, WAITERS);
    double start = seconds_now();
    rest_must_write(api, "PUT", "/private-/one", NULL);
    while (clients.answers[200] < WAITERS / 2)
        clients_turn(&clients, 10);
    double median = seconds_now() - start;
    clients_await(&clients);
    print_message("median %.2f s\n", median);
    assert_true(median < 1.5);
    assert_int_equal(clients.answers[200], WAITERS);
    clients_close(&clients);
}

static void a_token_of_8_kb_shares_its_answer(void **state)
{
    static char header[22 + 8192 + 1];
    struct rest_api *api = *state;
    struct call *calls[WAITERS];
    char url[128], value[256];
    memset(header, 't', sizeof header - 1);
    memcpy(header, "Authorization: Bearer ", 22);
    struct answer answer = rest_ask(api, "GET", "/plain/token", header, NULL);
    snprintf(url, sizeof url, "/plain/token?index=%s&wait=50",
             answer_header(&answer, "X-Polling-Index", value));
    answer_free(&answer);
    for (size_t i = 0; i < WAITERS; i++)
        calls[i] = call_start(
            &(struct http){.port = api->stack.port, .path = url, .headers = {header}});
    await_waiting(&api->stack, WAITERS);
    size_t before = rest_requests(api, "GET /plain/token ");
    rest_must_write(api, "PUT", "/plain/token", NULL);
    for (size_t i = 0; i < WAITERS; i++)
        answer_must_be(call_join(calls[i]), 200, "\"version\":1");
    size_t gets = rest_requests(api, "GET /plain/token ") - before;
    print_message("%zu GETs\n", gets);
    assert_in_range(gets, 1, 3);
}

#define TEST(name) rest_test(name, &habits)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(private_answers_come_soon_and_to_their_users_alone),
        TEST(shared_answers_are_shared_with_oneself_alone),
        TEST(a_crowd_of_one_user_comes_soon_too),
        TEST(a_token_of_8_kb_shares_its_answer),
    };
    return cmocka_run_group_tests_name("users_share_no_answers", tests, NULL, NULL);
}
