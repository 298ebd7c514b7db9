/* SPDX-License-Identifier: ISC */
/* The other ways of rest-api.conf: PHP, files, guarded and foreign clients, compressed
 * answers, reports that nginx does not make. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "rest_api.h"

static struct answer get(const struct rest_api *api, const char *path, const char *header)
{
    return http_get(api->stack.port, path, header);
}

static void put_file(const struct rest_api *api, const char *name, const char *text)
{
    char path[256], fresh[256];
    snprintf(path, sizeof path, "%s/files/%s", api->stack.dir, name);
    snprintf(fresh, sizeof fresh, "%s/files/.fresh", api->stack.dir);
    FILE *file = fopen(fresh, "w");
    must(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0 &&
             rename(fresh, path) == 0,
         "can't write %s", path);
}

/* --- what the body comes from --- */

static void a_php_api_is_followed(void **state)
{
    struct rest_api *api = *state;
    char index[24];
    rest_start_php(api);
    rest_index(api, "/php/a%20b?x=1", index);
    struct call *one = rest_wait(api, "/php/a%20b?x=1", 1);
    struct call *list = rest_wait(api, "/php/", 2);
    assert_int_equal(rest_write(api, "PUT", "/php/a%20b?y=2", "{\"version\":1}"), 200);
    answer_must_be(call_join(one), 200, "{\"version\":1}");
    answer_free(&(struct answer[]){call_join(list)}[0]);
    struct answer head = http(&(struct http){
        .port = api->stack.port, .method = "HEAD", .path = "/php/a%20b?z"});
    assert_int_equal(head.status, 200);
    answer_free(&head);
    answer_must_be(get(api, "/php/a%20b?z", NULL), 200, "{\"version\":1}");
    one = rest_wait(api, "/php/a%20b", 1);
    assert_int_equal(rest_write(api, "DELETE", "/php/nothing", NULL), 404);
    assert_int_equal(rest_write(api, "DELETE", "/php/a%20b", NULL), 204);
    answer_must_be(call_join(one), 404, "{}");
    char log[256];
    snprintf(log, sizeof log, "grep -qx 'GET /php/a%%20b?x=1 x=1' '%s/php/log'",
             api->stack.dir);
    assert_int_equal(system(log), 0);
}

static void a_folder_is_followed(void **state)
{
    struct rest_api *api = *state;
    put_file(api, "a.json", "{\"version\":1}");
    struct answer answer = get(api, "/files/a.json", NULL);
    answer_must_have(&answer, "Content-Type", "application/json");
    answer_must_be(answer, 200, "{\"version\":1}");
    struct call *one = rest_wait(api, "/files/a.json", 1);
    struct call *list = rest_wait(api, "/files/", 2);
    struct call *missing = rest_wait(api, "/files/b.json", 3);
    put_file(api, "a.json", "{\"version\":2}");
    assert_int_equal(rest_write(api, "POST", "/fcgiwait/publish/files/a.json", NULL),
                     204);
    answer_must_be(call_join(one), 200, "{\"version\":2}");
    answer_must_be(call_join(list), 200, "\"a.json\"");
    put_file(api, "b.json", "{\"version\":3}");
    assert_int_equal(rest_write(api, "POST", "/fcgiwait/publish/files/b.json", NULL),
                     204);
    answer_must_be(call_join(missing), 200, "{\"version\":3}");
    assert_int_equal(rest_write(api, "PUT", "/files/a.json", "{}"), 405);
}

/* The same size, within the same second: the ETag tells, and nothing else. */
static void a_file_that_changes_twice_a_second_is_new_twice(void **state)
{
    struct rest_api *api = *state;
    char value[256], modified[300];
    put_file(api, "a.json", "{\"version\":1}");
    struct answer answer = get(api, "/files/a.json", NULL);
    snprintf(modified, sizeof modified, "If-Modified-Since: %s",
             answer_header(&answer, "Last-Modified", value));
    answer_free(&answer);
    put_file(api, "a.json", "{\"version\":2}");
    answer_must_be(get(api, "/files/a.json", modified), 200, "{\"version\":2}");
}

/* --- who may --- */

