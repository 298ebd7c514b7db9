/* SPDX-License-Identifier: ISC */
/*
 * A new process on the same socket and SIGTERM to the old one, in either order, under
 * load: no client sees an error, whether nginx keeps its FastCGI connections or not, and
 * though it may not try anything twice (fastcgi_next_upstream off).
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"
#include "http.h"
#include "must.h"
#include "pool.h"

#define GETS_A_SECOND 200
#define RESOURCES 10

static struct stack stack;
static struct pool pool;
static struct clients waiting, getting;
static double next_get;
static size_t gets;
static _Atomic bool stopping;
static _Atomic size_t published;
static _Atomic long refused; /* a publisher's status that is no success */

static void *run_publisher(void *context)
{
    (void)context;
    for (int number = 0; !atomic_load(&stopping); number++) {
        char path[32], body[32];
        snprintf(path, sizeof path, "/r/%d", number % RESOURCES);
        snprintf(body, sizeof body, "%d", number);
        long status = number % 3 == 0 ? http_publish(stack.port, "POST", path, NULL)
                                      : http_put(stack.port, path, body, NULL);
        if (status != 201 && status != 204)
            atomic_store(&refused, status == 0 ? -1 : status);
        atomic_fetch_add(&published, 1);
        sleep_ms(100);
    }
    return NULL;
}

/* As clients do: each asks again with what it knows. */
static void wait_again(void)
{
    for (size_t i = 0; i < waiting.count; i++) {
        struct client *client = &waiting.clients[i];
        char path[96];
        if (client->state == CLIENT_ASKING)
            continue;
        snprintf(path, sizeof path, "/r/%zu?index=%s&wait=50s", i % RESOURCES,
                 client->index[0] != '\0' ? client->index : "0");
        client_ask(&waiting, client, path);
    }
}

static void get_in_time(void)
{
    for (; next_get <= seconds_now(); next_get += 1.0 / GETS_A_SECOND)
        for (size_t i = 0; i < getting.count; i++)
            if (getting.clients[i].state != CLIENT_ASKING) {
                client_ask(&getting, &getting.clients[i], "/r/1");
                gets++;
                break;
            }
}

static void turn(double seconds)
{
    for (double end = seconds_now() + seconds; seconds_now() < end;) {
        wait_again();
        get_in_time();
        clients_turn(&waiting, 1);
        clients_turn(&getting, 0);
    }
}

static bool has_ended(size_t which)
{
    return waitpid(pool.pids[which], NULL, WNOHANG | WNOWAIT) != 0;
}

/* The new one serves before the old one goes. */
static void replace(size_t old)
{
    size_t new = 1 - old;
    pool_spawn(&pool, new);
    while (!pool_serves(&pool, new))
        turn(0.01);
    kill(pool.pids[old], SIGTERM);
    double start = seconds_now();
    while (!has_ended(old))
        turn(0.01);
    must(seconds_now() - start < 20, "the old process took %.1f s to end",
         seconds_now() - start);
    pool_end(&pool, old);
}

/* The socket's queue holds who comes between the two. */
static void replace_one_after_the_other(size_t which)
{
    (void)which;
    kill(pool.pids[0], SIGTERM);
    while (!has_ended(0))
        turn(0.001);
    pool_end(&pool, 0);
    pool_spawn(&pool, 0);
    while (!pool_serves(&pool, 0))
        turn(0.001);
}

/* --- multiwatch: starts anew what has ended --- */

static pid_t watcher;

static bool read_children(pid_t children[2])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", watcher, watcher);
    FILE *file = fopen(path, "r");
    bool both = file != NULL && fscanf(file, "%d %d", &children[0], &children[1]) == 2;
    if (file != NULL)
        fclose(file);
    return both;
}

