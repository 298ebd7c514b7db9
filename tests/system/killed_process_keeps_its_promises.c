/* SPDX-License-Identifier: ISC */
/*
 * kill -9 at random moments, with publishers all around: what was answered is there
 * after the next start, under the index that was told; no index comes twice, none is
 * lower than one that was told before.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "must.h"
#include "pool.h"
#include "store_rig.h"

#define PUBLISHERS 16

/* One publish that was answered: the document at /p/PUBLISHER/NUMBER is the number. */
struct entry {
    uint64_t index;
    int number;
};

struct publisher {
    pthread_t thread;
    int which;
    pthread_mutex_t lock; /* guards what follows */
    struct entry *entries;
    size_t count, room;
    struct entry last; /* of /last/PUBLISHER, which is overwritten each time */
};

static struct stack stack;
static struct pool pool;
static struct publisher publishers[PUBLISHERS];
static _Atomic bool stopping;
static _Atomic uint64_t newest_told; /* index, to any publisher */
static const char *wrong;            /* what a publisher saw go wrong */

/* --- publishing --- */

static void tell(uint64_t index)
{
    uint64_t newest = atomic_load(&newest_told);
    while (index > newest && !atomic_compare_exchange_weak(&newest_told, &newest, index))
        ;
}

static void note(struct publisher *publisher, struct entry entry, bool last)
{
    pthread_mutex_lock(&publisher->lock);
    if (last)
        publisher->last = entry;
    if (publisher->count == publisher->room) {
        publisher->room = publisher->room * 2 + 1000;
        publisher->entries =
            realloc(publisher->entries, publisher->room * sizeof *publisher->entries);
    }
    if (last)
        entry.number = 0; /* its document will be another one */
    publisher->entries[publisher->count++] = entry;
    pthread_mutex_unlock(&publisher->lock);
}

static void publish(struct publisher *publisher, int number)
{
    char path[64], body[32], value[256];
    bool last = number % 4 == 0;
    if (last)
        snprintf(path, sizeof path, "/publish/last/%d", publisher->which);
    else
        snprintf(path, sizeof path, "/publish/p/%d/%d", publisher->which, number);
    snprintf(body, sizeof body, "%d", number);
    uint64_t floor = atomic_load(&newest_told);
    struct answer answer = http(&(struct http){.port = stack.port,
                                               .method = "PUT",
                                               .path = path,
                                               .headers = {"Content-Type: text/plain"},
                                               .body = body});
    if (answer.status == 201 || answer.status == 204) {
        uint64_t index =
            strtoull(answer_header(&answer, "X-Polling-Index", value), NULL, 10);
        if (index <= floor)
            wrong = "an index is not above one that was told before";
        tell(index);
        note(publisher, (struct entry){index, number}, last);
    } else if (answer.status != 502 && answer.status != 504) {
        wrong = "an answer that is neither a success nor nginx's for a process that died";
    }
    answer_free(&answer);
}

static void *run_publisher(void *context)
{
    for (int number = 1; !atomic_load(&stopping); number++)
        publish(context, number);
    return NULL;
}

/* --- looking --- */

/* Through nginx: the newest of each publisher. */
static void must_have_the_newest(void)
{
    for (int i = 0; i < PUBLISHERS; i++) {
        struct entry entry = {0};
        pthread_mutex_lock(&publishers[i].lock);
        for (size_t at = publishers[i].count; at > 0 && entry.number == 0; at--)
            entry = publishers[i].entries[at - 1];
        pthread_mutex_unlock(&publishers[i].lock);
        if (entry.number == 0)
            continue;
        char path[64], value[256];
        snprintf(path, sizeof path, "/p/%d/%d", i, entry.number);
        struct answer answer = http_get(stack.port, path, NULL);
        must(answer.status == 200 && atoi(answer.body) == entry.number &&
                 strtoull(answer_header(&answer, "X-Polling-Index", value), NULL, 10) ==
                     entry.index,
             "%s, told with index %llu: %ld, %s", path, (unsigned long long)entry.index,
             answer.status, value);
        answer_free(&answer);
    }
}

