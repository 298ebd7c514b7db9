/* SPDX-License-Identifier: ISC */
/*
 * APIs as people really have them (tests/api/habits.mjs) behind rest-api.conf: tenants,
 * guarded writes, parameters and paths of their own, and answers that
 * come before their effect.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "must.h"
#include "rest_api.h"

static const struct rest_options habits = {.habits = true};

/* With a host of its own: begins to wait at the path for its next change. */
static struct call *wait_as(const struct rest_api *api, const char *path,
                            const char *header, long long waiting)
{
    char value[256], url[512];
    struct answer answer = rest_ask(api, "GET", path, header, NULL);
    snprintf(url, sizeof url, "%s?index=%s&wait=50", path,
             answer_header(&answer, "X-Polling-Index", value));
    answer_free(&answer);
    struct call *call = call_start(
        &(struct http){.port = api->stack.port, .path = url, .headers = {header}});
    await_waiting(&api->stack, waiting);
    return call;
}

/* --- tenants --- */

/* Of a path that nobody has written: all are at the same index, one after the other. */
static void hosts_at_one_index_get_their_own_answers(void **state)
{
    static const char *const hosts[][2] = {
        {"Host: one.tenants.example", "\"host\":\"one.tenants.example\""},
        {"Host: two.tenants.example", "\"host\":\"two.tenants.example\""},
        {"Host: a.example", "\"host\":\"a.example\""}, /* of the default server */
        {"Host: b.example", "\"host\":\"b.example\""}};
    struct rest_api *api = *state;
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++)
        answer_must_be(rest_ask(api, "GET", "/plain/unwritten", hosts[i][0], NULL), 200,
                       hosts[i][1]);
}

static void tenants_share_neither_answers_nor_wake_ups(void **state)
{
    static const char one[] = "Host: one.tenants.example",
                      two[] = "Host: two.tenants.example";
    struct rest_api *api = *state;
    struct call *first = wait_as(api, "/plain/doc", one, 1);
    struct call *second = wait_as(api, "/plain/doc", two, 2);
    rest_must_write(api, "PUT", "/plain/doc", one);
    answer_must_be(call_join(first), 200, "\"version\":1");
    await_waiting(&api->stack, 1); /* the other one is not concerned */
    answer_must_be(rest_ask(api, "GET", "/plain/doc", two, NULL), 200, "\"version\":0");
    answer_must_be(rest_ask(api, "GET", "/plain/doc", one, NULL), 200, "\"version\":1");
    rest_must_write(api, "PUT", "/plain/doc", two);
    answer_must_be(call_join(second), 200, "\"version\":1");
}

static void what_a_tenants_location_names_is_the_tenants(void **state)
{
    static const char one[] = "Host: one.tenants.example";
    struct rest_api *api = *state;
    struct call *call = wait_as(api, "/plain/4", one, 1);
    struct answer answer = http(&(struct http){.port = api->stack.port,
                                               .method = "POST",
                                               .path = "/made",
                                               .headers = {one, "X-Location: /plain/4"}});
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    answer_must_be(call_join(call), 200, "\"version\":0");
}

/* --- the API's own validators --- */

static void a_guarded_write_succeeds_once(void **state)
{
    struct rest_api *api = *state;
    char value[256], guard[300], url[300];
    struct answer answer = rest_ask(api, "GET", "/locked/1", NULL, NULL);
    answer_must_have(&answer, "ETag", "\"v0\"");
    answer_must_have(&answer, "Last-Modified", "Wed, 01 Jan 2025 00:00:00 GMT");
    snprintf(guard, sizeof guard, "If-Match: %s", answer_header(&answer, "ETag", value));
    snprintf(url, sizeof url, "/locked/1?index=%s&wait=50",
             answer_header(&answer, "X-Polling-Index", value));
    answer_free(&answer);
    answer_must_be(rest_ask(api, "PUT", "/locked/1", guard, "{\"n\":1}"), 204, "");
    answer_must_be(rest_ask(api, "PUT", "/locked/1", guard, "{\"n\":2}"), 412,
                   "changed meanwhile");
    /* another connection than the writer's may be there before the report */
    answer_must_be(rest_ask(api, "GET", url, NULL, NULL), 200, "\"n\":1");
}

