/* SPDX-License-Identifier: ISC */
/* CHANGE_EVERYTHING: what lies behind an origin has changed, all of it. */
#include <stdlib.h>

#include "fcgiwait/tree.h"
#include "must.h"
#include "tree_rig.h"

#define RINGS_MOST 16

static struct waitlist *rung[RINGS_MOST];
static size_t rings;

/* The bell of a tree with one worker. */
static void ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    (void)context;
    assert_int_equal(worker, 0);
    assert_true(rings < RINGS_MOST);
    rung[rings++] = waitlist;
}

/* The worker's part: lets go of every watch. */
static void answer_all(void)
{
    while (rings > 0) {
        struct waitlist *waitlist = rung[--rings];
        waitlist->shares[0].first = NULL;
        waitlist_done(waitlist);
    }
}

static int start(void **state)
{
    struct tree *tree = tree_new(1);
    tree_set_bell(tree, ring, NULL);
    *state = tree;
    return tree == NULL;
}

static int stop(void **state)
{
    struct tree *tree = *state;
    answer_all();
    tree_free(&tree);
    return 0;
}

static uint64_t index_of(struct tree *tree, const char *path, enum scope scope)
{
    struct present present;
    tree_look(tree, text_of(path), scope, &present);
    uint64_t index = present.index;
    assert_int_equal(present.changed, (nanos)index);
    present_dispose(&present);
    return index;
}

static void watch(struct tree *tree, const char *path, enum scope scope, uint64_t index,
                  struct watch *watch)
{
    *watch = (struct watch){0};
    struct target target = {text_of(path), scope, index};
    assert_int_equal(tree_watch(tree, &target, 1, 0, watch), TREE_WATCHED);
}

static void it_is_the_least_index_of_every_path_behind_an_origin(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 3);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 5);
    assert_int_equal(index_of(tree, "/a", SCOPE_BELOW), 5);
    assert_int_equal(index_of(tree, "/", SCOPE_BELOW), 5);
    assert_int_equal(index_of(tree, "/never/touched", SCOPE_BELOW), 5);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/b", 7);
    assert_int_equal(index_of(tree, "/a", SCOPE_BELOW), 7);
    assert_int_equal(index_of(tree, "/c", SCOPE_BELOW), 5);
}

static void documents_of_our_own_keep_their_index(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 3);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 5);
    assert_int_equal(index_of(tree, "/a", SCOPE_SELF), 3);
    assert_int_equal(index_of(tree, "/", SCOPE_SELF), 0);
    assert_int_equal(tree_tombstones(tree), 1);
}

static void it_rings_for_all_that_watch_behind_an_origin_and_nobody_else(void **state)
{
    struct tree *tree = *state;
    struct watch parent, child, deep, own;
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 5);
    watch(tree, "/a", SCOPE_BELOW, 5, &parent);
    watch(tree, "/a/b", SCOPE_BELOW, 5, &child);
    watch(tree, "/c/d/e", SCOPE_BELOW, 5, &deep);
    watch(tree, "/a", SCOPE_SELF, 0, &own);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 6);
    assert_int_equal(rings, 3);
    for (size_t i = 0; i < rings; i++) {
        assert_int_equal(rung[i]->news.index, 6);
        assert_ptr_not_equal(rung[i]->shares[0].first, &own);
    }
    answer_all();
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 7);
    assert_int_equal(rings, 1);
    assert_ptr_equal(rung[0]->shares[0].first, &own);
}

static void a_watch_that_comes_too_late_is_told_so(void **state)
{
    struct tree *tree = *state;
    struct watch late = {0};
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 5);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 6);
    struct target target = {TEXT("/a"), SCOPE_BELOW, 5};
    assert_int_equal(tree_watch(tree, &target, 1, 0, &late), TREE_MOVED);
}

/* --- of one path, and all that is below it --- */