static void guarded_clients_are_asked_before_they_are_held(void **state)
{
    static const char good[] = "Authorization: Bearer good",
                      bad[] = "Authorization: Bearer bad";
    struct rest_api *api = *state;
    char index[24], value[256], path[128];
    answer_must_be(get(api, "/private/echo", bad), 401, "");
    struct answer answer = get(api, "/private/echo", good);
    snprintf(index, sizeof index, "%.23s",
             answer_header(&answer, "X-Polling-Index", value));
    answer_must_be(answer, 404, "{}"); /* the API's own: it has no such path */
    snprintf(path, sizeof path, "/private/echo?index=%s&wait=50", index);
    answer_must_be(get(api, path, bad), 401, "");
    struct call *call = call_start(
        &(struct http){.port = api->stack.port, .path = path, .headers = {good}});
    await_waiting(&api->stack, 1);
    struct http write = {
        .port = api->stack.port, .method = "PUT", .path = "/private/echo", .body = "{}"};
    answer_must_be(http(&write), 401, "");
    await_requests(api, "PUT ", 0);
    assert_int_equal(rest_write(api, "POST", "/fcgiwait/publish/private/echo", NULL),
                     204);
    answer_must_be(call_join(call), 404, "{}");
}

/* One asks as somebody and gets what is for them, then another one asks. */
static void the_cache_keeps_users_apart(void **state)
{
    struct rest_api *api = *state;
    answer_must_be(get(api, "/echo", "Authorization: one"), 200,
                   "\"authorization\":\"one\"");
    answer_must_be(get(api, "/echo", "Authorization: other"), 200,
                   "\"authorization\":\"other\"");
    answer_must_be(get(api, "/echo", NULL), 200, "\"authorization\":\"\"");
    answer_must_be(get(api, "/echo", "Cookie: a=1"), 200, "\"authorization\":\"\"");
    answer_must_be(get(api, "/echo", NULL), 200, "\"authorization\":\"\"");
    await_requests(api, "GET /echo ", 4);
    for (int i = 0; i < 2; i++) /* what is private is kept for nobody */
        answer_must_be(get(api, "/echo?secret=1", NULL), 200, "");
    await_requests(api, "GET /echo?secret=1 ", 2);
}

static void reports_are_for_this_machine(void **state)
{
    struct rest_api *api = *state;
    answer_must_be(get(api, "/_origin/posts/1", NULL), 404, "");
    answer_must_be(get(api, "/fcgiwait/publish/posts/1", NULL), 403, "");
    assert_int_equal(rest_write(api, "PUT", "/fcgiwait/publish/posts/1", "{}"), 403);
    struct call *post = rest_wait(api, "/posts/1", 1);
    /* a webhook has a body */
    assert_int_equal(rest_write(api, "POST", "/fcgiwait/publish/posts/1", "{\"a\":1}"),
                     204);
    answer_must_be(call_join(post), 200, "\"version\"");
}

/* --- a page on another host --- */

static void a_page_elsewhere_may_read_the_index(void **state)
{
    static const char page[] = "Origin: https://app.example.com";
    struct rest_api *api = *state;
    char index[24], path[128], value[256];
    rest_index(api, "/posts/1", index);
    snprintf(path, sizeof path, "/posts/1?index=%s&wait=1", index);
    const struct http requests[] = {
        {.path = "/posts/1"},
        {.path = path},
        {.path = "/posts/99"},
        {.path = "/posts/1",
         .method = "PUT",
         .body = "{}",
         .headers = {page, "Content-Type: application/json"}},
        {.path = "/private/x"},
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct http request = requests[i];
        request.port = api->stack.port;
        request.headers[0] = page;
        struct answer answer = http(&request);
        must(answer.status != 0, "%s is not answered", request.path);
        answer_must_have(&answer, "Access-Control-Allow-Origin",
                         "https://app.example.com");
        answer_must_have(&answer, "Access-Control-Allow-Credentials", "true");
        answer_header(&answer, "Access-Control-Expose-Headers", value);
        assert_non_null(strstr(value, "X-Polling-Index, ETag"));
        answer_free(&answer);
        request.headers[0] = "Origin: https://evil.example.com";
        answer = http(&request);
        answer_must_have(&answer, "Access-Control-Allow-Origin", NULL);
        answer_free(&answer);
    }
}

