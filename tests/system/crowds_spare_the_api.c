/* SPDX-License-Identifier: ISC */
/*
 * json-server behind rest-api.conf, and many clients.
 *
 * FCGIWAIT_FULL=1 in the environment makes the crowds ten times as large, and the long
 * test last for a minute.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "rest_api.h"

#define WRITES_A_SECOND 50
#define POSTS_MOST 500
#define CATCH_UP 60.0 /* seconds that the last answers may take */

struct scale {
    size_t clients, posts;
    double seconds;
};

static struct scale scale(void)
{
    static const struct scale small = {200, 50, 10}, full = {2000, POSTS_MOST, 60};
    return getenv("FCGIWAIT_FULL") != NULL ? full : small;
}

static void ask(struct clients *clients, struct client *client, const char *path)
{
    char url[128];
    snprintf(url, sizeof url, "%s?index=%s&wait=50", path, client->index);
    client_ask(clients, client, url);
}

static void must_be_good(const struct client *client)
{
    must(client->status == 200 || client->status == 304, "answered with %ld",
         client->status);
}

/* --- one change --- */

/* All that it was asked for until now: a line of another path is behind them. */
static size_t gets_so_far(const struct rest_api *api)
{
    static int mark = 1;
    char path[32], line[40], index[24];
    snprintf(path, sizeof path, "/posts/%d", ++mark);
    snprintf(line, sizeof line, "GET %s ", path);
    rest_index(api, path, index);
    await_requests(api, line, 1);
    return rest_requests(api, "GET /posts/1 ");
}

static size_t gets_of_one_write(const struct rest_api *api, int version)
{
    struct clients clients;
    size_t count = scale().clients;
    char index[24], json[32], told[32];
    snprintf(json, sizeof json, "{\"version\":%d}", version);
    snprintf(told, sizeof told, "\"version\": %d", version);
    rest_index(api, "/posts/1", index);
    size_t before = gets_so_far(api);
    clients_open(&clients, api->stack.port, count);
    for (size_t i = 0; i < count; i++) {
        snprintf(clients.clients[i].index, sizeof index, "%s", index);
        ask(&clients, &clients.clients[i], "/posts/1");
    }
    await_waiting(&api->stack, (long long)count);
    assert_int_equal(rest_write(api, "PUT", "/posts/1", json), 200);
    clients_await(&clients);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(clients.clients[i].status, 200);
        assert_non_null(strstr(clients.clients[i].inbox, told));
        assert_string_not_equal(clients.clients[i].index, index);
    }
    clients_close(&clients);
    size_t gets = gets_so_far(api) - before;
    print_message("%zu clients, %zu GETs\n", count, gets);
    return gets;
}

/* The best of some: nginx lets a second GET go where a machine is so busy that the first
 * takes a second. */
static void one_write_for_a_crowd_is_few_gets_for_the_api(void **state)
{
    size_t fewest = SIZE_MAX;
    for (int version = 1; version <= 5 && fewest > 3; version++) {
        size_t gets = gets_of_one_write(*state, version);
        fewest = gets < fewest ? gets : fewest;
    }
    assert_in_range(fewest, 1, 3);
}

/* --- many changes --- */

struct writer {
    pthread_t thread;
    const struct rest_api *api;
    struct scale scale;
    int versions[POSTS_MOST + 1]; /* by id; the main thread's once it has joined */
    size_t writes;
    _Atomic bool done;
};

static void *write_on(void *context)
{
    struct writer *writer = context;
    char path[64], json[64];
    double start = seconds_now(), end = writer->scale.seconds;
    double least = end * WRITES_A_SECOND / 2; /* a busy machine has longer for them */
    for (double now; (now = seconds_now() - start) < end + CATCH_UP &&
                     (now < end || (double)writer->writes <= least);) {
        double early = (double)writer->writes / WRITES_A_SECOND - now;
        if (early > 0) {
            sleep_ms((long)(early * 1000) + 1);
            continue;
        }
        size_t id = writer->writes * 7 % writer->scale.posts + 1;
        snprintf(path, sizeof path, "/posts/%zu", id);
        snprintf(json, sizeof json, "{\"version\":%d}", writer->versions[id] + 1);
        if (rest_write(writer->api, "PUT", path, json) != 200)
            break;
        writer->versions[id]++;
        writer->writes++;
    }
    atomic_store(&writer->done, true);
    return NULL;
}

static int version_in(const struct client *client)
{
    const char *at = strstr(client->inbox, "\"version\": ");
    must(at != NULL, "no version in %s", client->inbox);
    return atoi(at + strlen("\"version\": "));
}

struct reader {
    size_t id;
    int version;
};

/* Takes in the answers that have come, and asks again. */
static void follow(struct clients *clients, struct reader *readers)
{
    char path[64];
    clients_turn(clients, 20);
    for (size_t i = 0; i < clients->count; i++) {
        struct client *client = &clients->clients[i];
        if (client->state == CLIENT_ASKING)
            continue;
        if (client->status != 0) {
            must_be_good(client);
            int version = client->status == 200 ? version_in(client) : readers[i].version;
            must(version >= readers[i].version, "post %zu went back from %d to %d",
                 readers[i].id, readers[i].version, version);
            readers[i].version = version;
        }
        snprintf(path, sizeof path, "/posts/%zu", readers[i].id);
        ask(clients, client, path);
    }
}

static size_t behind(const struct clients *clients, const struct reader *readers,
                     const struct writer *writer)
{
    size_t count = 0;
    for (size_t i = 0; i < clients->count; i++)
        count += readers[i].version != writer->versions[readers[i].id];
    return count;
}

static void clients_follow_the_api_and_never_go_back(void **state)
{
    struct rest_api *api = *state;
    static struct writer writer;
    struct clients clients;
    writer = (struct writer){.api = api, .scale = scale()};
    struct reader *readers = calloc(writer.scale.clients, sizeof *readers);
    for (size_t i = 0; i < writer.scale.clients; i++)
        readers[i].id = i % writer.scale.posts + 1;
    clients_open(&clients, api->stack.port, writer.scale.clients);
    must(pthread_create(&writer.thread, NULL, write_on, &writer) == 0, "pthread_create");
    while (!atomic_load(&writer.done))
        follow(&clients, readers);
    pthread_join(writer.thread, NULL);
    for (double start = seconds_now(); behind(&clients, readers, &writer) > 0;
         follow(&clients, readers))
        must(seconds_now() - start < CATCH_UP, "%zu clients never saw the final state",
             behind(&clients, readers, &writer));
    print_message("%zu writes, %zu times 200, %zu times 304, %zu GETs for the API\n",
                  writer.writes, clients.answers[200], clients.answers[304],
                  rest_requests(api, "GET "));
    assert_true((double)writer.writes > writer.scale.seconds * WRITES_A_SECOND / 2);
    assert_int_equal(clients.lost, 0);
    clients_close(&clients);
    free(readers);
}

int main(void)
{
    static const struct rest_options options = {.posts = POSTS_MOST};
    const struct CMUnitTest tests[] = {
        rest_test(one_write_for_a_crowd_is_few_gets_for_the_api, &options),
        rest_test(clients_follow_the_api_and_never_go_back, &options),
    };
    return cmocka_run_group_tests_name("crowds_spare_the_api", tests, NULL, NULL);
}
