/* SPDX-License-Identifier: ISC */
/*
 * Everything at once: waiters, publishes, hang-ups, expiries, reloads, and a shutdown in
 * the middle. For the sanitizer builds above all: stack_stop() fails on their reports.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define CLIENTS 200
#define PATIENT 50 /* they wait for what nobody publishes */
#define PUBLISHERS 4
#define RESOURCES 6
#define SECONDS 3.0

struct storm {
    struct stack *stack;
    struct clients clients, patient;
    struct call *publishers[PUBLISHERS];
    struct call *watcher; /* asks for the status, all the time */
    unsigned seed;
    size_t published;
};

static unsigned chance(struct storm *storm, unsigned of)
{
    storm->seed = storm->seed * 1103515245 + 12345;
    return (storm->seed >> 16) % of;
}

static void ask_again(struct storm *storm, struct client *client)
{
    char path[96];
    const char *index = client->index[0] != '\0' ? client->index : "0";
    snprintf(path, sizeof path, "/r/%zu?index=%s&wait=%ums",
             (size_t)(client - storm->clients.clients) % RESOURCES, index,
             chance(storm, 400));
    client_ask(&storm->clients, client, path);
}

static void blow_on_clients(struct storm *storm)
{
    for (size_t i = 0; i < storm->clients.count; i++)
        if (storm->clients.clients[i].state != CLIENT_ASKING)
            ask_again(storm, &storm->clients.clients[i]);
    for (int i = 0; i < 3; i++)
        client_hang_up(
            &storm->clients,
            &storm->clients.clients[chance(storm, (unsigned)storm->clients.count)]);
}

static struct call *publish(struct storm *storm)
{
    static const char *const methods[] = {"PUT", "PUT", "POST", "DELETE"};
    static const char *const bodies[] = {"one", "another"};
    char path[64];
    const char *method = methods[chance(storm, 4)];
    snprintf(path, sizeof path, "/publish/r/%u", chance(storm, RESOURCES));
    return call_start(
        &(struct http){.port = storm->stack->port,
                       .method = method,
                       .path = path,
                       .headers = {"Content-Type: text/plain"},
                       .body = method[1] == 'U' ? bodies[chance(storm, 2)] : NULL});
}

static void blow_on_publishers(struct storm *storm)
{
    for (int i = 0; i < PUBLISHERS; i++) {
        if (!call_done(storm->publishers[i]))
            continue;
        struct answer answer = call_join(storm->publishers[i]);
        must(answer.status == 201 || answer.status == 204 || answer.status == 404,
             "a publish got %ld", answer.status);
        storm->published++;
        answer_free(&answer);
        storm->publishers[i] = publish(storm);
    }
}

static struct call *watch(struct storm *storm)
{
    return call_start(
        &(struct http){.port = storm->stack->port, .path = "/fcgiwait/metrics"});
}

static void blow_on_watcher(struct storm *storm)
{
    if (!call_done(storm->watcher))
        return;
    struct answer answer = call_join(storm->watcher);
    assert_int_equal(answer.status, 200);
    answer_free(&answer);
    if (chance(storm, 20) == 0)
        kill(storm->stack->fcgiwait, SIGHUP);
    storm->watcher = watch(storm);
}

static void begin(struct storm *storm)
{
    clients_open(&storm->patient, storm->stack->port, PATIENT);
    clients_ask(&storm->patient, "/quiet?index=0&wait=50");
    await_waiting(storm->stack, PATIENT);
    clients_open(&storm->clients, storm->stack->port, CLIENTS);
    for (int i = 0; i < PUBLISHERS; i++)
        storm->publishers[i] = publish(storm);
    storm->watcher = watch(storm);
}

/* Requests that come after the signal may find nobody: nginx says 502. */
static void end(struct storm *storm)
{
    kill(storm->stack->fcgiwait, SIGTERM);
    clients_await(&storm->patient);
    clients_await(&storm->clients);
    for (int i = 0; i <= PUBLISHERS; i++) {
        struct answer answer =
            call_join(i < PUBLISHERS ? storm->publishers[i] : storm->watcher);
        assert_true(answer.status != 0);
        answer_free(&answer);
    }
}

static bool has_blown(const struct storm *storm)
{
    const size_t *answers = storm->clients.answers;
    return storm->published > 0 && answers[200] > 0 && answers[304] > 0;
}

static void nobody_is_left_without_an_answer(void **state)
{
    static struct storm storm;
    storm = (struct storm){.stack = *state, .seed = 7};
    begin(&storm);
    const size_t *answers = storm.clients.answers;
    for (double start = seconds_now();
         seconds_now() - start < SECONDS ||
         (!has_blown(&storm) && seconds_now() - start < 20 * SECONDS);) {
        blow_on_clients(&storm);
        blow_on_publishers(&storm);
        blow_on_watcher(&storm);
        clients_turn(&storm.clients, 10);
    }
    print_message("%zu publishes; %zu 200, %zu 304, %zu 404\n", storm.published,
                  answers[200], answers[304], answers[404]);
    assert_true(has_blown(&storm));
    assert_int_equal(answers[502], 0);
    end(&storm);
    assert_int_equal(storm.patient.answers[304], PATIENT);
    assert_int_equal(storm.clients.lost + storm.patient.lost, 0);
    assert_int_equal(stack_wait_fcgiwait(storm.stack), 0);
    clients_close(&storm.clients);
    clients_close(&storm.patient);
}

#define CONFIG "threads = 4; wait = { jitter = 0.2; };"

static const struct stack_options memory = {.config = CONFIG};
static const struct stack_options sqlite = {.config = CONFIG, .sqlite = true};

int main(void)
{
    const struct CMUnitTest tests[] = {
        stack_test(nobody_is_left_without_an_answer, &memory),
        stack_test(nobody_is_left_without_an_answer, &sqlite),
    };
    return cmocka_run_group_tests_name("storm_ends_in_order", tests, NULL, NULL);
}