static void a_plain_conditional_get_is_the_apis(void **state)
{
    struct rest_api *api = *state;
    answer_must_be(rest_ask(api, "GET", "/locked/1", "If-None-Match: \"v0\"", NULL), 304,
                   "");
    answer_must_be(rest_ask(api, "GET", "/locked/1", "If-None-Match: \"v7\"", NULL), 200,
                   "version");
    answer_must_be(rest_ask(api, "GET", "/locked/1",
                            "If-Modified-Since: Wed, 01 Jan 2025 00:00:00 GMT", NULL),
                   304, "");
    await_requests(api, "GET /locked/1 ", 3); /* none of them was answered for it */
}

/* What can't be kept can be compared all the same, by the API alone. */
static void a_private_answer_has_a_304_too(void **state)
{
    struct rest_api *api = *state;
    char value[256];
    struct answer answer =
        rest_ask(api, "GET", "/rails/1", "If-None-Match: \"v0\"", NULL);
    assert_int_equal(answer.status, 304);
    answer_must_have(&answer, "ETag", "\"v0\"");
    assert_string_not_equal(answer_header(&answer, "X-Polling-Index", value), "");
    answer_free(&answer);
    answer_must_be(rest_ask(api, "GET", "/rails/1", "If-None-Match: \"v1\"", NULL), 200,
                   "version");
}

/* One has the new state already, the others don't: nobody gets another's 304. */
static void conditions_of_one_poll_are_not_anothers(void **state)
{
    struct rest_api *api = *state;
    char index[24], url[128];
    rest_index(api, "/locked/2", index);
    snprintf(url, sizeof url, "/locked/2?index=%s&wait=50", index);
    struct call *knows = call_start(&(struct http){
        .port = api->stack.port, .path = url, .headers = {"If-None-Match: \"v1\""}});
    struct call *dated = call_start(
        &(struct http){.port = api->stack.port,
                       .path = url,
                       .headers = {"If-Modified-Since: Wed, 01 Jan 2025 00:00:00 GMT"}});
    struct call *plain = call_start(&(struct http){.port = api->stack.port, .path = url});
    await_waiting(&api->stack, 3);
    answer_must_be(rest_ask(api, "PUT", "/locked/2", NULL, "{\"n\":1}"), 204, "");
    answer_must_be(call_join(knows), 304, "");
    answer_must_be(call_join(dated), 200, "\"n\":1"); /* in the same second */
    answer_must_be(call_join(plain), 200, "\"n\":1");
}

static void our_304_has_no_tag(void **state)
{
    struct rest_api *api = *state;
    char index[24], url[128], value[256];
    rest_index(api, "/locked/1", index);
    snprintf(url, sizeof url, "/locked/1?index=%s&wait=100ms", index);
    struct answer answer = rest_ask(api, "GET", url, NULL, NULL);
    assert_int_equal(answer.status, 304);
    answer_must_have(&answer, "ETag", NULL);
    assert_string_equal(answer_header(&answer, "X-Polling-Index", value), index);
    answer_free(&answer);
}

static const char *const with_tags[] = {
    "            #   proxy_hide_header ETag;", "            proxy_hide_header ETag;",
    "            #   add_header ETag", "            add_header ETag", NULL};
static const struct rest_options tags = {.habits = true, .replace = with_tags};

static void two_lines_let_clients_poll_by_tag(void **state)
{
    struct rest_api *api = *state;
    char value[256], header[300];
    struct answer answer = rest_ask(api, "GET", "/locked/1", NULL, NULL);
    snprintf(header, sizeof header, "If-None-Match: %s",
             answer_header(&answer, "ETag", value));
    answer_free(&answer);
    struct call *call = call_start(&(struct http){
        .port = api->stack.port, .path = "/locked/1?wait=50", .headers = {header}});
    await_waiting(&api->stack, 1);
    answer_must_be(rest_ask(api, "PUT", "/locked/1", NULL, "{\"n\":1}"), 204, "");
    answer = call_join(call);
    char index[300], before[300];
    snprintf(before, sizeof before, "%s", value);
    snprintf(index, sizeof index, "\"%s\"",
             answer_header(&answer, "X-Polling-Index", value));
    answer_must_have(&answer, "ETag", index);
    assert_string_not_equal(index, before);
    answer_must_be(answer, 200, "\"n\":1");
}

