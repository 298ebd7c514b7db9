/* SPDX-License-Identifier: ISC */
/* The live page: its parts, and the numbers that come by themselves as long as somebody
 * looks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "reader.h"
#include "stack.h"

#define PAGE "/fcgiwait/page"
#define EVENTS PAGE "?events"

static void look(struct reader *reader, const struct stack *stack)
{
    static const char *const headers[] = {"Accept: text/event-stream", NULL};
    reader_open(reader, stack->port, NULL, EVENTS, headers, 0);
}

/* The numbers of the next event. */
static json_object *numbers(struct reader *reader)
{
    const char *event = reader_event(reader);
    const char *data = event != NULL ? strstr(event, "data: ") : NULL;
    must(data != NULL, "no data: %s", event != NULL ? event : "the stream has ended");
    json_object *told = json_tokener_parse(data + strlen("data: "));
    must(told != NULL, "not JSON: %s", data);
    return told;
}

static json_object *member(json_object *object, const char *name)
{
    json_object *value = json_object_object_get(object, name);
    must(value != NULL, "there is no %s in %s", name, json_object_to_json_string(object));
    return value;
}

static int64_t number(json_object *object, const char *name)
{
    return json_object_get_int64(member(object, name));
}

static void each_part_says_what_it_is_and_what_may_run(void **state)
{
    static const struct {
        const char *path, *type, *part;
    } rows[] = {{PAGE, "text/html; charset=utf-8", "<script src=\"?script\" defer>"},
                {PAGE "?style", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
                {PAGE "?script", "text/javascript; charset=utf-8", "EventSource"}};
    struct stack *stack = *state;
    char policy[256];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct answer answer = http_get(stack->port, rows[i].path, NULL);
        answer_must_have(&answer, "Content-Type", rows[i].type);
        answer_must_have(&answer, "X-Content-Type-Options", "nosniff");
        answer_must_have(&answer, "Cache-Control", "no-store");
        answer_header(&answer, "Content-Security-Policy", policy);
        must(strstr(policy, "default-src 'none'; script-src 'self'; style-src 'self'; "
                            "connect-src 'self'") != NULL,
             "the policy is %s", policy);
        must(strstr(answer.body, "<style") == NULL &&
                 strstr(answer.body, "<script>") == NULL,
             "%s has what the policy keeps out", rows[i].path);
        answer_must_be(answer, 200, rows[i].part);
        answer = http(
            &(struct http){.port = stack->port, .method = "HEAD", .path = rows[i].path});
        assert_int_equal(answer.body_len, 0);
        answer_must_be(answer, 200, "");
    }
    answer_must_be(http_get(stack->port, PAGE "?icon", NULL), 404, "no such part");
    answer_must_be(
        http(&(struct http){.port = stack->port, .method = "POST", .path = PAGE}), 405,
        "only be read");
}

/* Beside the status, whose names other tests see to. */
static void it_tells_who_waits_for_what(void **state)
{
    struct stack *stack = *state;
    struct clients many, few;
    struct reader reader;
    clients_open(&many, stack->port, 7);
    clients_open(&few, stack->port, 3);
    clients_ask(&many, "/many?index=0&wait=50");
    clients_ask(&few, "/%3Cb%3E%22%5C%C3%A9%FF?index=0&wait=50");
    await_waiting(stack, 10);
    look(&reader, stack);
    json_object *told = numbers(&reader), *most = member(told, "most");
    assert_int_equal(number(member(told, "status"), "waiting"), 10);
    assert_int_equal(number(member(told, "status"), "viewers"), 1);
    assert_int_equal(number(told, "pid"), stack->fcgiwait);
    assert_string_equal(json_object_get_string(member(told, "store")), "memory");
    assert_true(json_object_get_boolean(member(told, "answers")));
    assert_int_equal(number(told, "targets"), 2);
    assert_int_equal(json_object_array_length(most), 2);
    json_object *first = json_object_array_get_idx(most, 0);
    json_object *second = json_object_array_get_idx(most, 1);
    assert_string_equal(json_object_get_string(member(first, "path")), "/many");
    assert_int_equal(number(first, "watchers"), 7);
    assert_string_equal(json_object_get_string(member(second, "path")),
                        "/<b>\"\\\303\251\357\277\275");
    assert_int_equal(number(second, "watchers"), 3);
    json_object_put(told);
    reader_close(&reader);
    clients_close(&many);
    clients_close(&few);
    await_waiting(stack, 0);
}

