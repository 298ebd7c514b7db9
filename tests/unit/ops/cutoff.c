/* SPDX-License-Identifier: ISC */
#include "fcgiwait/cutoff.h"

#include <stdbool.h>
#include <stdlib.h>

#include "must.h"

#define MS NANOS_PER_MS
#define S NANOS_PER_SECOND

static struct cutoff fresh(void)
{
    return (struct cutoff){0};
}

static struct instant at(nanos after_start)
{
    return (struct instant){1000 * S + after_start};
}

/* One client that is cut off after `span` each time, and comes back at once. */
static void a_timeout_is_told_once_a_minute(void **state)
{
    struct cutoff cutoff = fresh();
    nanos now = 0;
    int told = 0;
    (void)state;
    for (int i = 1; now < 185 * S; i++) {
        nanos late = (i * 37 % 240) * MS; /* as a busy machine notices */
        now += 5 * S + late;
        nanos span = cutoff_note(&cutoff, 5 * S + late, at(now));
        if (i < 5)
            assert_int_equal(span, 0);
        if (i == 5)
            assert_int_equal(span, 5 * S);
        told += span != 0;
    }
    assert_int_equal(told, 3);
}

static void it_is_told_in_tenths_of_a_second(void **state)
{
    struct cutoff cutoff = fresh();
    nanos span = 0;
    (void)state;
    for (int i = 1; i <= 5; i++)
        span = cutoff_note(&cutoff, 2540 * MS + i * MS, at(i * 3 * S));
    assert_int_equal(span, 2500 * MS);
}

/* Pages that are opened and left again, a button that is pressed twice. */
static void what_ends_at_once_is_nobodys_timeout(void **state)
{
    struct cutoff cutoff = fresh();
    (void)state;
    for (int i = 1; i <= 1000; i++)
        assert_int_equal(cutoff_note(&cutoff, 100 * MS, at(i * 200 * MS)), 0);
    for (int i = 1; i <= 5; i++) { /* and it hides none */
        assert_int_equal(cutoff_note(&cutoff, 100 * MS, at(300 * S + i * S)), 0);
        nanos span = cutoff_note(&cutoff, 1 * S - MS, at(300 * S + i * S));
        assert_int_equal(span, i < 5 ? 0 : 1 * S);
    }
}

static void some_who_leave_by_themselves_do_not_hide_it(void **state)
{
    struct cutoff cutoff = fresh();
    bool told = false;
    (void)state;
    for (int i = 1; i <= 20; i++) {
        nanos waited = i % 4 == 0 ? i * 400 * MS : 30 * S;
        told = cutoff_note(&cutoff, waited, at(i * 2 * S)) == 30 * S || told;
    }
    assert_true(told);
}

static void who_leaves_as_they_like_is_not_cut_off(void **state)
{
    (void)state;
    for (int seed = 1; seed <= 100; seed++) {
        struct cutoff cutoff = fresh();
        srand48(seed);
        for (int i = 1; i <= 1000; i++) {
            nanos waited = (nanos)(drand48() * (double)(15 * S)) + 1;
            assert_int_equal(cutoff_note(&cutoff, waited, at(i * 100 * MS)), 0);
        }
    }
}

/* The web server stops, and all who came after the last change go at once. */
static void all_who_go_at_once_are_not_cut_off(void **state)
{
    struct cutoff cutoff = fresh();
    (void)state;
    for (int i = 0; i < 1000; i++)
        assert_int_equal(cutoff_note(&cutoff, 7 * S + i * MS / 10, at(i * MS)), 0);
}

static void what_is_long_ago_counts_no_more(void **state)
{
    struct cutoff cutoff = fresh();
    (void)state;
    for (int i = 1; i <= 4; i++)
        assert_int_equal(cutoff_note(&cutoff, 5 * S, at(i * 5 * S)), 0);
    assert_int_equal(cutoff_note(&cutoff, 5 * S, at(3600 * S)), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_timeout_is_told_once_a_minute),
        cmocka_unit_test(it_is_told_in_tenths_of_a_second),
        cmocka_unit_test(what_ends_at_once_is_nobodys_timeout),
        cmocka_unit_test(some_who_leave_by_themselves_do_not_hide_it),
        cmocka_unit_test(who_leaves_as_they_like_is_not_cut_off),
        cmocka_unit_test(all_who_go_at_once_are_not_cut_off),
        cmocka_unit_test(what_is_long_ago_counts_no_more),
    };
    return cmocka_run_group_tests_name("ops/cutoff", tests, NULL, NULL);
}