static void the_browser_is_told_what_it_may_send(void **state)
{
    struct rest_api *api = *state;
    char value[256];
    struct http request = {.port = api->stack.port,
                           .method = "OPTIONS",
                           .path = "/posts/1",
                           .headers = {"Origin: https://app.example.com",
                                       "Access-Control-Request-Method: PATCH",
                                       "Access-Control-Request-Headers: prefer"}};
    struct answer answer = http(&request);
    assert_int_equal(answer.status, 204);
    answer_must_have(&answer, "Access-Control-Allow-Origin", "https://app.example.com");
    assert_non_null(
        strstr(answer_header(&answer, "Access-Control-Allow-Methods", value), "PATCH"));
    assert_non_null(
        strstr(answer_header(&answer, "Access-Control-Allow-Headers", value), "Prefer"));
    answer_free(&answer);
    assert_int_equal(stack_status(&api->stack, "publishes"), 0);
}

/* --- on the wire --- */

static void compressed_answers_have_an_index_too(void **state)
{
    struct rest_api *api = *state;
    static char body[4000];
    char value[256], tag[300];
    snprintf(body, sizeof body, "{\"text\":\"%03000d\"}", 0);
    long long reported = stack_status(&api->stack, "publishes");
    assert_int_equal(rest_write(api, "PUT", "/posts/1", body), 200);
    await_status(&api->stack, "publishes", reported + 1); /* afterwards */
    struct answer answer = get(api, "/posts/1", "Accept-Encoding: gzip");
    assert_int_equal(answer.status, 200);
    assert_true(answer.body_len < 1000);
    answer_must_have(&answer, "Content-Encoding", "gzip");
    assert_string_not_equal(answer_header(&answer, "X-Polling-Index", value), "");
    snprintf(tag, sizeof tag, "If-None-Match: %s", answer_header(&answer, "ETag", value));
    answer_free(&answer);
    answer = get(api, "/posts/1", tag); /* it is the API's */
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
    answer = get(api, "/posts/1", NULL);
    answer_must_have(&answer, "Content-Encoding", NULL);
    assert_true(answer.body_len > 3000);
    answer_free(&answer);
}

/* --- mirror --- */

static const char *const with_mirror[] = {
    "## ", "", "post_action @report;            # afterwards", "", NULL};
static const struct rest_options mirror = {.replace = with_mirror};

static void mirror_reports_writes(void **state)
{
    struct rest_api *api = *state;
    struct call *post = rest_wait(api, "/posts/1", 1);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":1}"), 200);
    struct answer answer = call_join(post);
    assert_int_equal(answer.status, 200); /* with either version: see below */
    answer_free(&answer);
}

/* Why post_action is better: the report is there before the API has done anything. */
static void mirror_wakes_too_early_where_the_api_is_slow(void **state)
{
    struct rest_api *api = *state;
    struct call *post = rest_wait(api, "/posts/1", 1);
    struct call *write =
        call_start(&(struct http){.port = api->stack.port,
                                  .method = "PUT",
                                  .path = "/posts/1?delay=5000",
                                  .headers = {"Content-Type: application/json"},
                                  .body = "{\"version\":1}"});
    answer_must_be(call_join(post), 200, "\"version\": 0");
    answer_must_be(call_join(write), 200, "\"version\": 1");
}

/* --- the check --- */

static void the_check_finds_nothing_wrong(void **state)
{
    rest_must_pass_check(*state);
}

#define TEST(name) rest_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_php_api_is_followed),
        TEST(a_folder_is_followed),
        TEST(a_file_that_changes_twice_a_second_is_new_twice),
        TEST(guarded_clients_are_asked_before_they_are_held),
        TEST(the_cache_keeps_users_apart),
        TEST(reports_are_for_this_machine),
        TEST(a_page_elsewhere_may_read_the_index),
        TEST(the_browser_is_told_what_it_may_send),
        TEST(compressed_answers_have_an_index_too),
        TEST(the_check_finds_nothing_wrong),
        rest_test(mirror_reports_writes, &mirror),
        rest_test(mirror_wakes_too_early_where_the_api_is_slow, &mirror),
        rest_test(the_check_finds_nothing_wrong, &mirror),
    };
    return cmocka_run_group_tests_name("rest_api_can_be_had_otherwise", tests, NULL,
                                       NULL);
}
