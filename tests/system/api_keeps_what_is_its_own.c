/* SPDX-License-Identifier: ISC */
/*
 * Behind an origin, through a real nginx that stands for the API as well: what it is
 * asked for is what it answers. Reports name what they have written, and count again.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "stack.h"

/* The read location goes on, and others follow it; the last one is closed by the stack.
 */
#define ORIGIN                                                                           \
    "  fastcgi_param FCGIWAIT_ORIGIN /_origin; fastcgi_buffer_size 64k;\n"               \
    "  fastcgi_buffers 8 64k; }\n"                                                       \
    "location /_origin/ { internal; set $index $upstream_http_x_polling_index;\n"        \
    "  add_header X-Polling-Index $index always; add_header ETag '\"its own\"' "         \
    "always;\n"                                                                          \
    "  return 200 \"$request_uri|$uri|$args|$http_if_none_match\"; }\n"                  \
    "location ~ ^/report(?<written>/.*)$ {\n"                                            \
    "  fastcgi_param REQUEST_METHOD $request_method;\n"                                  \
    "  fastcgi_param FCGIWAIT_ACCESS publish; fastcgi_param FCGIWAIT_RESOURCE "          \
    "$written;\n"                                                                        \
    "  fastcgi_param FCGIWAIT_ORIGIN_STATUS 201;\n"                                      \
    "  fastcgi_param FCGIWAIT_LOCATION $http_x_location;\n"                              \
    "  fastcgi_param FCGIWAIT_ALSO $http_x_also;\n"                                      \
    "  fastcgi_param FCGIWAIT_AGAIN $http_x_again;\n"                                    \
    "  fastcgi_pass waits;"

static const struct stack_options plain = {.location = ORIGIN};
static const struct stack_options query_off = {
    .location = "fastcgi_param FCGIWAIT_QUERY off;\n" ORIGIN};
static const struct stack_options other_names = {
    .location = "fastcgi_param FCGIWAIT_QUERY _since,_hold;\n" ORIGIN};

static void must_answer(const struct stack *stack, const char *path, const char *header,
                        const char *body, bool with_index)
{
    char value[256];
    struct answer answer = http_get(stack->port, path, header);
    assert_int_equal(answer.status, 200);
    must(answer.body_len == strlen(body) &&
             memcmp(answer.body, body, answer.body_len) == 0,
         "%.*s, not %s", (int)answer.body_len, answer.body, body);
    answer_must_have(&answer, "ETag", "\"its own\"");
    answer_header(&answer, "X-Polling-Index", value);
    must((value[0] != '\0') == with_index, "X-Polling-Index: %s", value);
    answer_free(&answer);
}

static void entity_tags_without_a_wait_reach_the_api(void **state)
{
    must_answer(*state, "/a?b=1&index=0a", "If-None-Match: \"its own\"",
                "/a?b=1&index=0a|/_origin/a|b=1|\"its own\"", true);
}

static void what_can_be_no_resource_reaches_the_api(void **state)
{
    static char path[3000], body[7000];
    must_answer(*state, "/a//b?c", NULL, "/a//b?c|/_origin/a//b|c|", false);
    must_answer(*state, "/a%01b", NULL,
                "/a%01b|/_origin/a\x01"
                "b||",
                false);
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    snprintf(body, sizeof body, "%s|/_origin%s||", path, path);
    must_answer(*state, path, NULL, body, false);
}

static void an_api_may_have_an_index_of_its_own(void **state)
{
    must_answer(*state, "/a?index=0&wait=50", NULL,
                "/a?index=0&wait=50|/_origin/a|index=0&wait=50|", true);
}

static void an_api_may_leave_us_other_names(void **state)
{
    const struct stack *stack = *state;
    char index[256], path[400];
    must_answer(stack, "/a?index=%30&_hold=50&_since=7", NULL,
                "/a?index=%30&_hold=50&_since=7|/_origin/a|index=%30|", true);
    struct answer answer = http_get(stack->port, "/a", NULL);
    answer_header(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    snprintf(path, sizeof path, "/a?_since=%s&_hold=1", index);
    answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 304);
    answer_must_have(&answer, "X-Polling-Index", index);
    answer_must_have(&answer, "ETag", NULL);
    answer_free(&answer);
}

/* --- reports --- */

static struct call *wait_for(const struct stack *stack, const char *path)
{
    char index[256], url[400];
    struct answer answer = http_get(stack->port, path, NULL);
    answer_header(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    snprintf(url, sizeof url, "%s?index=%s&wait=50", path, index);
    return call_start(&(struct http){.port = stack->port, .path = url});
}

static void must_wake(struct call *call)
{
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
}

static void report(const struct stack *stack, const char *path, const char *one,
                   const char *two)
{
    struct answer answer = http(&(struct http){
        .port = stack->port, .method = "POST", .path = path, .headers = {one, two}});
    assert_int_equal(answer.status, 204);
    answer_free(&answer);
}

static void a_report_wakes_who_waits_for_what_it_names(void **state)
{
    const struct stack *stack = *state;
    struct call *located = wait_for(stack, "/posts/5"), *other = wait_for(stack, "/tags"),
                *below = wait_for(stack, "/albums/3/photos/1");
    await_waiting(stack, 3);
    char location[64];
    snprintf(location, sizeof location, "X-Location: http://127.0.0.1:%d/posts/5?x",
             stack->port);
    report(stack, "/report/posts", location, "X-Also: /tags /albums/3/*");
    must_wake(located);
    must_wake(other);
    must_wake(below);
}

static void a_report_counts_again(void **state)
{
    const struct stack *stack = *state;
    report(stack, "/report/posts", "X-Again: 1s", NULL);
    struct call *late = wait_for(stack, "/posts");
    must_wake(late);
    await_status(stack, "repeated", 1);
}

static const struct stack_options lasting = {.location = ORIGIN, .sqlite = true};

/* And whoever waits gets the change, not the shutdown's 304. */
static void
what_is_to_count_again_survives_a_reload_and_counts_before_a_stop(void **state)
{
    struct stack *stack = *state;
    report(stack, "/report/posts", "X-Again: 9m", NULL);
    struct call *call = wait_for(stack, "/posts");
    await_waiting(stack, 1);
    kill(stack->fcgiwait, SIGHUP);
    await_logged(stack, "configuration read again");
    assert_int_equal(stack_status(stack, "waiting"), 1);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    must_wake(call);
    stack_start_fcgiwait(stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(entity_tags_without_a_wait_reach_the_api, &plain),
        stack_test(what_can_be_no_resource_reaches_the_api, &plain),
        stack_test(an_api_may_have_an_index_of_its_own, &query_off),
        stack_test(an_api_may_leave_us_other_names, &other_names),
        stack_test(a_report_wakes_who_waits_for_what_it_names, &plain),
        stack_test(a_report_counts_again, &plain),
        stack_test(what_is_to_count_again_survives_a_reload_and_counts_before_a_stop,
                   &lasting),
    };
    return cmocka_run_group_tests_name("api_keeps_what_is_its_own", tests, NULL, NULL);
}
