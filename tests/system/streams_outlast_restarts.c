/* SPDX-License-Identifier: ISC */
/* Streams and what happens around them: restarts under load, reloads, timeouts on the
 * way, silence. Each client comes back, and misses and repeats nothing. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "pool.h"
#include "proc.h"
#include "reader.h"

#define EVENTS "Accept: text/event-stream"
#define RESOURCES 10

struct follower {
    struct reader reader;
    char path[16], id[24];
    int number; /* of the last state that it heard */
};

static void follow(const struct stack *stack, struct follower *follower)
{
    char header[64];
    snprintf(header, sizeof header, "Last-Event-ID: %s", follower->id);
    reader_open(&follower->reader, stack->port, NULL, follower->path,
                (const char *[]){EVENTS, header, NULL}, 0);
    must(follower->reader.status == 200, "status %d", follower->reader.status);
}

/* False: the stream has ended. */
static bool hear(struct follower *follower)
{
    char id[24];
    int number;
    const char *event = reader_event(&follower->reader);
    if (event == NULL)
        return false;
    must(sscanf(event, "id: %23s\ndata: %d", id, &number) == 2, "it says %s", event);
    must(strtoull(id, NULL, 10) > strtoull(follower->id, NULL, 10) &&
             number > follower->number,
         "%s: %d (%s) after %d (%s)", follower->path, number, id, follower->number,
         follower->id);
    follower->number = number;
    strcpy(follower->id, id);
    return true;
}

/* --- restarts --- */

static struct stack stack;
static struct pool pool;
static _Atomic bool stopping;
static _Atomic int published;

static void publish(int number)
{
    char path[32], body[32];
    snprintf(path, sizeof path, "/r/%d", number % RESOURCES);
    snprintf(body, sizeof body, "%d", number);
    long status = http_put(stack.port, path, body, NULL);
    must(status == 201 || status == 204, "a publisher saw %ld", status);
    atomic_store(&published, number);
}

static void *run_publisher(void *context)
{
    (void)context;
    for (int number = atomic_load(&published); !atomic_load(&stopping); sleep_ms(5))
        publish(++number);
    return NULL;
}

/* The new one serves before the old one goes. */
static void replace(size_t old)
{
    pool_start(&pool, 1 - old);
    pool_end(&pool, old);
}

static void each_comes_back_and_misses_nothing(void **state)
{
    size_t count = (size_t)full_or(100, 2000);
    struct follower *followers = calloc(count, sizeof *followers);
    pthread_t publisher;
    (void)state;
    stack_start(&stack, NULL);
    pool_open(&pool, &stack, NULL, 2, "full");
    pool_end(&pool, 1);
    atomic_store(&stopping, false);
    atomic_store(&published, 0);
    for (int number = 1; number <= RESOURCES; number++)
        publish(number);
    for (size_t i = 0; i < count; i++) {
        snprintf(followers[i].path, sizeof followers[i].path, "/r/%zu", i % RESOURCES);
        follow(&stack, &followers[i]);
    }
    pthread_create(&publisher, NULL, run_publisher, NULL);
    for (size_t restarts = 0; restarts < 3; restarts++) {
        sleep_ms(100);
        replace(restarts % 2);
        for (size_t i = 0; i < count; i++) {
            while (hear(&followers[i]))
                ; /* up to its end */
            reader_close(&followers[i].reader);
            follow(&stack, &followers[i]);
        }
    }
    atomic_store(&stopping, true);
    pthread_join(publisher, NULL);
    int last = atomic_load(&published);
    for (size_t i = 0; i < count; i++) {
        int newest = last - ((last - (int)(i % RESOURCES)) % RESOURCES);
        while (followers[i].number < newest)
            must(hear(&followers[i]), "it ended before the last state");
        assert_true(reader_is_quiet(&followers[i].reader, 0));
        reader_close(&followers[i].reader);
    }
    printf("%zu streams, %d publishes\n", count, last);
    free(followers);
    pool_close(&pool);
    stack_stop(&stack);
}

/* --- hang-ups and silence --- */

