/* SPDX-License-Identifier: ISC */
/* Nobody waits behind a long answer. */
#include "fcgiwait/service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/telling.h"
#include "fcgiwait/thread.h"
#include "must.h"
#include "service_rig.h"

#define RESOURCES 200
#define CROWD 20

/* At the end of an answer the builder waits here, where it is to; nobody else. */
static _Atomic bool waits;
static _Atomic pthread_t waited;
static sem_t goes_on;
static pthread_t own;

void __real_telling_fit(struct telling *telling);
void __wrap_telling_fit(struct telling *telling);
void __wrap_telling_fit(struct telling *telling)
{
    __real_telling_fit(telling);
    if (!waits || pthread_equal(pthread_self(), own))
        return;
    waited = pthread_self();
    sem_wait(&goes_on);
}

static _Atomic bool no_thread;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*run)(void *), void *context)
{
    return no_thread ? 11 : __real_pthread_create(thread, attributes, run, context);
}

static struct cgi below(const char *query)
{
    return (struct cgi){.method = TEXT("GET"),
                        .script_name = TEXT("/l"),
                        .query = text_of(query),
                        .scope = TEXT("below")};
}

static void fill(struct service_rig *rig)
{
    for (int i = 0; i < RESOURCES; i++) {
        char path[16];
        snprintf(path, sizeof path, "/l/%d", i);
        service_rig_put(rig, path, "1");
    }
}

static void hold_builder(void)
{
    sem_init(&goes_on, 0, 0);
    own = pthread_self();
    waits = true;
}

static void let_builder_go(void)
{
    waits = false;
    for (int i = 0; i < 100; i++)
        sem_post(&goes_on);
}

static void others_are_answered_meanwhile(void **state)
{
    struct service_rig *rig = *state;
    static struct visit all, one, list;
    struct cgi cgi = below("");
    fill(rig);
    hold_builder();
    service_rig_serve(rig, &all, &cgi);
    assert_false(visit_is_answered(&all));
    struct cgi get = {.method = TEXT("GET"), .script_name = TEXT("/l/1")};
    assert_int_equal(service_rig_ask(rig, &one, &get), 200);
    cgi.query = TEXT("only=1,2");
    assert_int_equal(service_rig_ask(rig, &list, &cgi), 200);
    assert_false(visit_is_answered(&all));
    let_builder_go();
    assert_int_equal(visit_await(&all), 200);
    assert_false(pthread_equal(waited, pthread_self()));
}

static void wait_at(struct service_rig *rig, struct visit *visit, struct cgi *cgi,
                    uint64_t index)
{
    char query[64];
    snprintf(query, sizeof query, "index=%llu&wait=30s", (unsigned long long)index);
    cgi->query = text_of(query);
    service_rig_serve(rig, visit, cgi);
}

/* Each delivery once its answer is there, with the time that it took to build. */
static void must_be_counted(struct service_rig *rig, int count, nanos least)
{
    const struct histogram *delivery = &rig->counters.delivery;
    for (int i = 0; i < 6000 && (histogram_count(delivery) < count ||
                                 counter_read(&delivery->sum) < least);
         i++)
        thread_pause(10 * NANOS_PER_MS);
    assert_int_equal(histogram_count(delivery), count);
    assert_true(counter_read(&delivery->sum) >= least);
}

/* Who was woken, too: its worker has others to wake. */
static void a_worker_wakes_others_meanwhile(void **state)
{
    enum { EACH = 4 };
    struct service_rig *rig = *state;
    static struct visit first, all[EACH], other[EACH];
    struct cgi cgi = below("");
    struct cgi get = {.method = TEXT("GET"), .script_name = TEXT("/o")};
    char *large = calloc(1, 100001);
    must(large != NULL, "no memory");
    memset(large, 'x', 100000);
    fill(rig);
    service_rig_put(rig, "/o", "1");
    for (int i = 0; i < EACH; i++) {
        wait_at(rig, &all[i], &cgi, service_rig_index(rig, "/l", SCOPE_WITHIN));
        wait_at(rig, &other[i], &get, service_rig_index(rig, "/o", SCOPE_SELF));
    }
    hold_builder();
    cgi.query = TEXT("");
    service_rig_serve(rig, &first, &cgi);
    service_rig_put(rig, "/l/1", large);
    nanos published = clock_wall();
    service_rig_put(rig, "/o", "2");
    for (int i = 0; i < EACH; i++)
        assert_int_equal(visit_await(&other[i]), 200);
    for (int i = 0; i < EACH; i++)
        assert_false(visit_is_answered(&all[i]));
    thread_pause(50 * NANOS_PER_MS);
    nanos held = clock_wall() - published;
    let_builder_go();
    for (int i = 0; i < EACH; i++) {
        assert_int_equal(visit_await(&all[i]), 200);
        assert_true(all[i].body_len > 100000);
    }
    assert_int_equal(visit_await(&first), 200);
    must_be_counted(rig, 2 * EACH, EACH * held);
    free(large);
}

static void many_who_ask_for_the_same_are_told_by_one(void **state)
{
    struct service_rig *rig = *state;
    static struct visit crowd[CROWD];
    struct cgi cgi = below("");
    fill(rig);
    int64_t before = counter_read(&rig->counters.feeds_built);
    hold_builder();
    for (int i = 0; i < CROWD; i++)
        service_rig_serve(rig, &crowd[i], &cgi);
    let_builder_go();
    for (int i = 0; i < CROWD; i++) {
        assert_int_equal(visit_await(&crowd[i]), 200);
        assert_true(crowd[i].body_len == crowd[0].body_len && crowd[0].body_len > 5000);
    }
    assert_int_equal(counter_read(&rig->counters.feeds_built) - before, 1);
}

static void at_the_stop_all_are_answered(void **state)
{
    struct service_rig *rig = *state;
    static struct visit crowd[CROWD], late;
    static char queries[CROWD][32];
    fill(rig);
    for (int i = 0; i < CROWD; i++) { /* none is the same as another */
        snprintf(queries[i], sizeof queries[i], "index=%d&wait=0", i + 1);
        struct cgi cgi = below(queries[i]);
        service_rig_serve(rig, &crowd[i], &cgi);
    }
    service_stop(rig->service);
    for (int i = 0; i < CROWD; i++) {
        assert_true(visit_is_answered(&crowd[i]));
        assert_int_equal(visit_await(&crowd[i]), 200);
    }
    struct cgi cgi = below("");
    assert_int_equal(service_rig_ask(rig, &late, &cgi), 200);
}

static void without_a_thread_they_are_built_at_once(void **state)
{
    static struct visit visit;
    struct cgi cgi = below("");
    fill(*state);
    no_thread = true;
    assert_int_equal(service_rig_ask(*state, &visit, &cgi), 200);
    no_thread = false;
    assert_true(visit.body_len > 5000);
}

int main(void)
{
    static struct service_rules plenty;
    plenty = service_rig_rules;
    plenty.limit_changes = 1000;
    plenty.limit_answer = 8388608;
    plenty.limit_body = 200000;
    const struct CMUnitTest tests[] = {
        service_rig_test(others_are_answered_meanwhile, &plenty),
        service_rig_test(a_worker_wakes_others_meanwhile, &plenty),
        service_rig_test(many_who_ask_for_the_same_are_told_by_one, &plenty),
        service_rig_test(at_the_stop_all_are_answered, &plenty),
        service_rig_test(without_a_thread_they_are_built_at_once, &plenty),
    };
    return cmocka_run_group_tests_name("service/builder", tests, NULL, NULL);
}
