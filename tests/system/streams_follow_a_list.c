/* SPDX-License-Identifier: ISC */
/* Streams of everything below a path (FCGIWAIT_SCOPE below) through nginx as it is: what
 * there is, each change, a restart, a slow reader, the API behind. */
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "reader.h"
#include "stack.h"

#define EVENTS "Accept: text/event-stream"
#define LINES "Accept: application/x-ndjson"

static const struct stack_options below = {.location =
                                               "fastcgi_param FCGIWAIT_SCOPE below;"};
static const struct stack_options below_in_a_file = {
    .location = "fastcgi_param FCGIWAIT_SCOPE below;", .sqlite = true};
static const struct stack_options below_an_origin = {
    .location = "fastcgi_param FCGIWAIT_SCOPE below; "
                "fastcgi_param FCGIWAIT_ORIGIN /_origin;"};

static void open_stream(const struct stack *stack, struct reader *reader,
                        const char *path, const char *accept, const char *header)
{
    reader_open(reader, stack->port, NULL, path, (const char *[]){accept, header, NULL},
                0);
    must(reader->status == 200, "status %d", reader->status);
}

#define ONE(path, document)                                                              \
    "{\"path\":\"" path                                                                  \
    "\",\"index\":%s,\"type\":\"application/json\",\"document\":" document "}"

static void all_there_is_comes_and_then_each_change(void **state)
{
    const struct stack *stack = *state;
    struct reader events, lines;
    char a[24], b[24];
    http_put(stack->port, "/l/a", "1", a);
    http_put(stack->port, "/l/b/c", "2", b);
    http_put(stack->port, "/m", "3", NULL);
    open_stream(stack, &events, "/l/", EVENTS, NULL);
    open_stream(stack, &lines, "/l/", LINES, NULL);
    reader_must_have(&events, "event: reset\ndata: {\"reset\": true}", "");
    reader_must_have(&events, "data: " ONE("/l/a", "1") "\nid: %s", a);
    reader_must_have(&events, "data: " ONE("/l/b/c", "2") "\nid: %s", b);
    reader_must_have(&events, "event: current\nid: %s\ndata: {\"current\": %s}", b);
    reader_must_have_line(&lines, "{\"reset\": true}", "");
    reader_must_have_line(&lines, ONE("/l/a", "1"), a);
    reader_must_have_line(&lines, ONE("/l/b/c", "2"), b);
    reader_must_have_line(&lines, "{\"current\": %s}", b);
    await_waiting(stack, 2);
    assert_int_equal(stack_status(stack, "streams"), 2);
    http_put(stack->port, "/m", "4", NULL);
    http_publish(stack->port, "DELETE", "/l/a", a);
    reader_must_have(
        &events, "data: {\"path\":\"/l/a\",\"index\":%s,\"deleted\":true}\nid: %s", a);
    reader_must_have_line(&lines, "{\"path\":\"/l/a\",\"index\":%s,\"deleted\":true}", a);
    assert_true(reader_is_quiet(&events, 30));
    reader_close(&events);
    reader_close(&lines);
    await_waiting(stack, 0);
}

static void who_comes_back_after_a_restart_misses_nothing(void **state)
{
    struct stack *stack = *state;
    struct reader reader;
    char a[24], b[24], header[64];
    http_put(stack->port, "/l/a", "1", a);
    open_stream(stack, &reader, "/l", EVENTS, NULL);
    reader_take(&reader, "event: current");
    http_put(stack->port, "/l/b", "2", b);
    reader_must_have(&reader, "\nid: %s\ndata: {\"current\": %s}", a); /* its rest */
    reader_must_have(&reader, "data: " ONE("/l/b", "2") "\nid: %s", b);
    stack_end_fcgiwait(stack);
    assert_true(reader_ends(&reader));
    reader_close(&reader);
    stack_start_fcgiwait(stack);
    http_put(stack->port, "/l/a", "3", a);
    snprintf(header, sizeof header, "Last-Event-ID: %s", b);
    open_stream(stack, &reader, "/l", EVENTS, header);
    reader_must_have(&reader, "data: " ONE("/l/a", "3") "\nid: %s", a);
    reader_must_have(&reader, "event: current\nid: %s\ndata: {\"current\": %s}", a);
    reader_close(&reader);
    open_stream(stack, &reader, "/l", EVENTS, "Last-Event-ID: 12"); /* void */
    reader_must_have(&reader, "event: reset\ndata: {\"reset\": true}", "");
    reader_close(&reader);
}