static void it_goes_on_by_itself_until_nobody_looks(void **state)
{
    struct stack *stack = *state;
    struct reader reader;
    look(&reader, stack);
    json_object *told = numbers(&reader);
    int64_t changes = number(member(told, "status"), "changes");
    int64_t at = number(told, "ms"), now = at;
    json_object_put(told);
    http_put(stack->port, "/a", "1", NULL);
    for (int64_t seen = changes; seen == changes; json_object_put(told)) {
        told = numbers(&reader);
        must(number(told, "ms") >= now + 500, "the numbers of %lld come again",
             (long long)now);
        now = number(told, "ms");
        seen = number(member(told, "status"), "changes");
        assert_true(seen == changes || seen == changes + 1);
    }
    reader_close(&reader);
    await_status(stack, "viewers", 0);
}

static const struct stack_options one_place = {.config = "max_waiting = 1;"};

static void it_shows_when_all_places_are_taken(void **state)
{
    struct stack *stack = *state;
    struct clients clients;
    struct reader reader;
    clients_open(&clients, stack->port, 1);
    clients_ask(&clients, "/a?index=0&wait=50");
    await_waiting(stack, 1);
    answer_must_be(http_get(stack->port, "/a?index=0&wait=50", NULL), 503, "");
    look(&reader, stack);
    json_object *told = numbers(&reader);
    assert_int_equal(number(member(told, "status"), "waiting"), 1);
    assert_int_equal(number(member(told, "status"), "refused"), 1);
    json_object_put(told);
    reader_close(&reader);
    clients_close(&clients);
    await_status(stack, "viewers", 0);
}

#define VIEWERS 16

static void so_many_may_look(void **state)
{
    struct stack *stack = *state;
    struct reader readers[VIEWERS], late;
    for (size_t i = 0; i < VIEWERS; i++)
        look(&readers[i], stack);
    await_status(stack, "viewers", VIEWERS);
    look(&late, stack);
    assert_int_equal(late.status, 503);
    reader_close(&late);
    for (size_t i = 0; i < VIEWERS; i++) {
        json_object_put(numbers(&readers[i]));
        reader_close(&readers[i]);
    }
    await_status(stack, "viewers", 0);
    look(&late, stack);
    assert_int_equal(late.status, 200);
    reader_close(&late);
    await_status(stack, "viewers", 0);
}

/* What comes then is the browser's business: it comes back after a while. */
static void a_stop_ends_it(void **state)
{
    struct stack *stack = *state;
    struct reader reader;
    look(&reader, stack);
    json_object_put(numbers(&reader));
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    while (reader_event(&reader) != NULL)
        ;
    assert_true(reader.ended);
    reader_close(&reader);
    stack_start_fcgiwait(stack);
}

static const struct stack_options short_streams = {.config =
                                                       "stream = { max = \"2s\"; };"};

static void it_is_judged_anew_after_a_while(void **state)
{
    struct stack *stack = *state;
    struct reader reader;
    look(&reader, stack);
    while (reader_event(&reader) != NULL)
        ;
    assert_true(reader.ended);
    reader_close(&reader);
    await_status(stack, "viewers", 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(each_part_says_what_it_is_and_what_may_run, NULL),
        stack_test(it_tells_who_waits_for_what, NULL),
        stack_test(it_goes_on_by_itself_until_nobody_looks, NULL),
        stack_test(it_shows_when_all_places_are_taken, &one_place),
        stack_test(so_many_may_look, NULL),
        stack_test(a_stop_ends_it, NULL),
        stack_test(it_is_judged_anew_after_a_while, &short_streams),
    };
    return cmocka_run_group_tests_name("page_follows_the_numbers", tests, NULL, NULL);
}
