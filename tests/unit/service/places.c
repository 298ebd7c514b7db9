/* SPDX-License-Identifier: ISC */
/* How many are held at once, in all and for one client. */
#include "service/places.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"

static void the_last_place_is_the_last(void **state)
{
    static const struct places_limits limits = {3, 2};
    struct places places;
    struct place *a[2], *b, *none;
    (void)state;
    places_open(&places);
    assert_int_equal(places_take(&places, TEXT("a"), limits, &a[0]), PLACES_TAKEN);
    assert_int_equal(places_take(&places, TEXT("a"), limits, &a[1]), PLACES_TAKEN);
    assert_int_equal(places_take(&places, TEXT("a"), limits, &none), PLACES_CLIENT_FULL);
    assert_null(none);
    assert_int_equal(places_take(&places, TEXT("a\0"), limits, &b), PLACES_TAKEN);
    assert_int_equal(places_take(&places, TEXT("c"), limits, &none), PLACES_FULL);
    places_leave(&places, &a[0]);
    assert_null(a[0]);
    assert_int_equal(places_take(&places, TEXT("a"), limits, &a[0]), PLACES_TAKEN);
    places_leave(&places, &a[0]);
    places_leave(&places, &a[1]);
    places_leave(&places, &b);
    assert_int_equal(atomic_load(&places.taken), 0);
    assert_null(places.clients); /* nobody is remembered */
    places_dispose(&places);
}

static void who_is_not_told_is_not_counted(void **state)
{
    struct places places;
    struct place *place;
    (void)state;
    places_open(&places);
    for (int i = 0; i < 5; i++) {
        struct places_limits one = {100, 1}, off = {100, 0};
        assert_int_equal(places_take(&places, TEXT(""), one, &place), PLACES_TAKEN);
        assert_null(place);
        assert_int_equal(places_take(&places, TEXT("a"), off, &place), PLACES_TAKEN);
        assert_null(place);
    }
    assert_int_equal(atomic_load(&places.taken), 10);
    places_dispose(&places);
}

/* --- several threads --- */

#define THREADS 4
#define ROUNDS 20000

struct crowd {
    struct places places;
    _Atomic int inside, most;
};

static void *come_and_go(void *context)
{
    struct crowd *crowd = context;
    struct place *place;
    for (int i = 0; i < ROUNDS; i++) {
        if (places_take(&crowd->places, TEXT("a"), (struct places_limits){100, 2},
                        &place) != PLACES_TAKEN)
            continue;
        int inside = atomic_fetch_add(&crowd->inside, 1) + 1;
        if (inside > 2)
            atomic_store(&crowd->most, inside);
        atomic_fetch_sub(&crowd->inside, 1);
        places_leave(&crowd->places, &place);
    }
    return NULL;
}

static void many_threads_never_share_a_place(void **state)
{
    static struct crowd crowd;
    pthread_t threads[THREADS];
    (void)state;
    places_open(&crowd.places);
    for (int i = 0; i < THREADS; i++)
        must(pthread_create(&threads[i], NULL, come_and_go, &crowd) == 0, "no thread");
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&crowd.most), 0);
    assert_int_equal(atomic_load(&crowd.places.taken), 0);
    assert_null(crowd.places.clients);
    places_dispose(&crowd.places);
}

/* --- requests --- */

static struct cgi wait_of(const char *client)
{
    return (struct cgi){.method = TEXT("GET"),
                        .script_name = TEXT("/a"),
                        .query = TEXT("index=0&wait=50"),
                        .client = text_of(client)};
}

static void one_client_does_not_take_all_places(void **state)
{
    struct service_rules rules = service_rig_rules;
    struct service_rig service_rig;
    struct visit a[2], b, more;
    char value[256];
    (void)state;
    rules.waiting_per_client = 2;
    service_rig_open(&service_rig, &rules);
    struct cgi wait_a = wait_of("a"), wait_b = wait_of("b"), wait_any = wait_of("");
    service_rig_serve(&service_rig, &a[0], &wait_a);
    service_rig_serve(&service_rig, &a[1], &wait_a);
    assert_int_equal(service_rig_ask(&service_rig, &more, &wait_a), 429);
    assert_non_null(visit_header(&more, "Retry-After", value));
    assert_string_equal(visit_header(&more, "Content-Type", value),
                        "application/problem+json");
    assert_int_equal(counter_read(&service_rig.counters.refused_client), 1);
    assert_int_equal(counter_read(&service_rig.counters.waiting), 2);
    service_rig_serve(&service_rig, &b, &wait_b);
    assert_false(visit_is_answered(&b));
    /* What is not held needs no place. */
    wait_a.query = TEXT("");
    assert_int_equal(service_rig_ask(&service_rig, &more, &wait_a), 404);
    /* A place comes back by a hang-up, and by an answer. */
    wait_a = wait_of("a");
    assert_true(service_hangup(&a[0].request));
    service_rig_serve(&service_rig, &a[0], &wait_a);
    assert_false(visit_is_answered(&a[0]));
    service_rig_put(&service_rig, "/a", "1");
    visit_await(&a[0]);
    visit_await(&a[1]);
    visit_await(&b);
    struct visit any[3];
    wait_any.script_name = TEXT("/b");
    for (int i = 0; i < 3; i++) {
        service_rig_serve(&service_rig, &any[i], &wait_any);
        assert_false(visit_is_answered(&any[i]));
    }
    service_rig_drain(&service_rig);
    assert_int_equal(counter_read(&service_rig.counters.waiting), 0);
    service_rig_close(&service_rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_place_is_the_last),
        cmocka_unit_test(who_is_not_told_is_not_counted),
        cmocka_unit_test(many_threads_never_share_a_place),
        cmocka_unit_test(one_client_does_not_take_all_places),
    };
    return cmocka_run_group_tests_name("service/places", tests, NULL, NULL);
}
