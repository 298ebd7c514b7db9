/* SPDX-License-Identifier: ISC */
/* What the waiting room promises to those who wait. */
#include "fcgiwait/room.h"

#include <pthread.h>
#include <stdlib.h>

#include "room_rig.h"
#include "must.h"

#define LONG (600 * NANOS_PER_SECOND) /* longer than any test runs */
#define SHORT (20 * NANOS_PER_MS)

static void a_change_ends_the_wait(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest, other;
    room_rig_stay(room_rig, &guest, "/a", LONG);
    room_rig_stay(room_rig, &other, "/b", LONG);
    assert_false(guest_is_answered(&guest));
    room_rig_change(room_rig, "/a");
    guest_await(&guest, VERDICT_CHANGED);
    assert_int_equal(guest.news, 1);
    assert_false(guest_is_answered(&other));
    room_rig_change(room_rig, "/b");
    guest_await(&other, VERDICT_CHANGED);
}

static void a_wait_that_runs_out_ends_unchanged(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    struct instant begin = clock_now();
    room_rig_stay(room_rig, &guest, "/a", SHORT);
    guest_await(&guest, VERDICT_EXPIRED);
    assert_int_equal(guest.news, 0);
    assert_true(clock_now().at - begin.at >= SHORT / 2); /* a little early is fine */
}

static void nobody_waits_for_what_has_happened(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_change(room_rig, "/a");
    assert_int_equal(room_rig_park(room_rig, &guest, "/a", SCOPE_SELF, 0, LONG),
                     ROOM_MOVED);
    assert_int_equal(room_rig_park(room_rig, &guest, "/a", SCOPE_SELF, 2, LONG),
                     ROOM_MOVED);
    assert_int_equal(room_rig_park(room_rig, &guest, "/a", SCOPE_BELOW, 0, LONG),
                     ROOM_MOVED);
    assert_int_equal(room_rig_park(room_rig, &guest, "/a", SCOPE_SELF, 1, LONG),
                     ROOM_PARKED);
    assert_true(room_leave(room_rig->room, &guest.waiter));
}

static void who_leaves_is_not_answered(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_stay(room_rig, &guest, "/a", LONG);
    assert_true(room_leave(room_rig->room, &guest.waiter));
    assert_false(room_leave(room_rig->room, &guest.waiter));
    room_rig_change(room_rig, "/a");
    assert_false(guest_is_answered(&guest));
    room_rig_stay(room_rig, &guest, "/a", LONG); /* and can come again */
    room_rig_change(room_rig, "/a");
    guest_await(&guest, VERDICT_CHANGED);
}

static void who_was_answered_cannot_leave(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_stay(room_rig, &guest, "/a", 0);
    guest_await(&guest, VERDICT_EXPIRED);
    assert_false(room_leave(room_rig->room, &guest.waiter));
}

/* Whichever worker sleeps, and until when: it is woken for the earlier one. */
static void a_shorter_wait_is_not_held_up_by_a_longer(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest longer[3], shorter[3];
    for (int i = 0; i < 3; i++)
        room_rig_stay(room_rig, &longer[i], "/a", LONG);
    for (int i = 0; i < 3; i++)
        room_rig_stay(room_rig, &shorter[i], "/a", SHORT);
    for (int i = 0; i < 3; i++)
        guest_await(&shorter[i], VERDICT_EXPIRED);
    for (int i = 0; i < 3; i++)
        assert_true(room_leave(room_rig->room, &longer[i].waiter));
}

static void a_wait_without_end_is_ended_by_a_change(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_stay(room_rig, &guest, "/a", INT64_MAX);
    assert_true(guest.waiter.deadline.at == INSTANT_NEVER.at);
    room_rig_change(room_rig, "/a");
    guest_await(&guest, VERDICT_CHANGED);
}

/* More than a worker takes at a time. */
static void everybody_in_a_waitlist_is_answered_once(void **state)
{
    enum { WAITLIST = 1000 };
    struct room_rig *room_rig = *state;
    struct guest *guests = calloc(WAITLIST, sizeof *guests);
    must(guests != NULL, "no memory");
    for (int i = 0; i < WAITLIST; i++)
        room_rig_stay(room_rig, &guests[i], "/a", LONG);
    room_rig_change(room_rig, "/a");
    for (int i = 0; i < WAITLIST; i++) {
        guest_await(&guests[i], VERDICT_CHANGED);
        assert_int_equal(guests[i].news, 1);
    }
    free(guests);
}