static size_t served_by_now(void)
{
    char path[128], line[1024];
    size_t count = 0;
    stack_path(&stack, "multiwatch.log", path);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        count += strstr(line, " serves,") != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

static void replace_a_watched_one(size_t which)
{
    pid_t children[2];
    size_t before = served_by_now();
    must(read_children(children), "multiwatch has not two children");
    kill(children[which % 2], SIGTERM);
    while (served_by_now() == before || !read_children(children))
        turn(0.01);
}

static void start_multiwatch(void)
{
    char file[160], config[128];
    stack_path(&stack, "fcgiwait.conf", config);
    snprintf(file, sizeof file, "store.file=%s", pool.file);
    const char *const argv[] = {"spawn-fcgi",
                                "-s",
                                stack.socket,
                                "-n",
                                "-b",
                                "4096",
                                "--",
                                "/usr/bin/env",
                                "multiwatch",
                                "-f",
                                "2",
                                "-t",
                                "100",
                                "--",
                                getenv("FCGIWAIT"),
                                "-c",
                                config,
                                "-o",
                                "store.type=sqlite",
                                "-o",
                                file,
                                NULL};
    pool_end(&pool, 0);
    unlink(stack.socket);
    watcher = stack_run(&stack, "multiwatch.log", argv);
    for (double start = seconds_now(); served_by_now() < 2; sleep_ms(10))
        must(seconds_now() - start < 60, "see %s/multiwatch.log", stack.dir);
}

static void end_multiwatch(void)
{
    must(stack_end(&watcher) == 0, "see %s/multiwatch.log", stack.dir);
}

static size_t errors(const struct clients *clients)
{
    size_t count = clients->lost;
    for (int status = 400; status < 600; status++)
        count += status != 404 ? clients->answers[status] : 0;
    return count;
}

/* It would have a word for each connection that did not end as it should. */
static void nginx_must_have_logged_nothing(void)
{
    char path[128], line[1024];
    stack_path(&stack, "error.log", path);
    FILE *file = fopen(path, "r");
    must(file != NULL, "%s", path);
    must(fgets(line, sizeof line, file) == NULL, "nginx: %s", line);
    fclose(file);
}

static void restart_under_load(const struct stack_options *options,
                               void (*restart)(size_t which))
{
    pthread_t publisher;
    int restarts = full_or(6, 20);
    stack_start(&stack, options);
    pool_open(&pool, &stack, NULL, 2, "full");
    pool_end(&pool, 1);
    if (restart == replace_a_watched_one)
        start_multiwatch();
    clients_open(&waiting, stack.port, (size_t)full_or(200, 2000));
    clients_open(&getting, stack.port, 100);
    atomic_store(&stopping, false);
    atomic_store(&published, 0);
    atomic_store(&refused, 0);
    pthread_create(&publisher, NULL, run_publisher, NULL);
    next_get = seconds_now();
    gets = 0;
    turn(0.5);
    for (int i = 0; i < restarts; i++) {
        restart((size_t)i % 2);
        turn(0.3);
    }
    atomic_store(&stopping, true);
    pthread_join(publisher, NULL);
    turn(0.5);
    printf("%d restarts, %zu waiting, %zu GETs, %zu publishes: %zu and %zu errors\n",
           restarts, waiting.count, gets, atomic_load(&published), errors(&waiting),
           errors(&getting));
    must(errors(&waiting) == 0 && errors(&getting) == 0, "clients saw errors");
    must(atomic_load(&refused) == 0, "a publisher saw %ld", atomic_load(&refused));
    nginx_must_have_logged_nothing();
    clients_close(&waiting);
    clients_close(&getting);
    if (restart == replace_a_watched_one)
        end_multiwatch();
    pool_close(&pool);
    stack_stop(&stack);
}

static void no_client_sees_an_error_with_kept_connections(void **state)
{
    (void)state;
    restart_under_load(&(struct stack_options){.no_keepalive = false}, replace);
}

static void no_client_sees_an_error_with_a_connection_each(void **state)
{
    (void)state;
    restart_under_load(&(struct stack_options){.no_keepalive = true}, replace);
}

static void no_client_sees_an_error_where_systemd_holds_the_socket(void **state)
{
    (void)state;
    restart_under_load(&(struct stack_options){.no_keepalive = false},
                       replace_one_after_the_other);
}

static void no_client_sees_an_error_under_multiwatch(void **state)
{
    (void)state;
    if (system("command -v multiwatch >/dev/null") != 0) {
        printf("multiwatch is not there\n");
        skip();
    }
    restart_under_load(&(struct stack_options){.no_keepalive = false},
                       replace_a_watched_one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_client_sees_an_error_with_kept_connections),
        cmocka_unit_test(no_client_sees_an_error_with_a_connection_each),
        cmocka_unit_test(no_client_sees_an_error_where_systemd_holds_the_socket),
        cmocka_unit_test(no_client_sees_an_error_under_multiwatch),
    };
    return cmocka_run_group_tests_name("restart_loses_no_request", tests, NULL, NULL);
}
