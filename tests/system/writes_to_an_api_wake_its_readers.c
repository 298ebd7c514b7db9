/* SPDX-License-Identifier: ISC */
/* json-server behind rest-api.conf: writes through nginx wake those who wait. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "rest_api.h"

/* The API's own documents, without the white space that it likes. */
static void must_say(const struct answer *answer, const char *json)
{
    char text[4096];
    size_t len = 0;
    for (const char *at = answer->body; *at != '\0' && len < sizeof text - 1; at++)
        if (strchr(" \r\n", *at) == NULL)
            text[len++] = *at;
    text[len] = '\0';
    assert_string_equal(text, json);
}

static void must_bring(struct call *call, long status, const char *json)
{
    struct answer answer = call_join(call);
    char value[256];
    assert_int_equal(answer.status, status);
    must_say(&answer, json);
    assert_string_not_equal(answer_header(&answer, "X-Polling-Index", value), "");
    answer_free(&answer);
}

/* Both wait, `write` comes, and both have what the API has now. */
static void must_wake(struct rest_api *api, const char *method, const char *path,
                      const char *body, long status, long post_status, const char *post,
                      const char *list)
{
    struct call *one = rest_wait(api, "/posts/1", 1);
    struct call *all = rest_wait(api, "/posts", 2);
    assert_int_equal(rest_write(api, method, path, body), status);
    must_bring(one, post_status, post);
    must_bring(all, 200, list);
}

static void put_patch_and_delete_wake_the_post_and_the_list(void **state)
{
    struct rest_api *api = *state;
    must_wake(
        api, "PUT", "/posts/1", "{\"version\":1}", 200, 200, "{\"version\":1,\"id\":1}",
        "[{\"version\":1,\"id\":1},{\"id\":2,\"version\":0},{\"id\":3,\"version\":0}]");
    must_wake(
        api, "PATCH", "/posts/1", "{\"version\":2}", 200, 200, "{\"version\":2,\"id\":1}",
        "[{\"version\":2,\"id\":1},{\"id\":2,\"version\":0},{\"id\":3,\"version\":0}]");
    must_wake(api, "DELETE", "/posts/1", NULL, 200, 404, "{}",
              "[{\"id\":2,\"version\":0},{\"id\":3,\"version\":0}]");
}

static void post_wakes_the_list_and_who_waited_for_the_new_post(void **state)
{
    struct rest_api *api = *state;
    struct call *list = rest_wait(api, "/posts", 1);
    struct call *post = rest_wait(api, "/posts/4", 2);
    struct call *other = rest_wait(api, "/posts/5", 3);
    assert_int_equal(rest_write(api, "POST", "/posts", "{\"version\":7}"), 201);
    must_bring(
        list, 200,
        "[{\"id\":1,\"version\":0},{\"id\":2,\"version\":0},{\"id\":3,\"version\":0},"
        "{\"version\":7,\"id\":4}]");
    must_bring(post, 200, "{\"version\":7,\"id\":4}");
    assert_int_equal(rest_write(api, "POST", "/posts/", "{\"version\":8}"), 201);
    must_bring(other, 200, "{\"version\":8,\"id\":5}");
}

static void a_missing_post_can_be_waited_for(void **state)
{
    struct rest_api *api = *state;
    struct call *post = rest_wait(api, "/posts/9", 1);
    assert_int_equal(rest_write(api, "POST", "/fcgiwait/publish/posts/9", NULL), 204);
    must_bring(post, 404, "{}");
}

