/* SPDX-License-Identifier: ISC */
/* Four can want the same waiter: a change, its expiry, a hang-up, the stop. Exactly one
 * gets it, whichever comes first. The one worker is held up, so that the order is the
 * test's. */
#include "room/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "room_rig.h"
#include "must.h"

#define LONG (600 * NANOS_PER_SECOND)

static void a_change_that_is_on_its_way_goes_before_the_expiry(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_hold_door(room_rig);
    room_rig_stay(room_rig, &guest, "/a", 0);
    room_rig_change(room_rig, "/a");
    room_rig_let_go(room_rig);
    guest_await(&guest, VERDICT_CHANGED);
}

static void a_hang_up_goes_before_the_expiry(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_hold_door(room_rig);
    room_rig_stay(room_rig, &guest, "/a", 0);
    assert_true(room_leave(room_rig->room, &guest.waiter));
    room_rig_let_go(room_rig);
    room_rig_hold_door(room_rig); /* the worker has been through its heap since */
    assert_false(guest_is_answered(&guest));
    room_rig_let_go(room_rig);
}

static void a_hang_up_that_meets_a_change_is_told_so_once(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_hold_door(room_rig);
    room_rig_stay(room_rig, &guest, "/a", LONG);
    room_rig_change(room_rig, "/a");
    assert_false(room_leave(room_rig->room, &guest.waiter));
    assert_false(room_leave(room_rig->room, &guest.waiter));
    assert_false(guest_is_answered(&guest));
    room_rig_let_go(room_rig);
    guest_await(&guest, VERDICT_HUNG_UP);
    assert_int_equal(guest.news, 0);
}

static void a_hang_up_before_the_change_leaves_the_others_their_news(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guests[5];
    room_rig_hold_door(room_rig);
    for (int i = 0; i < 5; i++)
        room_rig_stay(room_rig, &guests[i], "/a", LONG);
    assert_true(room_leave(room_rig->room, &guests[0].waiter));
    assert_true(room_leave(room_rig->room, &guests[2].waiter));
    room_rig_change(room_rig, "/a");
    assert_false(room_leave(room_rig->room, &guests[4].waiter));
    room_rig_let_go(room_rig);
    guest_await(&guests[1], VERDICT_CHANGED);
    guest_await(&guests[3], VERDICT_CHANGED);
    guest_await(&guests[4], VERDICT_HUNG_UP);
    assert_false(guest_is_answered(&guests[0]));
    assert_false(guest_is_answered(&guests[2]));
}

/* Taken, and not answered yet: it lies behind the doorkeeper in the same batch. */
static void who_is_about_to_be_answered_cannot_leave(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_hold_door(room_rig);
    struct guest second;
    struct target target = {TEXT("/a"), SCOPE_SELF, 0};
    guest_init(room_rig, &second);
    second.holds_door = true;
    assert_int_equal(
        room_park(room_rig->room, &second.waiter, &target, 1, (struct instant){1}),
        ROOM_PARKED);
    room_rig_stay(room_rig, &guest, "/a", 0);
    room_rig_let_go(room_rig);
    while (sem_wait(&room_rig->held) != 0) /* `second` is being answered */
        ;
    assert_false(guest_is_answered(&guest));
    assert_false(room_leave(room_rig->room, &guest.waiter));
    room_rig_change(room_rig, "/a");
    sem_post(&room_rig->let_go);
    guest_await(&second, VERDICT_EXPIRED);
    guest_await(&guest, VERDICT_EXPIRED);
}

static void changes_of_several_waitlists_come_in_their_order(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest first, second, third;
    room_rig_hold_door(room_rig);
    room_rig_stay(room_rig, &first, "/a", LONG);
    room_rig_change(room_rig, "/a");
    room_rig_stay(room_rig, &second, "/a", LONG);
    room_rig_change(room_rig, "/a");
    room_rig_stay(room_rig, &third, "/b", LONG);
    room_rig_change(room_rig, "/b");
    room_rig_let_go(room_rig);
    guest_await(&first, VERDICT_CHANGED);
    guest_await(&second, VERDICT_CHANGED);
    guest_await(&third, VERDICT_CHANGED);
    assert_int_equal(first.news, 1);
    assert_int_equal(second.news, 2);
    assert_int_equal(third.news, 3);
}

static void *drain(void *context)
{
    struct room_rig *room_rig = context;
    room_drain(room_rig->room, 0);
    return NULL;
}

static void await_stopping(struct room_rig *room_rig)
{
    struct guest guest;
    while (room_rig_park(room_rig, &guest, "/probe", SCOPE_SELF, 0, LONG) == ROOM_PARKED)
        must(room_leave(room_rig->room, &guest.waiter), "the probe was answered");
}

/* Of each kind one, when the stop comes while their fate is decided already. */
static void a_stop_takes_only_who_is_left(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest changed, gone, left, waiting;
    pthread_t thread;
    room_rig_hold_door(room_rig);
    room_rig_stay(room_rig, &changed, "/a", LONG);
    room_rig_stay(room_rig, &gone, "/a", LONG);
    room_rig_stay(room_rig, &left, "/b", LONG);
    room_rig_stay(room_rig, &waiting, "/b", LONG);
    room_rig_change(room_rig, "/a");
    must(pthread_create(&thread, NULL, drain, room_rig) == 0, "no thread");
    await_stopping(room_rig);
    assert_false(room_leave(room_rig->room, &gone.waiter));
    assert_true(room_leave(room_rig->room, &left.waiter));
    room_rig_let_go(room_rig);
    pthread_join(thread, NULL);
    guest_await(&changed, VERDICT_CHANGED);
    guest_await(&gone, VERDICT_HUNG_UP);
    guest_await(&waiting, VERDICT_STOPPING);
    assert_false(guest_is_answered(&left));
    room_close(&room_rig->room);
    tree_free(&room_rig->tree);
    room_rig_open(room_rig, 1);
}

/* A change that comes after the stop, and before the worker sees either. */
static void a_change_goes_before_the_stop(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    pthread_t thread;
    room_rig_hold_door(room_rig);
    room_rig_stay(room_rig, &guest, "/a", LONG);
    must(pthread_create(&thread, NULL, drain, room_rig) == 0, "no thread");
    await_stopping(room_rig);
    room_rig_change(room_rig, "/a");
    room_rig_let_go(room_rig);
    pthread_join(thread, NULL);
    guest_await(&guest, VERDICT_CHANGED);
    room_close(&room_rig->room);
    tree_free(&room_rig->tree);
    room_rig_open(room_rig, 1);
}

#define TEST(name) room_rig_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_that_is_on_its_way_goes_before_the_expiry),
        TEST(a_hang_up_goes_before_the_expiry),
        TEST(a_hang_up_that_meets_a_change_is_told_so_once),
        TEST(a_hang_up_before_the_change_leaves_the_others_their_news),
        TEST(who_is_about_to_be_answered_cannot_leave),
        TEST(changes_of_several_waitlists_come_in_their_order),
        TEST(a_stop_takes_only_who_is_left),
        TEST(a_change_goes_before_the_stop),
    };
    return cmocka_run_group_tests_name("room/worker", tests, NULL, NULL);
}
