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

/* For the best of some: nginx lets the others go after a second, and what a busy machine
 * takes comes on top. A path of its own for each. */
#define GOES 5

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
        double best = 60;
        for (int go = 0; go < GOES && best >= 1.5; go++) {
            size_t gets;
            char path[64];
            snprintf(path, sizeof path, "%s%d", paths[i], go);
            double median = median_of_answers(api, path, &gets);
            print_message("%s: median %.2f s, %zu GETs\n", path, median, gets);
            best = median < best ? median : best;
        }
        assert_true(best < 1.5);
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
static double median_of_one_user(const struct rest_api *api, const char *path)
{
    struct clients clients;
    char index[24], url[128];
    rest_index(api, path, index);
    snprintf(url, sizeof url, "%s?index=%s&wait=50", path, index);
    clients_open(&clients, api->stack.port, WAITERS);
    clients_ask(&clients, url);
    await_waiting(&api->stack, WAITERS);
    double start = seconds_now();
    rest_must_write(api, "PUT", path, NULL);
    while (clients.answers[200] < WAITERS / 2)
        clients_turn(&clients, 10);
    double median = seconds_now() - start;
    clients_await(&clients);
    print_message("median %.2f s\n", median);
    assert_int_equal(clients.answers[200], WAITERS);
    clients_close(&clients);
    return median;
}

static void a_crowd_of_one_user_comes_soon_too(void **state)
{
    double best = 60;
    for (int go = 0; go < GOES && best >= 1.5; go++) {
        char path[64];
        snprintf(path, sizeof path, "/private-/one%d", go);
        double median = median_of_one_user(*state, path);
        best = median < best ? median : best;
    }
    assert_true(best < 1.5);
}

static size_t gets_with_a_token(const struct rest_api *api, const char *path)
{
    static char header[22 + 8192 + 1];
    struct call *calls[WAITERS];
    char url[128], line[80], value[256];
    snprintf(line, sizeof line, "GET %s ", path);
    memset(header, 't', sizeof header - 1);
    memcpy(header, "Authorization: Bearer ", 22);
    struct answer answer = rest_ask(api, "GET", path, header, NULL);
    snprintf(url, sizeof url, "%s?index=%s&wait=50", path,
             answer_header(&answer, "X-Polling-Index", value));
    answer_free(&answer);
    for (size_t i = 0; i < WAITERS; i++)
        calls[i] = call_start(
            &(struct http){.port = api->stack.port, .path = url, .headers = {header}});
    await_waiting(&api->stack, WAITERS);
    size_t before = rest_requests(api, line);
    rest_must_write(api, "PUT", path, NULL);
    for (size_t i = 0; i < WAITERS; i++)
        answer_must_be(call_join(calls[i]), 200, "\"version\":1");
    size_t gets = rest_requests(api, line) - before;
    print_message("%zu GETs\n", gets);
    return gets;
}

static void a_token_of_8_kb_shares_its_answer(void **state)
{
    size_t fewest = SIZE_MAX;
    for (int go = 0; go < GOES && fewest > 3; go++) {
        char path[64];
        snprintf(path, sizeof path, "/plain/token%d", go);
        size_t gets = gets_with_a_token(*state, path);
        fewest = gets < fewest ? gets : fewest;
    }
    assert_in_range(fewest, 1, 3);
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