/* What its index says of a path is good where that is read. */
static void one_request_tells_what_was_written(void **state)
{
    struct rest_api *api = *state;
    char index[256], header[280];
    struct answer all = rest_ask(api, "GET", "/changes/posts", NULL, NULL);
    assert_int_equal(all.status, 200);
    assert_non_null(strstr(all.body, "\"reset\":true"));
    answer_free(&all);
    struct call *changes = rest_wait(api, "/changes/posts", 1);
    struct call *one = rest_wait(api, "/changes/posts?only=2", 2);
    assert_int_equal(rest_write(api, "PATCH", "/posts/1", "{\"version\":1}"), 200);
    struct answer told = call_join(changes);
    assert_int_equal(told.status, 200);
    assert_non_null(strstr(told.body, "\"changes\":[{\"path\":\"/posts/1\",\"index\":"));
    assert_null(strstr(told.body, "document"));
    snprintf(header, sizeof header, "Prefer: wait=0;index=%s",
             answer_header(&told, "X-Polling-Index", index));
    struct answer post = rest_ask(api, "GET", "/posts/1", header, NULL);
    assert_int_equal(post.status, 304);
    answer_free(&post);
    answer_free(&told);
    await_waiting(&api->stack, 1);
    assert_int_equal(rest_write(api, "DELETE", "/posts/2", NULL), 200);
    told = call_join(one);
    assert_non_null(strstr(told.body, "\"path\":\"/posts/2\""));
    assert_null(strstr(told.body, "/posts/1"));
    answer_free(&told);
}

static void what_the_api_refuses_wakes_nobody(void **state)
{
    struct rest_api *api = *state;
    struct call *post = rest_wait(api, "/posts/1", 1);
    struct call *list = rest_wait(api, "/posts", 2);
    struct call *missing = rest_wait(api, "/posts/9", 3);
    long long reports = stack_status(&api->stack, "answers_other");
    assert_int_equal(rest_write(api, "PUT", "/posts/9", "{\"version\":1}"), 404);
    assert_int_equal(rest_write(api, "DELETE", "/posts/9", NULL), 404);
    assert_int_equal(rest_write(api, "PATCH", "/posts/1", "{\"version\":"), 400);
    assert_int_equal(rest_write(api, "POST", "/posts", "nonsense"), 400);
    assert_int_equal(rest_write(api, "OPTIONS", "/posts", NULL), 204);
    await_status(&api->stack, "answers_other", reports + 4);
    await_waiting(&api->stack, 3);
    assert_int_equal(stack_status(&api->stack, "publishes"), 0);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":1}"), 200);
    must_bring(post, 200, "{\"version\":1,\"id\":1}");
    answer_free(&(struct answer[]){call_join(list)}[0]);
    await_waiting(&api->stack, 1);
    assert_int_equal(rest_write(api, "POST", "/fcgiwait/publish/posts/9", NULL), 204);
    must_bring(missing, 404, "{}");
}

static void the_writer_gets_the_apis_own_answer(void **state)
{
    struct rest_api *api = *state;
    struct http request = {.port = api->stack.port,
                           .method = "POST",
                           .path = "/posts?x=%20%2F",
                           .headers = {"Content-Type: application/json"},
                           .body = "{\"version\":1}"};
    struct answer through = http(&request);
    request.port = api->port;
    struct answer direct = http(&request);
    char one[256], other[256];
    assert_int_equal(through.status, direct.status);
    must_say(&through, "{\"version\":1,\"id\":4}");
    must_say(&direct, "{\"version\":1,\"id\":5}");
    static const char *const same[] = {"Content-Type", "Cache-Control", "Content-Length",
                                       "X-Polling-Index"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_string_equal(answer_header(&through, same[i], one),
                            answer_header(&direct, same[i], other));
    assert_string_not_equal(answer_header(&through, "ETag", one), "");
    must(strstr(answer_header(&through, "Location", one), "4") != NULL, "Location: %s",
         one);
    answer_free(&through);
    answer_free(&direct);
}

/* A large body, and one that does not say how large it is. */
static void bodies_of_writes_reach_the_api_whole(void **state)
{
    struct rest_api *api = *state;
    static char body[90000];
    struct http request = {.port = api->stack.port,
                           .method = "PUT",
                           .path = "/posts/1",
                           .headers = {"Content-Type: application/json"},
                           .body = body};
    snprintf(body, sizeof body, "{\"text\":\"%0*d\"}", 80000, 1);
    for (int chunked = 0; chunked < 2; chunked++) {
        if (chunked)
            request.headers[1] = "Transfer-Encoding: chunked";
        struct call *post = rest_wait(api, "/posts/1", 1);
        struct answer written = http(&request);
        assert_int_equal(written.status, 200);
        answer_free(&written);
        struct answer read = call_join(post);
        assert_true(read.body_len > 80000);
        answer_free(&read);
    }
    request.headers[1] = "Expect: 100-continue";
    struct answer written = http(&request);
    assert_int_equal(written.status, 200);
    assert_true(written.seconds < 20); /* libcurl waits longer for the word */
    answer_free(&written);
}

static void the_api_never_hears_of_a_poll_that_expires(void **state)
{
    struct rest_api *api = *state;
    char index[24], path[128], value[256];
    rest_index(api, "/posts/1", index);
    snprintf(path, sizeof path, "/posts/1?index=%s&wait=1", index);
    struct answer answer = http_get(api->stack.port, path, NULL);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.body_len, 0);
    assert_string_equal(answer_header(&answer, "X-Polling-Index", value), index);
    answer_free(&answer);
    char etag[64];
    snprintf(etag, sizeof etag, "If-None-Match: \"%s\"", index);
    answer = http_get(api->stack.port, "/posts/1?wait=0", etag); /* else the API's */
    assert_int_equal(answer.status, 304);
    answer_must_have(&answer, "ETag", NULL);
    answer_free(&answer);
    rest_index(api, "/posts/2", index);
    await_requests(api, "GET /posts/2 ", 1); /* its line comes after all others' */
    assert_int_equal(rest_requests(api, "GET "), 2);
}