/* --- its own words --- */

static void odd_paths_reach_the_api(void **state)
{
    struct rest_api *api = *state;
    static const char *const paths[] = {"/raw/a%2Fb", "/raw//a", "/raw/%01",
                                        "/raw/a%00b"};
    char expected[64];
    for (size_t i = 0; i < 3; i++) {
        snprintf(expected, sizeof expected, "\"url\":\"%s\"", paths[i]);
        answer_must_be(rest_ask(api, "GET", paths[i], NULL, NULL), 200, expected);
    }
}

static void a_path_too_long_for_us_is_not_too_long_for_the_api(void **state)
{
    struct rest_api *api = *state;
    char path[2100];
    memset(path, 'a', sizeof path);
    memcpy(path, "/raw/", 5);
    path[2000] = '\0';
    struct answer answer = rest_ask(api, "GET", path, NULL, NULL);
    answer_must_be(answer, 200, path);
    snprintf(path + 2000, 100, "?index=7&wait=50"); /* and nobody waits for it */
    path[2100 - 1] = '\0';
    answer = rest_ask(api, "GET", path, NULL, NULL);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

static const char *const with_names[] = {
    "            #   fastcgi_param FCGIWAIT_QUERY since,hold;",
    "            fastcgi_param FCGIWAIT_QUERY since,hold;",
    "    include nginx/maps.conf;",
    "    include nginx/maps.conf;\n"
    "    map \"$request_uri $http_prefer\" $fcgiwait_waits {\n"
    "        default \"\";  \"~[?&](since|hold)=\" 1;  \"~* .*\\b(index|wait)\\b\" 1;\n"
    "    }",
    NULL};
static const struct rest_options other_names = {.habits = true, .replace = with_names};

static void parameters_called_index_and_wait_are_the_apis(void **state)
{
    struct rest_api *api = *state;
    char index[24], url[128];
    answer_must_be(rest_ask(api, "GET", "/paged?index=2&wait=no&x=%2f", NULL, NULL), 200,
                   "\"url\":\"/paged?index=2&wait=no&x=%2f\"");
    rest_index(api, "/paged", index);
    snprintf(url, sizeof url, "/paged?index=2&since=%s&hold=50", index);
    struct call *call = call_start(&(struct http){.port = api->stack.port, .path = url});
    await_waiting(&api->stack, 1);
    rest_must_write(api, "PUT", "/paged", NULL);
    answer_must_be(call_join(call), 200, "\"url\":\"/paged?index=2\"");
    answer_must_be(
        rest_ask(api, "GET", "/rails/1?index=2", "If-None-Match: \"v0\"", NULL), 304, "");
    stack_end_fcgiwait(&api->stack);
    answer_must_be(rest_ask(api, "GET", "/paged", "Prefer: index=7", NULL), 503, "");
    answer_must_be(rest_ask(api, "GET", "/paged?index=2", NULL, NULL), 200, "");
}

/* --- effects that come later --- */

static void who_was_woken_too_early_gets_the_new_body_with_the_later_report(void **state)
{
    struct rest_api *api = *state;
    char url[64], value[256], body[256] = "";
    struct call *call = rest_wait(api, "/queue/1", 1);
    rest_must_write(api, "PUT", "/queue/1", NULL);
    for (double start = seconds_now(); strstr(body, "\"version\":1") == NULL;) {
        must(seconds_now() - start < 20, "still %s", body);
        struct answer answer = call_join(call);
        snprintf(body, sizeof body, "%.200s", answer.status == 200 ? answer.body : "");
        snprintf(url, sizeof url, "/queue/1?index=%s&wait=50",
                 answer_header(&answer, "X-Polling-Index", value));
        answer_free(&answer);
        if (strstr(body, "\"version\":1") == NULL)
            call = call_start(&(struct http){.port = api->stack.port, .path = url});
    }
}

/* --- in trouble, and at the end --- */

static int connection(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    must(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0,
         "connect");
    return fd;
}

/* Returns once the API has answered, with {}. */
static void write_on(int fd)
{
    static const char request[] = "PUT /plain/kept HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                                  "Content-Length: 0\r\n\r\n";
    char answer[4096] = "";
    size_t len = 0;
    must(write(fd, request, sizeof request - 1) == sizeof request - 1, "write");
    while (strstr(answer, "\r\n\r\n{}") == NULL) {
        ssize_t got = read(fd, answer + len, sizeof answer - 1 - len);
        must(got > 0, "the connection was not kept: %s", answer);
        len += (size_t)got;
    }
    must(strncmp(answer, "HTTP/1.1 200", 12) == 0, "%s", answer);
}

/* How long two writes take on one connection: the second waits behind the report of the
 * first, which nobody takes. */
static double seconds_of_two_writes(const struct rest_api *api)
{
    int kept = connection(api->stack.port);
    double start = seconds_now();
    write_on(kept);
    write_on(kept);
    double took = seconds_now() - start;
    close(kept);
    print_message("%.2f s\n", took);
    return took;
}

/* The best of some: a busy machine takes from each. */
static void a_process_that_hangs_costs_a_writer_two_seconds(void **state)
{
    struct rest_api *api = *state;
    double best = 60;
    assert_int_equal(kill(api->stack.fcgiwait, SIGSTOP), 0);
    for (int i = 0; i < 5 && best >= 2; i++) {
        double took = seconds_of_two_writes(api);
        assert_true(took > 0.9); /* or it was not the same connection */
        best = took < best ? took : best;
    }
    assert_int_equal(kill(api->stack.fcgiwait, SIGCONT), 0);
    assert_true(best < 2);
}

static void a_wait_ends_with_the_right_to_it(void **state)
{
    struct rest_api *api = *state;
    char index[24], url[128], header[64];
    struct answer answer;
    snprintf(header, sizeof header, "X-Expires: %lld", (long long)time(NULL) + 3600);
    answer = rest_ask(api, "GET", "/private/doc", header, NULL);
    char value[256];
    snprintf(index, sizeof index, "%.23s",
             answer_header(&answer, "X-Polling-Index", value));
    answer_free(&answer);
    snprintf(url, sizeof url, "/private/doc?index=%s&wait=50", index);
    snprintf(header, sizeof header, "X-Expires: %lld", (long long)time(NULL) + 2);
    double start = seconds_now();
    answer = rest_ask(api, "GET", url, header, NULL);
    double took = seconds_now() - start;
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
    assert_true(took < 20);
    snprintf(header, sizeof header, "X-Expires: %lld", (long long)time(NULL) - 10);
    start = seconds_now();
    answer = rest_ask(api, "GET", url, header, NULL); /* too late: nobody is held */
    assert_true(seconds_now() - start < 20);
    assert_int_equal(answer.status, 304);
    answer_free(&answer);
}

/* Let in when the wait began, and not any more when the body is fetched. */
static void who_has_lost_the_right_gets_no_body(void **state)
{
    struct rest_api *api = *state;
    struct call *call = rest_wait(api, "/private/doc", 1);
    rest_must_write(api, "POST", "/revoke", NULL);
    assert_int_equal(rest_write(api, "POST", "/fcgiwait/publish/private/doc", NULL), 204);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 403);
    assert_null(strstr(answer.body, "version"));
    answer_free(&answer);
}

#define TEST(name) rest_test(name, &habits)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(hosts_at_one_index_get_their_own_answers),
        TEST(tenants_share_neither_answers_nor_wake_ups),
        TEST(what_a_tenants_location_names_is_the_tenants),
        TEST(a_guarded_write_succeeds_once),
        TEST(a_plain_conditional_get_is_the_apis),
        TEST(a_private_answer_has_a_304_too),
        TEST(conditions_of_one_poll_are_not_anothers),
        TEST(our_304_has_no_tag),
        rest_test(two_lines_let_clients_poll_by_tag, &tags),
        TEST(odd_paths_reach_the_api),
        TEST(a_path_too_long_for_us_is_not_too_long_for_the_api),
        rest_test(parameters_called_index_and_wait_are_the_apis, &other_names),
        TEST(who_was_woken_too_early_gets_the_new_body_with_the_later_report),
        TEST(a_process_that_hangs_costs_a_writer_two_seconds),
        TEST(a_wait_ends_with_the_right_to_it),
        TEST(who_has_lost_the_right_gets_no_body),
    };
    return cmocka_run_group_tests_name("real_apis_keep_their_habits", tests, NULL, NULL);
}