static int by_index(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;
    return (one > other) - (one < other);
}

static size_t must_have_told_each_index_once(void)
{
    size_t count = 0, at = 0;
    for (int i = 0; i < PUBLISHERS; i++)
        count += publishers[i].count;
    uint64_t *told = calloc(count + 1, sizeof *told);
    for (int i = 0; i < PUBLISHERS; i++)
        for (size_t j = 0; j < publishers[i].count; j++)
            told[at++] = publishers[i].entries[j].index;
    qsort(told, count, sizeof *told, by_index);
    for (size_t i = 1; i < count; i++)
        must(told[i] != told[i - 1], "index %llu was given twice",
             (unsigned long long)told[i]);
    free(told);
    return count;
}

/* In the file: all that was ever told. */
static void must_have_all(void)
{
    struct store_rig store_rig;
    char path[64], body[32];
    store_rig_open(&store_rig,
                   &(struct store_options){.type = "sqlite", .file = pool.file});
    for (int i = 0; i < PUBLISHERS; i++) {
        const struct publisher *publisher = &publishers[i];
        for (size_t j = 0; j < publisher->count; j++) {
            struct entry entry = publisher->entries[j];
            if (entry.number == 0)
                continue;
            snprintf(path, sizeof path, "/p/%d/%d", i, entry.number);
            uint64_t index = store_rig_look(&store_rig, path, body, sizeof body);
            must(index == entry.index && atoi(body) == entry.number,
                 "%s, told with index %llu: %llu, \"%s\"", path,
                 (unsigned long long)entry.index, (unsigned long long)index, body);
        }
        /* One after it may have gone through without an answer. */
        snprintf(path, sizeof path, "/last/%d", i);
        uint64_t index = store_rig_look(&store_rig, path, body, sizeof body);
        must(index >= publisher->last.index && atoi(body) >= publisher->last.number,
             "%s went back", path);
        must(index != publisher->last.index || atoi(body) == publisher->last.number,
             "%s has another document", path);
    }
    store_rig_close(&store_rig);
}

/* --- killing --- */

static void kill_and_look(const char *sync, int rounds)
{
    stack_start(&stack,
                &(struct stack_options){.config = "limits = { resources = 10000000; };"});
    pool_open(&pool, &stack, NULL, 1, sync);
    atomic_store(&stopping, false);
    atomic_store(&newest_told, 0);
    for (int i = 0; i < PUBLISHERS; i++) {
        publishers[i] = (struct publisher){.which = i};
        pthread_mutex_init(&publishers[i].lock, NULL);
        pthread_create(&publishers[i].thread, NULL, run_publisher, &publishers[i]);
    }
    for (int round = 0; round < rounds; round++) {
        sleep_ms(5 + rand() % 100);
        pool_kill(&pool, 0);
        pool_start(&pool, 0);
        must_have_the_newest();
    }
    sleep_ms(100);
    atomic_store(&stopping, true);
    for (int i = 0; i < PUBLISHERS; i++)
        pthread_join(publishers[i].thread, NULL);
    must(wrong == NULL, "%s", wrong);
    pool_close(&pool);
    size_t count = must_have_told_each_index_once();
    must_have_all();
    printf("%s: killed %d times, %zu publishes answered, all there\n", sync, rounds,
           count);
    stack_stop(&stack);
    for (int i = 0; i < PUBLISHERS; i++)
        free(publishers[i].entries);
}

static void nothing_that_was_answered_is_lost_under_full(void **state)
{
    (void)state;
    kill_and_look("full", full_or(8, 200));
}

static void nothing_that_was_answered_is_lost_under_normal(void **state)
{
    (void)state;
    kill_and_look("normal", full_or(8, 200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_that_was_answered_is_lost_under_full),
        cmocka_unit_test(nothing_that_was_answered_is_lost_under_normal),
    };
    return cmocka_run_group_tests_name("killed_process_keeps_its_promises", tests, NULL,
                                       NULL);
}
