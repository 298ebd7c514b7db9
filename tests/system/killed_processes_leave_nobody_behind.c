/* SPDX-License-Identifier: ISC */
/*
 * Several processes over one file, killed and started again while publishers publish
 * and clients poll through all of them: nobody is answered with an older state than the
 * one he knows, and everybody ends on the last one.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "pool.h"

#define PROCESSES 4
#define PUBLISHERS 4
#define RESOURCES 10

static struct stack stack;
static struct pool pool;
static struct clients clients;
static uint64_t *known; /* by each client */
static size_t served;
static _Atomic bool stopping;
static pthread_t publishers[PUBLISHERS];

static uint64_t publish(int resource, int number)
{
    char path[64], body[32], value[256];
    uint64_t index = 0;
    snprintf(path, sizeof path, "/publish/r/%d", resource);
    snprintf(body, sizeof body, "%d", number);
    struct answer answer = http(&(struct http){.port = stack.port,
                                               .method = "PUT",
                                               .path = path,
                                               .headers = {"Content-Type: text/plain"},
                                               .body = body});
    if (answer.status == 201 || answer.status == 204)
        index = strtoull(answer_header(&answer, "X-Polling-Index", value), NULL, 10);
    answer_free(&answer);
    return index;
}

static void *run_publisher(void *context)
{
    unsigned seed = (unsigned)(uintptr_t)context;
    for (int number = 1; !atomic_load(&stopping); number++) {
        publish(rand_r(&seed) % RESOURCES, (int)(seed % 1000) * 1000 + number);
        sleep_ms(rand_r(&seed) % 20);
    }
    return NULL;
}

static size_t resource_of(size_t client)
{
    return client % RESOURCES;
}

/* What came, and the next question. */
static void poll_again(size_t i)
{
    struct client *client = &clients.clients[i];
    char path[96];
    if (client->status == 200 || client->status == 304 || client->status == 404) {
        uint64_t index = strtoull(client->index, NULL, 10);
        must(index >= known[i], "client %zu knew %llu and was answered with %llu", i,
             (unsigned long long)known[i], (unsigned long long)index);
        known[i] = index;
        served++;
    } else if (client->status != 0 && client->status != 502 && client->status != 504) {
        must(false, "client %zu got %ld", i, client->status);
    }
    snprintf(path, sizeof path, "/r/%zu?index=%llu&wait=50s", resource_of(i),
             (unsigned long long)known[i]);
    client_ask(&clients, client, path);
}

static void turn(int milliseconds)
{
    for (double end = seconds_now() + milliseconds / 1000.0; seconds_now() < end;) {
        clients_turn(&clients, 10);
        for (size_t i = 0; i < clients.count; i++)
            if (clients.clients[i].state != CLIENT_ASKING)
                poll_again(i);
    }
}

static bool all_know(const uint64_t newest[RESOURCES])
{
    for (size_t i = 0; i < clients.count; i++)
        if (known[i] != newest[resource_of(i)])
            return false;
    return true;
}

static void everybody_ends_on_the_last_state(void **state)
{
    int kills = full_or(5, 20);
    size_t count = (size_t)full_or(100, 1000);
    uint64_t newest[RESOURCES];
    (void)state;
    stack_start(&stack, NULL);
    pool_open(&pool, &stack, NULL, PROCESSES, "full");
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_create(&publishers[i], NULL, run_publisher, (void *)(uintptr_t)(i + 1));
    known = calloc(count, sizeof *known);
    clients_open(&clients, stack.port, count);
    turn(300);
    for (int i = 0; i < kills; i++) {
        size_t which = (size_t)rand() % PROCESSES;
        turn(50 + rand() % 200);
        pool_kill(&pool, which);
        turn(rand() % 100);
        pool_start(&pool, which);
    }
    turn(300);
    atomic_store(&stopping, true);
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_join(publishers[i], NULL);
    for (int i = 0; i < RESOURCES; i++)
        while ((newest[i] = publish(i, -i - 1)) == 0)
            sleep_ms(10);
    for (double start = seconds_now(); !all_know(newest); turn(20))
        must(seconds_now() - start < 20, "somebody ended on an old state");
    printf("%d kills among %d processes, %zu clients answered %zu times\n", kills,
           PROCESSES, count, served);
    clients_close(&clients);
    pool_close(&pool);
    stack_stop(&stack);
    free(known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everybody_ends_on_the_last_state),
    };
    return cmocka_run_group_tests_name("killed_processes_leave_nobody_behind", tests,
                                       NULL, NULL);
}
