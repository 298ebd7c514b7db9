/* SPDX-License-Identifier: ISC */
/* Who waits for many things: the first that changes takes it, the others let go of it. */
#include <stdio.h>

#include "room_rig.h"
#include "must.h"
#include "tree/node.h"

#define LONG (600 * NANOS_PER_SECOND)

static enum room_parked park(struct room_rig *room_rig, struct guest *guest, nanos span)
{
    struct target targets[] = {{TEXT("/a"), SCOPE_SELF, 0},
                               {TEXT("/b"), SCOPE_SELF, 0},
                               {TEXT("/c"), SCOPE_BELOW, 0},
                               {TEXT("/d"), SCOPE_WITHIN, 0}};
    for (size_t i = 0; i < 4; i++) {
        struct present present;
        tree_look(room_rig->tree, targets[i].path, targets[i].scope, &present);
        targets[i].index = present.index;
        present_dispose(&present);
    }
    guest_init(room_rig, guest);
    return room_park(room_rig->room, &guest->waiter, targets, 4,
                     instant_after(clock_now(), span));
}

static void stay(struct room_rig *room_rig, struct guest *guest, nanos span)
{
    must(park(room_rig, guest, span) == ROOM_PARKED, "not let in");
}

static void any_of_them_ends_the_wait_and_leaves_nothing_behind(void **state)
{
    static const char *const paths[] = {"/a", "/b", "/c/below", "/d/below"};
    struct room_rig *room_rig = *state;
    for (size_t i = 0; i < 4; i++) {
        struct guest guest;
        stay(room_rig, &guest, LONG);
        assert_true(room_rig->tree->nodes >= 4);
        room_rig_change(room_rig, paths[i]);
        guest_await(&guest, VERDICT_CHANGED);
        assert_int_equal(guest.news, room_rig->index);
        assert_int_equal(guest.waiter.count, 0);
    }
    assert_int_equal(room_rig->tree->nodes, 4); /* those that changed */
    room_rig_change(room_rig, "/e");
}

static void another_change_does_not(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    stay(room_rig, &guest, LONG);
    room_rig_change(room_rig, "/a/below");
    room_rig_change(room_rig, "/e");
    assert_true(room_leave(room_rig->room, &guest.waiter));
    assert_false(guest_is_answered(&guest));
}

static void two_changes_on_the_way_answer_it_once(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest, other;
    room_rig_hold_door(room_rig);
    stay(room_rig, &guest, LONG);
    stay(room_rig, &other, LONG);
    room_rig_change(room_rig, "/a");
    room_rig_change(room_rig, "/c/below");
    room_rig_let_go(room_rig);
    guest_await(&guest, VERDICT_CHANGED);
    guest_await(&other, VERDICT_CHANGED);
}

static void a_hang_up_between_two_changes_is_told_so_once(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    room_rig_hold_door(room_rig);
    stay(room_rig, &guest, LONG);
    room_rig_change(room_rig, "/a");
    assert_false(room_leave(room_rig->room, &guest.waiter));
    room_rig_change(room_rig, "/b"); /* it has let go of that one */
    room_rig_let_go(room_rig);
    guest_await(&guest, VERDICT_HUNG_UP);
}

static void its_expiry_leaves_nothing_behind(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    stay(room_rig, &guest, 0);
    guest_await(&guest, VERDICT_EXPIRED);
    assert_int_equal(room_rig->tree->nodes, 0);
}

static void all_are_joined_or_none(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    struct target targets[] = {{TEXT("/a"), SCOPE_SELF, 0}, {TEXT("/b"), SCOPE_SELF, 7}};
    guest_init(room_rig, &guest);
    assert_int_equal(room_park(room_rig->room, &guest.waiter, targets, 2,
                               instant_after(clock_now(), LONG)),
                     ROOM_MOVED);
    assert_int_equal(room_rig->tree->nodes, 0);
}

static void the_same_thing_twice_is_no_harm(void **state)
{
    struct room_rig *room_rig = *state;
    struct guest guest;
    struct target targets[] = {{TEXT("/a"), SCOPE_SELF, 0}, {TEXT("/a"), SCOPE_SELF, 0}};
    guest_init(room_rig, &guest);
    assert_int_equal(room_park(room_rig->room, &guest.waiter, targets, 2,
                               instant_after(clock_now(), LONG)),
                     ROOM_PARKED);
    room_rig_change(room_rig, "/a");
    guest_await(&guest, VERDICT_CHANGED);
}

#define TEST_OF(name) room_rig_test(name, NULL)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF(any_of_them_ends_the_wait_and_leaves_nothing_behind),
        TEST_OF(another_change_does_not),
        TEST_OF(two_changes_on_the_way_answer_it_once),
        TEST_OF(a_hang_up_between_two_changes_is_told_so_once),
        TEST_OF(its_expiry_leaves_nothing_behind),
        TEST_OF(all_are_joined_or_none),
        TEST_OF(the_same_thing_twice_is_no_harm),
    };
    return cmocka_run_group_tests_name("room/targets", tests, NULL, NULL);
}
