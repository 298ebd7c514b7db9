/* Four can want the same waiter: a change, its expiry, a hang-up, the stop. Exactly one
 * gets it, whichever comes first. The one worker is held up, so that the order is the
 * test's. */
#include "room/worker.h"

#include <pthread.h>
#include <stdlib.h>

#include "inn.h"
#include "must.h"

#define LONG (600 * NANOS_PER_SECOND)

static int start(void **state)
{
    struct inn *inn = malloc(sizeof *inn);
    inn_open(inn, 1);
    *state = inn;
    return 0;
}

static int stop(void **state)
{
    inn_close(*state);
    free(*state);
    return 0;
}

static void a_change_that_is_on_its_way_goes_before_the_expiry(void **state)
{
    struct inn *inn = *state;
    struct guest guest;
    inn_hold_door(inn);
    inn_stay(inn, &guest, "/a", 0);
    inn_change(inn, "/a");
    inn_let_go(inn);
    guest_await(&guest, VERDICT_CHANGED);
}

static void a_hang_up_goes_before_the_expiry(void **state)
{
    struct inn *inn = *state;
    struct guest guest;
    inn_hold_door(inn);
    inn_stay(inn, &guest, "/a", 0);
    assert_true(room_leave(&guest.waiter));
    inn_let_go(inn);
    inn_hold_door(inn); /* the worker has been through its heap since */
    assert_false(guest_is_answered(&guest));
    inn_let_go(inn);
}

static void a_hang_up_that_meets_a_change_is_told_so_once(void **state)
{
    struct inn *inn = *state;
    struct guest guest;
    inn_hold_door(inn);
    inn_stay(inn, &guest, "/a", LONG);
    inn_change(inn, "/a");
    assert_false(room_leave(&guest.waiter));
    assert_false(room_leave(&guest.waiter));
    assert_false(guest_is_answered(&guest));
    inn_let_go(inn);
    guest_await(&guest, VERDICT_GONE);
    assert_int_equal(guest.news, 0);
}

static void a_hang_up_before_the_change_leaves_the_others_their_news(void **state)
{
    struct inn *inn = *state;
    struct guest guests[5];
    inn_hold_door(inn);
    for (int i = 0; i < 5; i++)
        inn_stay(inn, &guests[i], "/a", LONG);
    assert_true(room_leave(&guests[0].waiter));
    assert_true(room_leave(&guests[2].waiter));
    inn_change(inn, "/a");
    assert_false(room_leave(&guests[4].waiter));
    inn_let_go(inn);
    guest_await(&guests[1], VERDICT_CHANGED);
    guest_await(&guests[3], VERDICT_CHANGED);
    guest_await(&guests[4], VERDICT_GONE);
    assert_false(guest_is_answered(&guests[0]));
    assert_false(guest_is_answered(&guests[2]));
}

/* Taken, and not answered yet: it lies behind the doorkeeper in the same batch. */
static void who_is_about_to_be_answered_cannot_leave(void **state)
{
    struct inn *inn = *state;
    struct guest guest;
    inn_hold_door(inn);
    struct guest second = {.holds_door = true};
    sem_init(&second.answered, 0, 0);
    assert_int_equal(room_park(inn->room, &second.waiter, TEXT("/a"), SCOPE_SELF, 0,
                               (struct instant){1}),
                     ROOM_PARKED);
    inn_stay(inn, &guest, "/a", 0);
    inn_let_go(inn);
    while (sem_wait(&inn->held) != 0) /* `second` is being answered */
        ;
    assert_false(guest_is_answered(&guest));
    assert_false(room_leave(&guest.waiter));
    inn_change(inn, "/a");
    sem_post(&inn->let_go);
    guest_await(&second, VERDICT_EXPIRED);
    guest_await(&guest, VERDICT_EXPIRED);
}

static void changes_of_several_crowds_come_in_their_order(void **state)
{
    struct inn *inn = *state;
    struct guest first, second, third;
    inn_hold_door(inn);
    inn_stay(inn, &first, "/a", LONG);
    inn_change(inn, "/a");
    inn_stay(inn, &second, "/a", LONG);
    inn_change(inn, "/a");
    inn_stay(inn, &third, "/b", LONG);
    inn_change(inn, "/b");
    inn_let_go(inn);
    guest_await(&first, VERDICT_CHANGED);
    guest_await(&second, VERDICT_CHANGED);
    guest_await(&third, VERDICT_CHANGED);
    assert_int_equal(first.news, 1);
    assert_int_equal(second.news, 2);
    assert_int_equal(third.news, 3);
}

static void *drain(void *context)
{
    struct inn *inn = context;
    room_drain(inn->room, 0);
    return NULL;
}

static void await_stopping(struct inn *inn)
{
    struct guest guest;
    while (inn_park(inn, &guest, "/probe", SCOPE_SELF, 0, LONG) == ROOM_PARKED)
        must(room_leave(&guest.waiter), "the probe was answered");
}

/* Of each kind one, when the stop comes while their fate is decided already. */
static void a_stop_takes_only_who_is_left(void **state)
{
    struct inn *inn = *state;
    struct guest changed, gone, left, waiting;
    pthread_t thread;
    inn_hold_door(inn);
    inn_stay(inn, &changed, "/a", LONG);
    inn_stay(inn, &gone, "/a", LONG);
    inn_stay(inn, &left, "/b", LONG);
    inn_stay(inn, &waiting, "/b", LONG);
    inn_change(inn, "/a");
    must(pthread_create(&thread, NULL, drain, inn) == 0, "no thread");
    await_stopping(inn);
    assert_false(room_leave(&gone.waiter));
    assert_true(room_leave(&left.waiter));
    inn_let_go(inn);
    pthread_join(thread, NULL);
    guest_await(&changed, VERDICT_CHANGED);
    guest_await(&gone, VERDICT_GONE);
    guest_await(&waiting, VERDICT_STOPPING);
    assert_false(guest_is_answered(&left));
    room_close(&inn->room);
    tree_free(&inn->tree);
    inn_open(inn, 1);
}

/* A change that comes after the stop, and before the worker sees either. */
static void a_change_goes_before_the_stop(void **state)
{
    struct inn *inn = *state;
    struct guest guest;
    pthread_t thread;
    inn_hold_door(inn);
    inn_stay(inn, &guest, "/a", LONG);
    must(pthread_create(&thread, NULL, drain, inn) == 0, "no thread");
    await_stopping(inn);
    inn_change(inn, "/a");
    inn_let_go(inn);
    pthread_join(thread, NULL);
    guest_await(&guest, VERDICT_CHANGED);
    room_close(&inn->room);
    tree_free(&inn->tree);
    inn_open(inn, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_change_that_is_on_its_way_goes_before_the_expiry),
        TEST(a_hang_up_goes_before_the_expiry),
        TEST(a_hang_up_that_meets_a_change_is_told_so_once),
        TEST(a_hang_up_before_the_change_leaves_the_others_their_news),
        TEST(who_is_about_to_be_answered_cannot_leave),
        TEST(changes_of_several_crowds_come_in_their_order),
        TEST(a_stop_takes_only_who_is_left),
        TEST(a_change_goes_before_the_stop),
    };
    return cmocka_run_group_tests_name("room/worker", tests, NULL, NULL);
}
