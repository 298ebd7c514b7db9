/* SPDX-License-Identifier: ISC */
/* Streams of one resource, as server-sent events and as lines, through nginx as it is:
 * the state at once, each newer one, deletion, resuming, heartbeat and end. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "http.h"
#include "must.h"
#include "reader.h"
#include "stack.h"

#define EVENTS "Accept: text/event-stream"
#define LINES "Accept: application/x-ndjson"

static const struct stack_options quick = {
    .config = "stream = { max = \"3s\"; heartbeat = \"1s\"; };"};
static const struct stack_options no_streams = {.location =
                                                    "fastcgi_param FCGIWAIT_STREAM off;"};
static const struct stack_options for_a_while = {
    .location = "fastcgi_param FCGIWAIT_EXPIRES $arg_until;"};
static const struct stack_options behind_origin = {
    .location = "fastcgi_param FCGIWAIT_ORIGIN /_origin;"};
static const struct stack_options few = {.config = "max_waiting = 2;"};
static const struct stack_options impatient = {.config =
                                                   "stream = { heartbeat = \"1s\"; };"};

static void open_stream(const struct stack *stack, struct reader *reader,
                        const char *path, const char *accept, const char *header)
{
    reader_open(reader, stack->port, NULL, path, (const char *[]){accept, header, NULL},
                0);
    must(reader->status == 200, "status %d", reader->status);
}

static void must_have_header(const struct reader *reader, const char *name,
                             const char *value)
{
    char out[256];
    assert_string_equal(reader_header(reader, name, out), value);
}

static void the_state_comes_at_once_and_then_each_newer_one(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char index[24];
    http_put(stack->port, "/a", "{\"n\":1}", index);
    open_stream(stack, &reader, "/a", EVENTS, NULL);
    must_have_header(&reader, "Content-Type", "text/event-stream");
    must_have_header(&reader, "Cache-Control", "no-store");
    must_have_header(&reader, "X-Polling-Index", index);
    must_have_header(&reader, "Content-Length", "");
    must_have_header(&reader, "ETag", "");
    reader_must_have(&reader, "id: %s\ndata: {\"n\":1}", index);
    await_waiting(stack, 1);
    assert_int_equal(stack_status(stack, "streams"), 1);
    http_put(stack->port, "/a", "{\n  \"n\": 2\n}", index);
    reader_must_have(&reader, "id: %s\ndata: {\ndata:   \"n\": 2\ndata: }", index);
    http_put(stack->port, "/b", "1", NULL);
    http_publish(stack->port, "DELETE", "/a", index);
    reader_must_have(&reader, "event: missing\nid: %s\ndata: {\"index\": %s}", index);
    http_put(stack->port, "/a", "3", index);
    reader_must_have(&reader, "id: %s\ndata: 3", index);
    http_publish(stack->port, "POST", "/a", index); /* a touch: the same once more */
    reader_must_have(&reader, "id: %s\ndata: 3", index);
    assert_true(reader_is_quiet(&reader, 50));
    reader_close(&reader);
    await_waiting(stack, 0);
    await_status(stack, "streams", 0);
}

/* So that `onopen` fires. */
static void there_may_be_nothing_to_say(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char index[24], header[64];
    http_put(stack->port, "/a", "1", index);
    snprintf(header, sizeof header, "Last-Event-ID: %s", index);
    open_stream(stack, &reader, "/a", EVENTS, header);
    const char *opening = reader_take(&reader, "\n\n");
    unsigned retry;
    must(sscanf(opening, ":\nretry: %u", &retry) == 1 && retry >= 1000 && retry <= 3000,
         "it opens with %s", opening);
    assert_true(reader_is_quiet(&reader, 50));
    reader_close(&reader);
    open_stream(stack, &reader, "/a", LINES, header);
    assert_string_equal(reader_take(&reader, "\n"), "");
    http_put(stack->port, "/a", "2", index);
    must(strstr(reader_take(&reader, "\n"), index) != NULL, "another line");
    reader_close(&reader);
}

static void a_missing_resource_can_be_streamed(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char index[24];
    open_stream(stack, &reader, "/none", EVENTS, NULL);
    reader_must_have(&reader, "event: missing\nid: 0\ndata: {\"index\": 0}", "");
    http_put(stack->port, "/none", "\"now\"", index);
    reader_must_have(&reader, "id: %s\ndata: \"now\"", index);
    reader_close(&reader);
}

