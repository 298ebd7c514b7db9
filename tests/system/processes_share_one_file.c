/* SPDX-License-Identifier: ISC */
/* spawn-fcgi -F 4: clients can't tell that there are several processes. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "stack.h"

#define PROCESSES 4
#define CLIENTS 200
#define ROUNDS 100

static struct stack stack;
static pid_t pids[PROCESSES];

static void read_pids(const char *file)
{
    FILE *pid_file = fopen(file, "r");
    must(pid_file != NULL, "%s", file);
    for (int i = 0; i < PROCESSES; i++)
        must(fscanf(pid_file, "%d", &pids[i]) == 1, "only %d processes", i);
    fclose(pid_file);
}

static void spawn(void)
{
    char config[128], file[160], pid_file[128];
    stack_path(&stack, "fcgiwait.conf", config);
    stack_path(&stack, "pids", pid_file);
    snprintf(file, sizeof file, "store.file=%s/store.db", stack.dir);
    const char *const argv[] = {"spawn-fcgi",
                                "-s",
                                stack.socket,
                                "-F",
                                "4",
                                "-P",
                                pid_file,
                                "--",
                                getenv("FCGIWAIT"),
                                "-c",
                                config,
                                "-o",
                                "store.type=sqlite",
                                "-o",
                                file,
                                NULL};
    unlink(stack.socket);
    pid_t spawner = stack_run(&stack, "spawn-fcgi.log", argv);
    int status = -1;
    must(waitpid(spawner, &status, 0) == spawner && status == 0, "see %s", stack.dir);
    read_pids(pid_file);
}

static int start(void **state)
{
    (void)state;
    stack_start(&stack, &(struct stack_options){.no_keepalive = true});
    assert_int_equal(stack_end_fcgiwait(&stack), 0);
    stack.fcgiwait = 0;
    spawn();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < PROCESSES; i++)
        if (pids[i] > 0)
            kill(pids[i], SIGTERM);
    for (int i = 0; i < PROCESSES; i++)
        for (double start = seconds_now(); pids[i] > 0 && kill(pids[i], 0) == 0;
             sleep_ms(10))
            must(seconds_now() - start < 60, "a process does not end");
    stack_stop(&stack);
    return 0;
}

static void a_get_after_an_answered_publish_sees_it(void **state)
{
    char body[32], index[24], value[256];
    (void)state;
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(body, sizeof body, "%d", i);
        long status = http_put(stack.port, "/a", body, index);
        must(status == 201 || status == 204, "%ld", status);
        for (int j = 0; j < PROCESSES; j++) { /* a new connection each: to any process */
            struct answer answer = http_get(stack.port, "/a", NULL);
            assert_string_equal(answer.body, body);
            assert_string_equal(answer_header(&answer, "X-Polling-Index", value), index);
            answer_free(&answer);
        }
    }
}

static void a_publish_wakes_who_waits_at_any_of_them(void **state)
{
    struct clients clients;
    char path[96], index[24], next[24];
    (void)state;
    http_put(stack.port, "/b", "0", index);
    clients_open(&clients, stack.port, CLIENTS);
    for (int i = 1; i <= 20; i++) {
        char body[16];
        snprintf(path, sizeof path, "/b?index=%s&wait=60s", index);
        snprintf(body, sizeof body, "%d", i);
        clients_ask(&clients, path);
        clients_turn(&clients, 50);
        assert_int_equal(http_put(stack.port, "/b", body, next), 204);
        double start = seconds_now();
        clients_await(&clients);
        must(seconds_now() - start < 20, "some were not woken");
        for (size_t j = 0; j < clients.count; j++)
            assert_string_equal(clients.clients[j].index, next);
        memcpy(index, next, sizeof index);
    }
    assert_int_equal(clients.answers[200], 20 * CLIENTS);
    clients_close(&clients);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_get_after_an_answered_publish_sees_it),
        cmocka_unit_test(a_publish_wakes_who_waits_at_any_of_them),
    };
    return cmocka_run_group_tests_name("processes_share_one_file", tests, start, stop);
}