static void hang_ups_free_their_descriptors(void **state)
{
    const struct stack *one = *state;
    size_t count = (size_t)full_or(200, 2000);
    struct follower *followers = calloc(count, sizeof *followers);
    size_t before = stack_descriptors(one);
    for (size_t i = 0; i < count; i++) {
        strcpy(followers[i].path, "/a");
        follow(one, &followers[i]);
    }
    await_waiting(one, (long long)count);
    assert_true(stack_descriptors(one) >= before + count);
    double start = seconds_now();
    for (size_t i = 0; i < count; i++)
        reader_close(&followers[i].reader);
    while (stack_descriptors(one) > before + 8) { /* nginx keeps some */
        must(seconds_now() - start < 30, "descriptors are left");
        sleep_ms(5);
    }
    printf("%zu descriptors came back within %.3f s\n", count, seconds_now() - start);
    await_waiting(one, 0);
    free(followers);
}

/* Between two heartbeats nobody wakes up. */
static void a_stream_that_says_nothing_wakes_nobody(void **state)
{
    const struct stack *one = *state;
    struct follower followers[50] = {0};
#ifdef __SANITIZE_THREAD__
    skip(); /* ThreadSanitizer has a thread of its own in the process, which ticks */
#endif
    for (size_t i = 0; i < 50; i++) {
        strcpy(followers[i].path, "/a");
        follow(one, &followers[i]);
    }
    await_waiting(one, 50);
    sleep_ms(500);
    assert_true(proc_sleeps(one->fcgiwait, 2000));
    for (size_t i = 0; i < 50; i++)
        reader_close(&followers[i].reader);
}

/* --- a reload --- */

static void must_beat(struct follower *follower, double within)
{
    double start = seconds_now();
    const char *block = reader_take(&follower->reader, ":\n\n");
    must(block != NULL && seconds_now() - start < within, "no heartbeat came");
}

static void heartbeat_and_end_change_on_sighup(void **state)
{
    struct stack *one = *state;
    struct follower old = {.path = "/a"}, new = {.path = "/a"};
    follow(one, &old);
    reader_event(&old.reader);
    stack_configure(one, "stream = { heartbeat = \"200ms\"; max = \"2s\"; };");
    kill(one->fcgiwait, SIGHUP);
    await_logged(one, "configuration read again");
    follow(one, &new);
    reader_event(&new.reader);
    must_beat(&new, 5);
    double start = seconds_now();
    assert_true(reader_ends(&new.reader));
    must(seconds_now() - start < 10, "it has no end");
    http_put(one->port, "/a", "1", NULL);
    assert_true(hear(&old));
    must_beat(&old,
              5); /* it lasts as long as it was promised, and beats as is told now */
    reader_close(&old.reader);
    reader_close(&new.reader);
}

/* --- a timeout on the way --- */

/* True: as what it is. */
static bool name_a_short_timeout(const struct stack *one)
{
    struct follower followers[6] = {0};
    double start = seconds_now();
    while (stack_logged(one, "of silence, again and again") == 0) {
        must(seconds_now() - start < 60, "nobody says so");
        for (size_t i = 0; i < 6; i++) {
            strcpy(followers[i].path, "/a");
            follow(one, &followers[i]);
            sleep_ms(50);
        }
        await_status(one, "streams", 0);
        for (size_t i = 0; i < 6; i++)
            reader_close(&followers[i].reader);
    }
    assert_int_equal(stack_logged(one, "stream.heartbeat has to be shorter"), 1);
    return stack_logged(one, "fastcgi_read_timeout of 1") == 1;
}

/* A machine that stands still makes it longer. */
static void a_timeout_below_the_heartbeat_is_named(void **state)
{
    struct stack *one = *state;
    bool named = name_a_short_timeout(one);
    for (int i = 0; i < 2 && !named; i++) {
        assert_int_equal(stack_end_fcgiwait(one), 0);
        stack_start_fcgiwait(one);
        named = name_a_short_timeout(one);
    }
    assert_true(named);
}

int main(void)
{
    static const struct stack_options rare = {.config =
                                                  "stream = { heartbeat = \"1h\"; };"};
    static const struct stack_options cut = {.location = "fastcgi_read_timeout 1s;"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_comes_back_and_misses_nothing),
        stack_test(hang_ups_free_their_descriptors, NULL),
        stack_test(a_stream_that_says_nothing_wakes_nobody, &rare),
        stack_test(heartbeat_and_end_change_on_sighup, &rare),
        stack_test(a_timeout_below_the_heartbeat_is_named, &cut),
    };
    return cmocka_run_group_tests_name("streams_outlast_restarts", tests, NULL, NULL);
}