static void both_scopes_are_rung_for_by_one_change(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest self, below, list;
    room_rig_stay(room_rig, &self, "/a/b", LONG);
    assert_int_equal(room_rig_park(room_rig, &below, "/a/b", SCOPE_BELOW, 0, LONG),
                     ROOM_PARKED);
    assert_int_equal(room_rig_park(room_rig, &list, "/", SCOPE_BELOW, 0, LONG),
                     ROOM_PARKED);
    room_rig_change(room_rig, "/a/b");
    guest_await(&self, VERDICT_CHANGED);
    guest_await(&below, VERDICT_CHANGED);
    guest_await(&list, VERDICT_CHANGED);
}

/* --- the stop --- */

static void the_stop_ends_every_wait(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guests[10], late;
    for (int i = 0; i < 10; i++)
        room_rig_stay(room_rig, &guests[i], "/a", LONG);
    room_drain(room_rig->room, 0);
    for (int i = 0; i < 10; i++) {
        assert_true(guest_is_answered(&guests[i])); /* when the drain returns */
        guest_await(&guests[i], VERDICT_STOPPING);
    }
    assert_int_equal(room_rig_park(room_rig, &late, "/a", SCOPE_SELF, 0, LONG),
                     ROOM_STOPPING);
    room_rig_change(room_rig, "/a"); /* and nobody is there to hear it */
    room_close(&room_rig->room);
    assert_null(room_rig->room);
    tree_free(&room_rig->tree);
    room_rig_open(room_rig, 3);
}

struct stop {
    struct room_rig *room_rig;
    nanos span;
};

static void *drain(void *context)
{
    struct stop *stop = context;
    room_drain(stop->room_rig->room, stop->span);
    return NULL;
}

/* While a stop takes its time, changes and hang-ups go on. */
static void a_stop_that_is_spread_still_hears_changes(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest changed, gone, late;
    struct stop stop = {room_rig, LONG};
    pthread_t thread;
    /* The first of each worker goes at once: the spread begins with it. */
    struct guest first[3];
    for (int i = 0; i < 3; i++)
        room_rig_stay(room_rig, &first[i], "/first", LONG - NANOS_PER_SECOND);
    room_rig_stay(room_rig, &changed, "/a", LONG);
    room_rig_stay(room_rig, &gone, "/b", LONG);
    must(pthread_create(&thread, NULL, drain, &stop) == 0, "no thread");
    for (int i = 0; i < 3; i++)
        guest_await(&first[i], VERDICT_STOPPING);
    assert_int_equal(room_rig_park(room_rig, &late, "/a", SCOPE_SELF, 0, LONG),
                     ROOM_STOPPING);
    room_rig_change(room_rig, "/a");
    guest_await(&changed, VERDICT_CHANGED);
    assert_true(room_leave(room_rig->room, &gone.waiter));
    pthread_join(thread, NULL);
    room_close(&room_rig->room);
    tree_free(&room_rig->tree);
    room_rig_open(room_rig, 3);
}

static const unsigned workers = 3;
#define TEST(name) room_rig_test(name, &workers)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_ends_the_wait),
        TEST(a_wait_that_runs_out_ends_unchanged),
        TEST(nobody_waits_for_what_has_happened),
        TEST(who_leaves_is_not_answered),
        TEST(who_was_answered_cannot_leave),
        TEST(a_shorter_wait_is_not_held_up_by_a_longer),
        TEST(a_wait_without_end_is_ended_by_a_change),
        TEST(everybody_in_a_waitlist_is_answered_once),
        TEST(both_scopes_are_rung_for_by_one_change),
        TEST(the_stop_ends_every_wait),
        TEST(a_stop_that_is_spread_still_hears_changes),
    };
    return cmocka_run_group_tests_name("room/room", tests, NULL, NULL);
}