static void prefer_and_head_work_behind_an_origin(void **state)
{
    struct rest_api *api = *state;
    char index[24], prefer[64], value[256];
    rest_index(api, "/posts/1", index);
    snprintf(prefer, sizeof prefer, "Prefer: wait=50;index=%s", index);
    struct call *call = call_start(
        &(struct http){.port = api->stack.port, .path = "/posts/1", .headers = {prefer}});
    struct call *head = call_start(&(struct http){.port = api->stack.port,
                                                  .method = "HEAD",
                                                  .path = "/posts/1",
                                                  .headers = {prefer}});
    await_waiting(&api->stack, 2);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":1}"), 200);
    struct answer answer = call_join(call), bodiless = call_join(head);
    must_say(&answer, "{\"version\":1,\"id\":1}");
    assert_int_equal(bodiless.status, 200);
    assert_int_equal(bodiless.body_len, 0);
    const struct answer *both[] = {&answer, &bodiless};
    for (size_t i = 0; i < 2; i++) {
        answer_header(both[i], "X-Polling-Index", value);
        assert_string_not_equal(value, index);
        answer_header(both[i], "ETag", value); /* json-server's own */
        assert_int_equal(strncmp(value, "W/\"", 3), 0);
        answer_must_have(both[i], "Preference-Applied", "wait=50");
        answer_must_have(both[i], "Cache-Control", "no-store");
        assert_non_null(strstr(both[i]->headers, "\r\nVary: Prefer"));
    }
    answer_free(&answer);
    answer_free(&bodiless);
}

static void use_sqlite(struct rest_api *api)
{
    char config[256];
    snprintf(config, sizeof config, "store = { type = \"sqlite\"; file = \"%s/db\"; };",
             api->stack.dir);
    stack_configure(&api->stack, config);
    assert_int_equal(stack_end_fcgiwait(&api->stack), 0);
    stack_start_fcgiwait(&api->stack);
}

static void kill_fcgiwait(struct rest_api *api)
{
    kill(api->stack.fcgiwait, SIGKILL);
    stack_wait_fcgiwait(&api->stack);
}

/* With a store that remembers, and a death that says nothing. */
static void a_start_counts_as_a_change_of_everything(void **state)
{
    struct rest_api *api = *state;
    char index[24], path[128];
    use_sqlite(api);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":4}"), 200);
    await_status(&api->stack, "publishes", 1);
    rest_index(api, "/posts/1", index);
    kill_fcgiwait(api);
    /* nobody hears of this one */
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":5}"), 200);
    stack_start_fcgiwait(&api->stack);
    snprintf(path, sizeof path, "/posts/1?index=%s&wait=50", index);
    struct answer answer = http_get(api->stack.port, path, NULL);
    assert_true(answer.seconds < 25);
    assert_int_equal(answer.status, 200);
    must_say(&answer, "{\"version\":5,\"id\":1}");
    answer_free(&answer);
}

