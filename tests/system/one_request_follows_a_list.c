/* SPDX-License-Identifier: ISC */
/* FCGIWAIT_SCOPE below, through a real nginx: what is told, what ends a wait, and what a
 * restart leaves. */
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "stack.h"

static const struct stack_options below = {.location =
                                               "fastcgi_param FCGIWAIT_SCOPE below;"};
static const struct stack_options below_in_a_file = {
    .location = "fastcgi_param FCGIWAIT_SCOPE below;", .sqlite = true};

/* Within the body, in this order. */
static void must_tell(const struct answer *answer, const char *first, const char *second)
{
    const char *at = strstr(answer->body, first);
    if (at == NULL || (second != NULL && strstr(at, second) == NULL))
        fail_msg("%s, and then %s, are not in\n%s", first,
                 second != NULL ? second : "nothing", answer->body);
}

static void must_not_tell(const struct answer *answer, const char *text)
{
    if (strstr(answer->body, text) != NULL)
        fail_msg("%s is in\n%s", text, answer->body);
}

static struct call *wait_for(const struct stack *stack, const char *list,
                             const char *index, const char *more)
{
    char path[400];
    snprintf(path, sizeof path, "%s?index=%s&wait=50%s", list, index, more);
    return call_start(&(struct http){.port = stack->port, .path = path});
}

static void a_list_is_told_and_each_change_of_it(void **state)
{
    struct stack *stack = *state;
    char index[256];
    http_put(stack->port, "/l/a", "1", NULL);
    http_put(stack->port, "/l/b/c", "{\"n\":2}", NULL);
    http_put(stack->port, "/m", "3", NULL);
    struct answer answer = http_get(stack->port, "/l", NULL);
    assert_int_equal(answer.status, 200);
    answer_must_have(&answer, "Content-Type", "application/json");
    answer_must_have(&answer, "Cache-Control", "no-store");
    answer_must_have(&answer, "Vary", "Prefer");
    must_tell(&answer, "\"reset\":true", "\"path\":\"/l/a\"");
    must_tell(&answer, "\"document\":1}", "\"document\":{\"n\":2}}");
    must_not_tell(&answer, "/m");
    answer_header(&answer, "X-Polling-Index", index);
    answer_free(&answer);
    struct call *call = wait_for(stack, "/l", index, "");
    await_waiting(stack, 1);
    http_put(stack->port, "/m", "4", NULL);
    http_put(stack->port, "/lx", "4", NULL);
    assert_false(call_done(call));
    http_publish(stack->port, "DELETE", "/l/b/c", NULL);
    answer = call_join(call);
    assert_int_equal(answer.status, 200);
    must_tell(&answer, "\"path\":\"/l/b/c\"", "\"deleted\":true");
    must_not_tell(&answer, "reset");
    must_not_tell(&answer, "/l/a");
    answer_free(&answer);
}

static void an_index_from_one_resource_is_good_for_the_list(void **state)
{
    struct stack *stack = *state;
    char index[24], path[64];
    http_put(stack->port, "/l/a", "1", NULL);
    http_put(stack->port, "/elsewhere", "1", index);
    snprintf(path, sizeof path, "/l?index=%s&wait=300ms", index);
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 304);
    assert_int_equal(answer.body_len, 0);
    answer_free(&answer);
}

static void a_change_of_another_name_ends_no_wait(void **state)
{
    struct stack *stack = *state;
    char index[24];
    http_put(stack->port, "/l/a,b", "1", index);
    struct call *call = wait_for(stack, "/l", index, "&only=a%2Cb,c/d");
    await_waiting(stack, 1);
    http_put(stack->port, "/l/c", "2", NULL);
    assert_false(call_done(call));
    http_put(stack->port, "/l/c/d", "3", NULL);
    struct answer answer = call_join(call);
    assert_int_equal(answer.status, 200);
    must_tell(&answer, "\"path\":\"/l/c/d\"", "\"document\":3");
    must_not_tell(&answer, "\"/l/c\"");
    answer_free(&answer);
    assert_int_equal(stack_status(stack, "waiting"), 0);
}

static struct answer query(const struct stack *stack, const char *path, const char *names)
{
    return http(&(struct http){.port = stack->port,
                               .method = "QUERY",
                               .path = path,
                               .headers = {"Content-Type: application/json"},
                               .body = names});
}

static void a_long_list_of_names_comes_as_a_query(void **state)
{
    struct stack *stack = *state;
    http_put(stack->port, "/l/q", "1", NULL);
    http_put(stack->port, "/l/r", "2", NULL);
    struct answer answer = query(stack, "/l", "[\"r\"]");
    assert_int_equal(answer.status, 200);
    must_tell(&answer, "\"/l/r\"", NULL);
    must_not_tell(&answer, "\"/l/q\"");
    answer_free(&answer);
    answer = query(stack, "/l", "[\"../secret\"]");
    assert_int_equal(answer.status, 400);
    answer_free(&answer);
    answer = query(stack, "/l", "{\"a\":1}");
    assert_int_equal(answer.status, 400);
    answer_free(&answer);
}

static void who_goes_away_waits_no_more(void **state)
{
    struct stack *stack = *state;
    struct answer answer = http(&(struct http){
        .port = stack->port, .path = "/none?index=0&wait=50&only=a,b", .timeout = 1});
    assert_int_equal(answer.status, 0);
    answer_free(&answer);
    await_waiting(stack, 0);
}

static void after_a_restart_a_memory_begins_again(void **state)
{
    struct stack *stack = *state;
    char index[24], path[64];
    http_put(stack->port, "/l/a", "1", index);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    stack_start_fcgiwait(stack);
    snprintf(path, sizeof path, "/l?index=%s&wait=50", index);
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 200);
    must_tell(&answer, "\"reset\":true", "\"changes\":[]");
    answer_free(&answer);
}

static void after_a_restart_a_file_goes_on(void **state)
{
    struct stack *stack = *state;
    char index[24], path[64];
    http_put(stack->port, "/l/a", "1", index);
    http_put(stack->port, "/l/b", "2", NULL);
    http_publish(stack->port, "DELETE", "/l/b", NULL);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    stack_start_fcgiwait(stack);
    snprintf(path, sizeof path, "/l?index=%s&wait=0", index);
    struct answer answer = http_get(stack->port, path, NULL);
    assert_int_equal(answer.status, 200);
    must_tell(&answer, "\"path\":\"/l/b\"", "\"deleted\":true");
    must_not_tell(&answer, "reset");
    must_not_tell(&answer, "/l/a");
    answer_free(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(a_list_is_told_and_each_change_of_it, &below),
        stack_test(an_index_from_one_resource_is_good_for_the_list, &below),
        stack_test(a_change_of_another_name_ends_no_wait, &below),
        stack_test(a_long_list_of_names_comes_as_a_query, &below),
        stack_test(who_goes_away_waits_no_more, &below),
        stack_test(after_a_restart_a_memory_begins_again, &below),
        stack_test(a_list_is_told_and_each_change_of_it, &below_in_a_file),
        stack_test(after_a_restart_a_file_goes_on, &below_in_a_file),
    };
    return cmocka_run_group_tests_name("one_request_follows_a_list", tests, NULL, NULL);
}
