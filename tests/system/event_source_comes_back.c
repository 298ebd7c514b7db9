/* SPDX-License-Identifier: ISC */
/* EventSource gives up for good after any answer but 200. rest-api.conf gives it one that
 * says when to come again, wherever it may ask, while fcgiwait is full or away. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "reader.h"
#include "rest_api.h"

/* Of the places that clients wait at, with the header that lets them in. */
static const struct place {
    const char *path, *header;
    bool counts_clients;
} places[] = {{"/posts/1", NULL, true},
              {"/changes/posts", NULL, true},
              {"/private/echo", "Authorization: Bearer good", false},
              {"/php/a", NULL, false},
              {"/files/a.json", NULL, false},
              {"/posts/1", "Host: one.tenants.example", false}};
#define PLACES (sizeof places / sizeof *places)
#define SERVERS_OWN (PLACES - 1) /* the tenants have a server of their own */

static struct answer ask_at(const struct rest_api *api, const struct place *place,
                            const char *path, const char *accept)
{
    return http(&(struct http){
        .port = api->stack.port, .path = path, .headers = {accept, place->header}});
}

static void must_come_again(const struct rest_api *api, const struct place *place)
{
    struct answer answer = ask_at(api, place, place->path, "Accept: text/event-stream");
    answer_must_have(&answer, "Content-Type", "text/event-stream");
    answer_must_be(answer, 200, "retry: 3");
}

static void must_be_refused(const struct rest_api *api, const struct place *place,
                            long status)
{
    char path[128], value[256];
    struct answer answer = ask_at(api, place, place->path, "Accept: */*");
    snprintf(path, sizeof path, "%s?wait=50&index=%.23s", place->path,
             answer_header(&answer, "X-Polling-Index", value));
    answer_free(&answer);
    answer = ask_at(api, place, path, "Accept: */*");
    answer_must_have(&answer, "Content-Type", "application/problem+json");
    answer_must_have(&answer, "Retry-After", "5");
    answer_must_be(answer, status, "requests are held");
}

/* With room for one, which is taken. It stays the same process: a connection that nginx
 * kept to another one would be found broken by a request. */
static void fill(const struct rest_api *api, struct reader *reader, const char *config)
{
    static const char done[] = "configuration read again";
    size_t before = stack_logged(&api->stack, done);
    stack_configure(&api->stack, config);
    kill(api->stack.fcgiwait, SIGHUP);
    for (double start = seconds_now(); stack_logged(&api->stack, done) == before;
         sleep_ms(5))
        must(seconds_now() - start < 60, "it does not read its configuration again");
    reader_open(reader, api->stack.port, NULL, "/posts/1",
                (const char *[]){"Accept: application/x-ndjson", NULL}, 0);
    await_waiting(&api->stack, 1);
}

static void leave(const struct rest_api *api, struct reader *reader)
{
    reader_close(reader);
    await_waiting(&api->stack, 0);
}

static void a_full_server_ends_no_event_source(void **state)
{
    struct rest_api *api = *state;
    struct reader reader;
    fill(api, &reader, "max_waiting = 1;");
    for (size_t i = 0; i < PLACES; i++) {
        must_come_again(api, &places[i]);
        must_be_refused(api, &places[i], 503);
    }
    leave(api, &reader);
    fill(api, &reader, "limits = { waiting_per_client = 1; };");
    for (size_t i = 0; i < PLACES; i++)
        if (places[i].counts_clients) {
            must_come_again(api, &places[i]);
            must_be_refused(api, &places[i], 429);
        }
    leave(api, &reader);
    stack_end_fcgiwait(&api->stack);
    for (size_t i = 0; i < PLACES; i++)
        must_come_again(api, &places[i]);
    stack_start_fcgiwait(&api->stack);
}

/* What stands around the pass holds within the braces, too. */
static void who_wants_events_is_let_in_no_other_way(void **state)
{
    struct rest_api *api = *state;
    static const char events[] = "Accept: text/event-stream";
    for (size_t i = 0; i < SERVERS_OWN; i++) {
        struct reader reader;
        char value[256];
        reader_open(&reader, api->stack.port, NULL, places[i].path,
                    (const char *[]){events, "Origin: https://app.example.com",
                                     places[i].header, NULL},
                    0);
        must(reader.status == 200, "%s: %d", places[i].path, reader.status);
        reader_header(&reader, "X-Accel-Buffering", value);
        must(strcmp(value, "no") == 0, "%s: %s", places[i].path, value);
        reader_header(&reader, "Access-Control-Allow-Origin", value);
        must(strlen(value) > 0, "%s: no page may", places[i].path);
        await_waiting(&api->stack, 1);
        leave(api, &reader);
    }
    answer_must_be(http_get(api->stack.port, "/private/echo", events), 401, "");
    answer_must_be(
        http(&(struct http){.port = api->stack.port,
                            .method = "PUT",
                            .path = "/posts/1",
                            .headers = {events, "Content-Type: application/json"},
                            .body = "{\"version\":1}"}),
        200, "");
}

#define TEST(name) rest_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_full_server_ends_no_event_source),
        TEST(who_wants_events_is_let_in_no_other_way),
    };
    return cmocka_run_group_tests_name("event_source_comes_back", tests, NULL, NULL);
}