static void writes_go_on_while_fcgiwait_is_down(void **state)
{
    struct rest_api *api = *state;
    assert_int_equal(stack_end_fcgiwait(&api->stack), 0);
    assert_int_equal(rest_write(api, "POST", "/posts", "{\"version\":1}"), 201);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":2}"), 200);
    assert_int_equal(rest_write(api, "DELETE", "/posts/2", NULL), 200);
    stack_start_fcgiwait(&api->stack);
    struct call *post = rest_wait(api, "/posts/1", 1);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":3}"), 200);
    must_bring(post, 200, "{\"version\":3,\"id\":1}");
}

static void plain_reads_go_on_while_fcgiwait_is_down(void **state)
{
    struct rest_api *api = *state;
    assert_int_equal(stack_end_fcgiwait(&api->stack), 0);
    struct answer answer = http_get(api->stack.port, "/posts/1", NULL);
    assert_int_equal(answer.status, 200);
    must_say(&answer, "{\"id\":1,\"version\":0}");
    answer_must_have(&answer, "X-Polling-Index", NULL);
    answer_free(&answer);
    answer = http_get(api->stack.port, "/posts/1?index=1&wait=50", NULL);
    assert_int_equal(answer.status, 503);
    answer_free(&answer);
    answer = http_get(api->stack.port, "/posts/1", "Prefer: wait=50; index=1");
    assert_int_equal(answer.status, 503);
    answer_free(&answer);
    await_requests(api, "GET ", 1);
    stack_start_fcgiwait(&api->stack);
}

/* The one who wrote went away before the API had answered. */
static void a_write_counts_even_when_nobody_waits_for_its_answer(void **state)
{
    struct rest_api *api = *state;
    struct call *post = rest_wait(api, "/posts/1", 1);
    struct answer gone =
        http(&(struct http){.port = api->stack.port,
                            .method = "PUT",
                            .path = "/posts/1?delay=4500",
                            .headers = {"Content-Type: application/json"},
                            .body = "{\"version\":1}",
                            .timeout = 2});
    assert_int_equal(gone.status, 0);
    answer_free(&gone);
    must_bring(post, 200, "{\"version\":1,\"id\":1}");
}

static void a_write_that_never_reached_the_api_wakes_nobody(void **state)
{
    struct rest_api *api = *state;
    struct call *post = rest_wait(api, "/posts/1", 1);
    long long reports = stack_status(&api->stack, "answers_other");
    stack_end(&api->server);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":1}"), 502);
    await_status(&api->stack, "answers_other", reports + 1);
    await_waiting(&api->stack, 1);
    rest_start_server(api);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", "{\"version\":2}"), 200);
    must_bring(post, 200, "{\"version\":2,\"id\":1}");
}

#define TEST(name) rest_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(put_patch_and_delete_wake_the_post_and_the_list),
        TEST(post_wakes_the_list_and_who_waited_for_the_new_post),
        TEST(a_missing_post_can_be_waited_for),
        TEST(one_request_tells_what_was_written),
        TEST(what_the_api_refuses_wakes_nobody),
        TEST(the_writer_gets_the_apis_own_answer),
        TEST(bodies_of_writes_reach_the_api_whole),
        TEST(the_api_never_hears_of_a_poll_that_expires),
        TEST(prefer_and_head_work_behind_an_origin),
        TEST(a_start_counts_as_a_change_of_everything),
        TEST(writes_go_on_while_fcgiwait_is_down),
        TEST(plain_reads_go_on_while_fcgiwait_is_down),
        TEST(a_write_counts_even_when_nobody_waits_for_its_answer),
        TEST(a_write_that_never_reached_the_api_wakes_nobody),
    };
    return cmocka_run_group_tests_name("writes_to_an_api_wake_its_readers", tests, NULL,
                                       NULL);
}