static void some_names_can_be_followed(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char b[24];
    http_put(stack->port, "/l/b", "2", b);
    http_put(stack->port, "/l/c", "3", NULL);
    open_stream(stack, &reader, "/l?only=a,b", LINES, NULL);
    reader_must_have_line(&reader, "{\"reset\": true}", "");
    reader_must_have_line(&reader, ONE("/l/b", "2"), b);
    reader_must_have_line(&reader, "{\"current\": %s}", b);
    http_put(stack->port, "/l/c", "4", NULL);
    http_put(stack->port, "/l/a", "5", b);
    reader_must_have_line(&reader, ONE("/l/a", "5"), b);
    reader_close(&reader);
    struct answer answer = http_get(stack->port, "/l?only=../m", LINES);
    assert_int_equal(answer.status, 400);
    answer_free(&answer);
}

/* Others are told meanwhile, and what it is told in the end is how things are. */
static void a_slow_reader_gets_the_newest_of_each(void **state)
{
    static char body[300000];
    const struct stack *stack = *state;
    struct reader slow, fast;
    char path[16], index[24];
    int told = 0;
    memset(body, 'x', sizeof body);
    reader_open(&slow, stack->port, NULL, "/l", (const char *[]){LINES, NULL}, 4096);
    open_stream(stack, &fast, "/l", LINES, NULL);
    for (int i = 0; i < 100; i++) {
        char start[32];
        int len = snprintf(start, sizeof start, "[%d,\"", i);
        memcpy(body, start, (size_t)len);
        strcpy(body + sizeof body - 3, "\"]");
        snprintf(path, sizeof path, "/l/%d", i % 2);
        assert_true(http_put(stack->port, path, body, index) < 300);
        memset(body, 'x', sizeof body);
        reader_take(&fast, "\"]}\n");
    }
    const char *line;
    do {
        line = reader_take(&slow, "\n");
        must(line != NULL, "it ended");
        told += *line != '\0';
    } while (strstr(line, index) == NULL);
    must(told < 60, "it was told %d changes", told);
    reader_close(&slow);
    reader_close(&fast);
}

static void behind_an_origin_paths_are_told(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char index[24];
    http_publish(stack->port, "POST", "/posts/1", index);
    open_stream(stack, &reader, "/posts", LINES, NULL);
    reader_must_have_line(&reader, "{\"reset\": true}", "");
    reader_must_have_line(&reader, "{\"path\":\"/posts/1\",\"index\":%s}", index);
    reader_must_have_line(&reader, "{\"current\": %s}", index);
    http_publish(stack->port, "POST", "/posts/2", index);
    reader_must_have_line(&reader, "{\"path\":\"/posts/2\",\"index\":%s}", index);
    http_publish(stack->port, "POST", "/comments/2", index);
    assert_true(reader_is_quiet(&reader, 30));
    reader_close(&reader);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(all_there_is_comes_and_then_each_change, &below),
        stack_test(who_comes_back_after_a_restart_misses_nothing, &below_in_a_file),
        stack_test(some_names_can_be_followed, &below),
        stack_test(a_slow_reader_gets_the_newest_of_each, &below),
        stack_test(behind_an_origin_paths_are_told, &below_an_origin),
    };
    return cmocka_run_group_tests_name("streams_follow_a_list", tests, NULL, NULL);
}