static void lines_are_objects_with_the_path(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char index[24], expected[256];
    http_put(stack->port, "/a", "{\n\"n\": 1}", index);
    open_stream(stack, &reader, "/a", LINES, NULL);
    must_have_header(&reader, "Content-Type", "application/x-ndjson");
    assert_string_equal(reader_take(&reader, "\n"), "");
    snprintf(expected, sizeof expected,
             "{\"path\":\"/a\",\"index\":%s,\"type\":\"application/json\",\"document\":{ "
             "\"n\": 1}}",
             index);
    assert_string_equal(reader_take(&reader, "\n"), expected);
    http_publish(stack->port, "DELETE", "/a", index);
    snprintf(expected, sizeof expected, "{\"path\":\"/a\",\"index\":%s,\"deleted\":true}",
             index);
    assert_string_equal(reader_take(&reader, "\n"), expected);
    reader_close(&reader);
}

/* --- resuming --- */

static void the_index_says_what_the_client_has(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char old[24], index[24], newer[24], path[64], last[64], prefer[64];
    http_put(stack->port, "/a", "1", old);
    http_put(stack->port, "/a", "2", index);
    http_put(stack->port, "/b", "3", newer); /* good for /a, too */
    const struct {
        const char *last, *query, *prefer;
        bool has;
    } rows[] = {
        {index, NULL, NULL, true},
        {newer, NULL, NULL, true},
        {NULL, index, NULL, true},
        {NULL, NULL, index, true},
        {index, old, old, true},
        {NULL, index, old, true},
        {old, index, index, false},
        {NULL, old, index, false},
        {old, NULL, NULL, false},
        {"x", NULL, NULL, false},
        {"x", index, NULL, false},
        {NULL, NULL, "0", false},
        {"9007199254740000", NULL, NULL, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        snprintf(path, sizeof path, "/a%s%s", rows[i].query ? "?index=" : "",
                 rows[i].query ? rows[i].query : "");
        snprintf(last, sizeof last, "Last-Event-ID: %s",
                 rows[i].last ? rows[i].last : "");
        snprintf(prefer, sizeof prefer, "Prefer: index=%s",
                 rows[i].prefer ? rows[i].prefer : "");
        const char *headers[] = {EVENTS, rows[i].last ? last : "X: y",
                                 rows[i].prefer ? prefer : "X: z", NULL};
        reader_open(&reader, stack->port, NULL, path, headers, 0);
        if (rows[i].has != reader_is_quiet(&reader, rows[i].has ? 30 : 10000))
            fail_msg("row %zu", i);
        if (!rows[i].has)
            reader_must_have(&reader, "id: %s\ndata: 2", index);
        reader_close(&reader);
    }
}

static void who_comes_back_misses_nothing(void **state)
{
    struct stack *stack = *state;
    struct reader reader;
    char index[24] = "", header[64];
    http_put(stack->port, "/a", "0", index);
    for (int i = 1; i < 4; i++) {
        char body[8], expected[32];
        snprintf(header, sizeof header, "Last-Event-ID: %s", index);
        snprintf(body, sizeof body, "%d", i);
        snprintf(expected, sizeof expected, "id: %%s\ndata: %d", i);
        if (i % 2 == 1) {
            http_put(stack->port, "/a", body, index); /* while it was away */
            open_stream(stack, &reader, "/a", EVENTS, header);
        } else {
            stack_end_fcgiwait(stack);
            stack_start_fcgiwait(stack);
            open_stream(stack, &reader, "/a", EVENTS, header);
            assert_true(reader_is_quiet(&reader, 30));
            http_put(stack->port, "/a", body, index);
        }
        reader_must_have(&reader, expected, index);
        assert_true(reader_is_quiet(&reader, 30));
        reader_close(&reader);
    }
}

/* --- which answers are streams --- */

static void a_get_that_names_none_stays_a_long_poll(void **state)
{
    static const struct {
        const char *accept, *type;
    } rows[] = {
        {"*/*", "application/json"},
        {"application/json, text/event-stream;q=0.5", "application/json"},
        {"text/event-stream;q=0.5, */*", "application/json"},
        {"text/event-stream, application/json;q=0.5", "text/event-stream"},
        {"text/event-stream;q=0.5, image/png", "text/event-stream"},
        {"application/x-ndjson, text/event-stream;q=0.9", "application/x-ndjson"},
    };
    const struct stack *stack = *state;
    http_put(stack->port, "/a", "1", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct reader reader;
        char header[128], type[256];
        snprintf(header, sizeof header, "Accept: %s", rows[i].accept);
        open_stream(stack, &reader, "/a", header, NULL);
        if (strcmp(reader_header(&reader, "Content-Type", type), rows[i].type) != 0)
            fail_msg("%s: %s", rows[i].accept, type);
        reader_close(&reader);
    }
}

static void head_has_the_head_alone(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char index[24];
    http_put(stack->port, "/a", "1", index);
    reader_open(&reader, stack->port, "HEAD", "/a", (const char *[]){EVENTS, NULL}, 0);
    assert_int_equal(reader.status, 200);
    must_have_header(&reader, "Content-Type", "text/event-stream");
    must_have_header(&reader, "X-Polling-Index", index);
    assert_int_equal(stack_status(stack, "streams"), 0);
    reader_close(&reader);
}

static void a_location_may_give_none(void **state)
{
    const struct stack *stack = *state;
    struct answer answer;
    static const char *const refused[] = {
        EVENTS, LINES, "Accept: text/event-stream, application/x-ndjson",
        "Accept: text/event-stream, */*;q=0", "Accept: text/event-stream, text/*"};
    static const char *const taken[] = {
        "Accept: text/event-stream, application/json",
        "Accept: text/event-stream, */*;q=0.1",
        "Accept: text/event-stream, application/*;q=0.001",
        "Accept: application/x-ndjson, application/json;q=0.5",
        "Accept: application/json, text/event-stream;q=0.5"};
    static const char *const methods[] = {"GET", "HEAD"};
    http_put(stack->port, "/a", "1", NULL);
    for (size_t i = 0; i < 10; i++) {
        struct http asked = {.port = stack->port,
                             .method = methods[i / 5],
                             .path = "/a",
                             .headers = {refused[i % 5]}};
        answer = http(&asked);
        assert_int_equal(answer.status, 406);
        answer_must_have(&answer, "Content-Type", "application/problem+json");
        answer_free(&answer);
        asked.headers[0] = taken[i % 5];
        answer = http(&asked);
        assert_int_equal(answer.status, 200);
        answer_must_have(&answer, "Content-Type", "application/json");
        answer_free(&answer);
    }
}

static void what_is_no_text_has_no_events(void **state)
{
    const struct stack *stack = *state;
    const struct http put = {.port = stack->port,
                             .method = "PUT",
                             .path = "/publish/a",
                             .headers = {"Content-Type: image/png"},
                             .body = "\x89PNG",
                             .body_len = 4};
    struct reader reader;
    char index[24];
    struct answer answer = http(&put);
    assert_int_equal(answer.status, 201);
    answer_free(&answer);
    answer = http_get(stack->port, "/a", EVENTS);
    assert_int_equal(answer.status, 406);
    answer_free(&answer);
    answer = http_get(stack->port, "/a", "Accept: text/event-stream, image/*");
    assert_int_equal(answer.status, 200);
    answer_must_have(&answer, "Content-Type", "image/png");
    answer_free(&answer);
    for (int i = 0; i < 2; i++) {
        open_stream(stack, &reader, "/a",
                    i == 0 ? LINES
                           : "Accept: text/event-stream, application/x-ndjson;q=0.5",
                    NULL);
        reader_take(&reader, "\n");
        must(strstr(reader_take(&reader, "\n"),
                    "\"encoding\":\"base64\",\"document\":\"iVBORw==\"") != NULL,
             "another line");
        reader_close(&reader);
    }
    http_put(stack->port, "/a", "1", index);
    open_stream(stack, &reader, "/a", EVENTS, NULL);
    reader_must_have(&reader, "id: %s\ndata: 1", index);
    answer = http(&put); /* it becomes none: who comes back is told so */
    answer_free(&answer);
    assert_true(reader_ends(&reader));
    reader_close(&reader);
}

/* --- behind an origin --- */

static void behind_an_origin_a_notice_says_what_changed(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char index[24], expected[128];
    open_stream(stack, &reader, "/posts", EVENTS, NULL);
    must(strstr(reader_event(&reader), "data: {\"path\":\"/posts\",\"index\":") != NULL,
         "another event");
    http_publish(stack->port, "POST", "/posts/1", index); /* a member of the list */
    reader_must_have(&reader, "id: %s\ndata: {\"path\":\"/posts\",\"index\":%s}", index);
    http_publish(stack->port, "POST", "/comments/1", NULL);
    assert_true(reader_is_quiet(&reader, 50));
    reader_close(&reader);
    open_stream(stack, &reader, "/posts?q=1", LINES, NULL);
    reader_take(&reader, "\n");
    snprintf(expected, sizeof expected, "{\"path\":\"/posts\",\"index\":%s}", index);
    assert_string_equal(reader_take(&reader, "\n"), expected);
    reader_close(&reader);
}

/* --- heartbeat, end, places --- */

struct life {
    int beats;
    double pause, last, all; /* the longest, up to the last beat, and to the end */
};

static struct life life_of_stream(const struct stack *stack)
{
    struct life life = {.beats = 0};
    struct reader reader;
    double start = seconds_now();
    open_stream(stack, &reader, "/a", EVENTS, NULL);
    for (const char *block; (block = reader_take(&reader, "\n\n")) != NULL;) {
        double now = seconds_now() - start;
        life.pause = now - life.last > life.pause ? now - life.last : life.pause;
        life.last = now;
        life.beats += strcmp(block, ":") == 0;
    }
    life.all = seconds_now() - start;
    reader_close(&reader);
    printf("%d beats, %.2f s apart at most, up to %.2f s of %.2f\n", life.beats,
           life.pause, life.last, life.all);
    return life;
}

/* A machine that stands still may cost one of several a beat. */
static void heartbeats_come_and_the_stream_ends_by_itself(void **state)
{
    const struct stack *stack = *state;
    bool good = false;
    http_put(stack->port, "/a", "1", NULL);
    for (int i = 0; i < 3 && !good; i++) {
        struct life life = life_of_stream(stack);
        assert_true(life.all > 2.6 && life.all < 20 && life.beats <= 4);
        good = life.beats >= 2 && life.pause < 2.5 && life.last > 1.5;
    }
    assert_true(good);
    await_waiting(stack, 0);
}

static void a_deadline_ends_it(void **state)
{
    const struct stack *stack = *state;
    struct reader reader;
    char path[64], index[24];
    http_put(stack->port, "/a", "1", index);
    snprintf(path, sizeof path, "/a?until=%lld", (long long)time(NULL) + 3);
    double start = seconds_now();
    open_stream(stack, &reader, path, EVENTS, NULL);
    reader_must_have(&reader, "id: %s\ndata: 1", index);
    assert_true(reader_ends(&reader));
    must(seconds_now() - start > 0.5 && seconds_now() - start < 20, "at another time");
    reader_close(&reader);
    open_stream(stack, &reader, "/a?until=1", EVENTS, NULL); /* long ago */
    reader_must_have(&reader, "id: %s\ndata: 1", index);
    assert_true(reader_ends(&reader));
    reader_close(&reader);
}

static void the_stop_ends_them_all(void **state)
{
    struct stack *stack = *state;
    struct reader readers[20];
    char index[24];
    http_put(stack->port, "/a", "1", index);
    for (int i = 0; i < 20; i++) {
        open_stream(stack, &readers[i], "/a", i % 2 == 0 ? EVENTS : LINES, NULL);
        reader_take(&readers[i], i % 2 == 0 ? "data: 1\n\n" : "}\n");
    }
    await_waiting(stack, 20);
    assert_int_equal(stack_end_fcgiwait(stack), 0);
    for (int i = 0; i < 20; i++) {
        assert_null(reader_take(&readers[i], "data"));
        reader_close(&readers[i]);
    }
    stack_start_fcgiwait(stack);
}

static void streams_take_places(void **state)
{
    const struct stack *stack = *state;
    struct reader readers[2];
    for (int i = 0; i < 2; i++)
        open_stream(stack, &readers[i], "/a", EVENTS, NULL);
    struct answer answer = http_get(stack->port, "/a", EVENTS);
    assert_int_equal(answer.status, 503);
    answer_free(&answer);
    reader_close(&readers[0]);
    await_waiting(stack, 1);
    open_stream(stack, &readers[0], "/a", EVENTS, NULL);
    reader_close(&readers[0]);
    reader_close(&readers[1]);
    await_waiting(stack, 0);
}

static void hang_ups_are_noticed_at_once(void **state)
{
    const struct stack *stack = *state;
    struct reader readers[50];
    for (int i = 0; i < 50; i++)
        open_stream(stack, &readers[i], "/a", EVENTS, NULL);
    await_waiting(stack, 50);
    double start = seconds_now();
    for (int i = 0; i < 50; i++)
        reader_close(&readers[i]);
    await_waiting(stack, 0);
    must(seconds_now() - start < 5, "they were noticed late");
}

/* --- slow clients --- */

#define LARGE 400000 /* more than all sockets on the way hold */

static void put_large(const struct stack *stack, int number, char index[24])
{
    static char body[LARGE + 32];
    int len = snprintf(body, sizeof body, "[%d,\"", number);
    memset(body + len, 'x', LARGE);
    strcpy(body + len + LARGE, "\"]");
    assert_true(http_put(stack->port, "/a", body, index) < 300);
}

/* The one that is being sent, and then the newest: nothing in between. */
static void a_slow_client_gets_the_newest_state_and_delays_nobody(void **state)
{
    const struct stack *stack = *state;
    struct reader slow, fast;
    char index[24];
    const char *event;
    int number, heard = 0;
    put_large(stack, 0, index);
    reader_open(&slow, stack->port, NULL, "/a", (const char *[]){EVENTS, NULL}, 4096);
    open_stream(stack, &fast, "/a", EVENTS, NULL);
    reader_event(&fast);
    for (int i = 1; i <= 50; i++) {
        put_large(stack, i, index);
        event = reader_event(&fast);
        must(event != NULL && sscanf(event, "id: %*s\ndata: [%d", &number) == 1 &&
                 number == i,
             "the fast one misses %d", i);
    }
    while ((event = reader_event(&slow)) != NULL) {
        must(sscanf(event, "id: %*s\ndata: [%d", &number) == 1, "no number");
        assert_int_equal(event[strlen(event) - 1], ']'); /* whole */
        heard++;
        if (number == 50)
            break;
    }
    must(event != NULL && heard <= 40, "%d states were heard", heard);
    assert_true(reader_is_quiet(&slow, 50));
    reader_close(&slow);
    reader_close(&fast);
}

static void who_takes_nothing_is_ended(void **state)
{
    const struct stack *stack = *state;
    struct reader slow;
    char index[24];
    put_large(stack, 0, index);
    reader_open(&slow, stack->port, NULL, "/a", (const char *[]){EVENTS, NULL}, 4096);
    for (int i = 1; stack_status(stack, "streams") > 0; i++) {
        must(i < 600, "it is kept");
        if (i < 20)
            put_large(stack, i, index);
        sleep_ms(50);
    }
    assert_int_equal(stack_status(stack, "streams_stalled"), 1);
    await_waiting(stack, 0);
    reader_close(&slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(the_state_comes_at_once_and_then_each_newer_one, NULL),
        stack_test(there_may_be_nothing_to_say, NULL),
        stack_test(a_missing_resource_can_be_streamed, NULL),
        stack_test(lines_are_objects_with_the_path, NULL),
        stack_test(the_index_says_what_the_client_has, NULL),
        cmocka_unit_test_setup_teardown(who_comes_back_misses_nothing, stack_setup_sqlite,
                                        stack_teardown),
        stack_test(a_get_that_names_none_stays_a_long_poll, NULL),
        stack_test(head_has_the_head_alone, NULL),
        stack_test(a_location_may_give_none, &no_streams),
        stack_test(what_is_no_text_has_no_events, NULL),
        stack_test(behind_an_origin_a_notice_says_what_changed, &behind_origin),
        stack_test(heartbeats_come_and_the_stream_ends_by_itself, &quick),
        stack_test(a_deadline_ends_it, &for_a_while),
        stack_test(the_stop_ends_them_all, NULL),
        stack_test(streams_take_places, &few),
        stack_test(hang_ups_are_noticed_at_once, NULL),
        stack_test(a_slow_client_gets_the_newest_state_and_delays_nobody, NULL),
        stack_test(who_takes_nothing_is_ended, &impatient),
    };
    return cmocka_run_group_tests_name("streams_tell_each_newest_state", tests, NULL,
                                       NULL);
}