static void below_a_path_it_is_the_least_index_known_or_not(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_TOUCH, "/a/b", 3);
    tree_rig_change(tree, CHANGE_TOUCH, "/ab", 4);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/a", 5);
    assert_int_equal(index_of(tree, "/a", SCOPE_BELOW), 5);
    assert_int_equal(index_of(tree, "/a/b", SCOPE_BELOW), 5);
    assert_int_equal(index_of(tree, "/a/never/touched", SCOPE_BELOW), 5);
    assert_int_equal(index_of(tree, "/", SCOPE_BELOW), 5);
    assert_int_equal(index_of(tree, "/ab", SCOPE_BELOW), 4);
    assert_int_equal(index_of(tree, "/c", SCOPE_BELOW), 0);
    assert_int_equal(index_of(tree, "/a/b", SCOPE_SELF), 3);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/b", 7);
    assert_int_equal(index_of(tree, "/a/b", SCOPE_BELOW), 7);
    assert_int_equal(index_of(tree, "/a/c", SCOPE_BELOW), 5);
    assert_int_equal(tree_marks(tree), 1);
}

static void it_rings_above_at_and_below_its_path(void **state)
{
    static const char *const concerned[] = {"/", "/a", "/a/b", "/a/b/c/d"};
    static const char *const others[] = {"/ab", "/b/a", "/c"};
    struct tree *tree = *state;
    struct watch watches[4], bystanders[3], own;
    for (size_t i = 0; i < 4; i++)
        watch(tree, concerned[i], SCOPE_BELOW, 0, &watches[i]);
    for (size_t i = 0; i < 3; i++)
        watch(tree, others[i], SCOPE_BELOW, 0, &bystanders[i]);
    watch(tree, "/a/b", SCOPE_SELF, 0, &own);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/a", 5);
    assert_int_equal(rings, 4);
    for (size_t i = 0; i < rings; i++)
        assert_int_equal(rung[i]->news.index, 5);
    answer_all();
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(tree_unwatch(tree, 0, &bystanders[i], 1), 0);
    assert_int_equal(tree_unwatch(tree, 0, &own, 1), 0);
}

static void the_one_of_all_takes_the_place_of_the_others(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_EVERYTHING, "/a/b", 5);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/c", 6);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/c", 7);
    assert_int_equal(tree_marks(tree), 2);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 8);
    assert_int_equal(tree_marks(tree), 0);
    assert_int_equal(index_of(tree, "/a/b", SCOPE_BELOW), 8);
    assert_int_equal(index_of(tree, "/c/d", SCOPE_BELOW), 8);
}

static void a_watch_below_that_comes_too_late_is_told_so(void **state)
{
    struct tree *tree = *state;
    struct watch late = {0};
    tree_rig_change(tree, CHANGE_EVERYTHING, "/a", 5);
    struct target target = {TEXT("/a/new"), SCOPE_BELOW, 0};
    assert_int_equal(tree_watch(tree, &target, 1, 0, &late), TREE_MOVED);
    watch(tree, "/a/new", SCOPE_BELOW, 5, &late);
    assert_int_equal(tree_unwatch(tree, 0, &late, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            it_is_the_least_index_of_every_path_behind_an_origin, start, stop),
        cmocka_unit_test_setup_teardown(documents_of_our_own_keep_their_index, start,
                                        stop),
        cmocka_unit_test_setup_teardown(
            it_rings_for_all_that_watch_behind_an_origin_and_nobody_else, start, stop),
        cmocka_unit_test_setup_teardown(a_watch_that_comes_too_late_is_told_so, start,
                                        stop),
        cmocka_unit_test_setup_teardown(below_a_path_it_is_the_least_index_known_or_not,
                                        start, stop),
        cmocka_unit_test_setup_teardown(it_rings_above_at_and_below_its_path, start,
                                        stop),
        cmocka_unit_test_setup_teardown(the_one_of_all_takes_the_place_of_the_others,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_watch_below_that_comes_too_late_is_told_so,
                                        start, stop),
    };
    return cmocka_run_group_tests_name("tree/everything", tests, NULL, NULL);
}
