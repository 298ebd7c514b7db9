/* SPDX-License-Identifier: ISC */
/* Every way in which an API (tests/api/habits.mjs) can say what it has written, behind
 * rest-api.conf. */
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "rest_api.h"

static const struct rest_options habits = {.habits = true};

/* Waits at `at`, has `write` done with this header, and is woken. */
static void must_wake(struct rest_api *api, const char *at, const char *method,
                      const char *path, const char *header)
{
    struct call *call = rest_wait(api, at, 1);
    rest_must_write(api, method, path, header);
    struct answer answer = call_join(call);
    must(answer.status == 200, "%s %s (%s) leaves who waits at %s with %ld", method, path,
         header, at, answer.status);
    answer_free(&answer);
}

static void every_form_of_location_wakes_what_it_names(void **state)
{
    static const char *const rows[][2] = {
        {"/plain/4", "X-Location: /plain/4"},
        {"/plain/4", "X-Location: plain/4"},
        {"/plain/4", "X-Location: ./plain/4"},
        {"/plain/4", "X-Location: ../plain/4?view=full"},
        {"/plain/4", "X-Location: /plain/4#part"},
        {"/plain/4", "X-Location: /plain/x/../4"},
        {"/plain/4 5", "X-Location: /plain/4%205"},
    };
    struct rest_api *api = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char at[64];
        snprintf(at, sizeof at, "%s",
                 strchr(rows[i][0], ' ') ? "/plain/4%205" : rows[i][0]);
        must_wake(api, at, "POST", "/made", rows[i][1]);
        must_wake(api, at, "POST", "/described", rows[i][1]);
    }
}

static void a_location_with_our_host_is_ours_and_no_other(void **state)
{
    struct rest_api *api = *state;
    char header[128];
    snprintf(header, sizeof header, "X-Location: http://127.0.0.1:%d/plain/4",
             api->stack.port);
    must_wake(api, "/plain/4", "POST", "/made", header);
    snprintf(header, sizeof header, "X-Location: //127.0.0.1:%d/plain/4",
             api->stack.port);
    must_wake(api, "/plain/4", "POST", "/made", header);
    struct call *call = rest_wait(api, "/plain/4", 1);
    long long reported = stack_status(&api->stack, "publishes");
    rest_must_write(api, "POST", "/made", "X-Location: http://elsewhere.example/plain/4");
    await_status(&api->stack, "publishes", reported + 1);
    await_waiting(&api->stack, 1);
    rest_must_write(api, "PUT", "/plain/4", NULL);
    answer_must_be(call_join(call), 200, "\"version\":1");
}

static void redirections_after_a_write_touch_but_307_and_308(void **state)
{
    static const char *const touches[] = {"X-Status: 301", "X-Status: 302",
                                          "X-Status: 303"};
    static const char *const leaves[] = {"X-Status: 307", "X-Status: 308"};
    struct rest_api *api = *state;
    for (size_t i = 0; i < 3; i++)
        must_wake(api, "/moved", "POST", "/moved", touches[i]);
    struct call *call = rest_wait(api, "/moved/on", 1);
    for (size_t i = 0; i < 2; i++)
        rest_must_write(api, "POST", "/moved/on", leaves[i]);
    answer_must_be(rest_ask(api, "POST", "/refused", NULL, NULL), 422, "");
    await_waiting(&api->stack, 1);
    rest_must_write(api, "POST", "/moved/on", touches[2]);
    struct answer answer = call_join(call);
    answer_free(&answer);
}

static void what_else_was_written_is_told_by_rule_or_by_the_api(void **state)
{
    struct rest_api *api = *state;
    must_wake(api, "/authors/7/books/1", "PUT", "/authors/7", NULL);
    must_wake(api, "/albums/3/photos/9", "DELETE", "/albums/3", NULL);
    must_wake(api, "/any%20thing/3/photos/9", "DELETE", "/any%20thing/", NULL);
    must_wake(api, "/posts/7", "PATCH", "/posts?author=3", NULL);
    must_wake(api, "/anything/at/all", "POST", "/batch", NULL);
    must_wake(api, "/views/7", "POST", "/also", "X-Also: /views/7");
    must_wake(api, "/views/7", "POST", "/also", "X-Also: /other /views/7");
    must_wake(api, "/albums/4/any", "POST", "/also", "X-Also: /albums/4/*");
}

static void what_only_reads_wakes_nobody(void **state)
{
    static const char *const queries[] = {
        "{\"query\":\"{ posts { id } }\"}",
        "{\n \"variables\": {\"a\": \"b\"},\n \"query\" : \"query q { posts { id } }\"}"};
    static const char *const mutations[] = {
        "{\"query\":\"mutation { add(id: 1) { id } }\"}",
        "{\"query\":\"fragment f on Post { id }\\n mutation m { add { ...f } }\"}",
        "{\"query\":\"\\u006dutation { add(id: 1) { id } }\"}", "{\"id\":\"stored\"}"};
    struct rest_api *api = *state;
    struct call *call = rest_wait(api, "/", 1);
    rest_must_write(api, "POST", "/search", NULL);
    rest_must_write(api, "POST", "/login", NULL);
    rest_must_write(api, "POST", "/graphql/q/posts", NULL);
    for (size_t i = 0; i < 2; i++)
        answer_must_be(rest_ask(api, "POST", "/graphql", NULL, queries[i]), 200, "");
    await_waiting(&api->stack, 1);
    assert_int_equal(stack_status(&api->stack, "publishes"), 0);
    rest_must_write(api, "POST", "/graphql/m/add", NULL);
    answer_must_be(call_join(call), 200, "");
    for (size_t i = 0; i < sizeof mutations / sizeof *mutations; i++) {
        call = rest_wait(api, "/", 1);
        answer_must_be(rest_ask(api, "POST", "/graphql", NULL, mutations[i]), 200, "");
        answer_must_be(call_join(call), 200, "");
    }
}

#define TEST(name) rest_test(name, &habits)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_form_of_location_wakes_what_it_names),
        TEST(a_location_with_our_host_is_ours_and_no_other),
        TEST(redirections_after_a_write_touch_but_307_and_308),
        TEST(what_else_was_written_is_told_by_rule_or_by_the_api),
        TEST(what_only_reads_wakes_nobody),
    };
    return cmocka_run_group_tests_name("reports_say_what_was_written", tests, NULL, NULL);
}
