/* SPDX-License-Identifier: ISC */
/* What a client asks for is what the API is asked for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "rest_api.h"

/* What the API says of the URL that it was asked for, in `url`. */
static void ask(const struct rest_api *api, const char *path, char url[16384])
{
    struct answer answer = http_get(api->stack.port, path, NULL);
    must(answer.status == 200, "%s is answered with %ld", path, answer.status);
    const char *at = strstr(answer.body, "\"url\":\"");
    must(at != NULL, "%s is answered with %s", path, answer.body);
    at += strlen("\"url\":\"");
    snprintf(url, 16384, "%.*s", (int)strcspn(at, "\""), at);
    answer_free(&answer);
}

static void paths_and_queries_arrive_as_they_were(void **state)
{
    static const char *const same[] = {
        "/echo/a%20b",
        "/echo/100%25",
        "/echo/a%252Fb",
        "/echo/what%3Fx",
        "/echo/what%3Fx?a=1",
        "/echo/%231",
        "/echo/a+b",
        "/echo/a;b,c=d&e@f:g!",
        "/echo/gr%C3%BC%C3%9Fe",
        "/echo/%E4%BD%A0%E5%A5%BD/%F0%9F%98%80",
        "/echo/%FF",
        "/echo/..a/...",
        "/echo/%252e%252e/x",
        "/echo/a%22b",
        "/echo/a%5Cb",
        "/echo/",
        "/echo?a=%20+%2F%3F%26&b&&c=",
        "/echo?q=a/../b//c",
        "/echo?q=%C3%BC",
        "/echo?q=/_origin/x&X-Accel-Redirect=1",
        "/echo?indexes=1&await=2&Index=3",
    };
    struct rest_api *api = *state;
    char url[16384];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        ask(api, same[i], url);
        assert_string_equal(url, same[i]);
    }
}

static void what_is_ours_stays_here(void **state)
{
    static const char *const rows[][2] = {
        {"/echo?index=0&wait=0", "/echo"},
        {"/echo?a=1&index=0&b=%20&wait=0&c", "/echo?a=1&b=%20&c"},
        {"/echo?wait=0&wait=1&index=0&a", "/echo?a"},
    };
    struct rest_api *api = *state;
    char url[16384];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        ask(api, rows[i][0], url);
        assert_string_equal(url, rows[i][1]);
    }
}

/* What nginx takes for the same path is told apart by the API alone. */
static void every_spelling_of_a_path_arrives_as_it_was(void **state)
{
    static const char *const same[] = {
        "/echo/%61",     "/echo/a%2Fb",  "/echo/a%2fb",
        "/echo/a//b",    "/echo/%c3%bc", "/echo/%C3%bC",
        "/echo/a%252fb", "/echo/%3f%23", "/echo/a%2F%2Fb?x=%2f",
    };
    struct rest_api *api = *state;
    char url[16384];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        ask(api, same[i], url);
        assert_string_equal(url, same[i]);
    }
    ask(api, "/echo?a=1#fragment", url);
    assert_string_equal(url, "/echo?a=1");
}

/* Two URLs that look the same once they are decoded. */
static void a_cached_answer_is_nobody_elses(void **state)
{
    struct rest_api *api = *state;
    char url[16384];
    ask(api, "/echo/a?b", url);
    assert_string_equal(url, "/echo/a?b");
    ask(api, "/echo/a%3Fb", url);
    assert_string_equal(url, "/echo/a%3Fb");
    ask(api, "/echo/a%20b?c", url);
    assert_string_equal(url, "/echo/a%20b?c");
    ask(api, "/echo/a?c", url);
    assert_string_equal(url, "/echo/a?c");
}

static void a_long_url_survives(void **state)
{
    struct rest_api *api = *state;
    char path[8000], url[16384];
    size_t len = (size_t)snprintf(path, sizeof path, "/echo/");
    for (size_t i = 0; i < 1000; i++)
        len += (size_t)snprintf(path + len, sizeof path - len, "%%20");
    len += (size_t)snprintf(path + len, sizeof path - len, "?q=");
    memset(path + len, 'x', 4500);
    path[len + 4500] = '\0';
    ask(api, path, url);
    assert_string_equal(url, path);
}

/* Waiting and writing mean the same path, whatever is in it. */
static void strange_paths_can_be_waited_for(void **state)
{
    static const char *const rows[][2] = {
        {"/echo/a%20b?x=1", "/echo/%61%20b"},
        {"/echo/what%3F", "/echo/what%3f"},
        {"/echo/gr%C3%BC%C3%9Fe", "/echo/gr%c3%bc%c3%9fe?y=2"},
        {"/echo/list/", "/echo/list/1/"},
    };
    struct rest_api *api = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct call *call = rest_wait(api, rows[i][0], 1);
        assert_int_equal(rest_write(api, "PUT", rows[i][1], "{}"), 200);
        struct answer answer = call_join(call);
        assert_int_equal(answer.status, 200);
        char url[256];
        snprintf(url, sizeof url, "\"url\":\"%s\"", rows[i][0]);
        must(strstr(answer.body, url) != NULL, "%s is answered with %s", rows[i][0],
             answer.body);
        answer_free(&answer);
    }
}

#define TEST(name) rest_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(paths_and_queries_arrive_as_they_were),
        TEST(what_is_ours_stays_here),
        TEST(every_spelling_of_a_path_arrives_as_it_was),
        TEST(a_cached_answer_is_nobody_elses),
        TEST(a_long_url_survives),
        TEST(strange_paths_can_be_waited_for),
    };
    return cmocka_run_group_tests_name("urls_survive_the_way_to_the_api", tests, NULL,
                                       NULL);
}
