/* SPDX-License-Identifier: ISC */
/* CHANGE_FORGET: the oldest paths without a document go. */
#include <stdlib.h>

#include "fcgiwait/tree.h"
#include "must.h"
#include "tree_rig.h"

static struct waitlist *rung;

static void ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    (void)context;
    (void)worker;
    assert_null(rung);
    rung = waitlist;
}

static int start(void **state)
{
    struct tree *tree = tree_new(1);
    tree_set_bell(tree, ring, NULL);
    rung = NULL;
    *state = tree;
    return tree == NULL;
}

static int stop(void **state)
{
    struct tree *tree = *state;
    if (rung != NULL)
        waitlist_done(rung);
    tree_free(&tree);
    return 0;
}

static void a_forgotten_path_has_never_been(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_PUT, "/a", 1);
    tree_rig_change(tree, CHANGE_PUT, "/b", 2);
    tree_rig_change(tree, CHANGE_DELETE, "/a", 3);
    tree_rig_change(tree, CHANGE_TOUCH, "/c", 4);
    assert_int_equal(tree_tombstones(tree), 2);
    tree_rig_change(tree, CHANGE_FORGET, "/", 3);
    assert_int_equal(tree_rig_index(tree, "/a", SCOPE_SELF), 0);
    assert_int_equal(tree_rig_index(tree, "/b", SCOPE_SELF), 2);
    assert_int_equal(tree_rig_index(tree, "/c", SCOPE_SELF), 4);
    assert_int_equal(tree_tombstones(tree), 1);
    assert_int_equal(tree_resources(tree), 1);
}

static void one_that_came_back_is_not_forgotten(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/b", 2);
    tree_rig_change(tree, CHANGE_PUT, "/a", 3);
    tree_rig_change(tree, CHANGE_TOUCH, "/b", 4);
    tree_rig_change(tree, CHANGE_FORGET, "/", 3);
    assert_int_equal(tree_rig_index(tree, "/a", SCOPE_SELF), 3);
    assert_int_equal(tree_rig_index(tree, "/b", SCOPE_SELF), 4);
}

static void the_oldest_are_known_in_order(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/b", 2);
    tree_rig_change(tree, CHANGE_TOUCH, "/c", 3);
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 4);
    tree_rig_change(tree, CHANGE_DELETE, "/late",
                    2); /* heard of when others had gone on */
    assert_int_equal(tree_tombstone_at(tree, 0), 2);
    assert_int_equal(tree_tombstone_at(tree, 1), 2);
    assert_int_equal(tree_tombstone_at(tree, 2), 3);
    assert_int_equal(tree_tombstone_at(tree, 3), 4);
    assert_int_equal(tree_tombstone_at(tree, 4), 0);
}

static void no_index_behind_an_origin_goes_back(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/b", 2);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/c", 3);
    tree_rig_change(tree, CHANGE_TOUCH, "/d", 4);
    tree_rig_change(tree, CHANGE_FORGET, "/", 3);
    assert_int_equal(tree_rig_index(tree, "/a/b", SCOPE_BELOW), 3);
    assert_int_equal(tree_rig_index(tree, "/a", SCOPE_BELOW), 3);
    assert_int_equal(tree_rig_index(tree, "/d", SCOPE_BELOW), 4);
    assert_int_equal(tree_rig_index(tree, "/", SCOPE_BELOW), 4);
}

static void who_waits_for_a_forgotten_path_is_woken_when_it_comes_back(void **state)
{
    struct tree *tree = *state;
    struct watch watch = {0};
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 1);
    struct target target = {TEXT("/a"), SCOPE_SELF, 1};
    assert_int_equal(tree_watch(tree, &target, 1, 0, &watch), TREE_WATCHED);
    tree_rig_change(tree, CHANGE_FORGET, "/", 1);
    assert_null(rung);
    tree_rig_change(tree, CHANGE_PUT, "/a", 2);
    assert_non_null(rung);
    assert_int_equal(rung->news.index, 2);
}

static bool note(void *context, struct text path)
{
    char *seen = context;
    seen[path.at[1] - 'a']++;
    return true;
}

static bool refuse(void *context, struct text path)
{
    (void)path;
    ++*(int *)context;
    return false;
}

static void only_what_exists_is_visited(void **state)
{
    struct tree *tree = *state;
    char seen[4] = {0};
    int visits = 0;
    tree_rig_change(tree, CHANGE_PUT, "/a", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/b", 2);
    tree_rig_change(tree, CHANGE_PUT, "/c", 3);
    assert_true(tree_each(tree, note, seen));
    assert_memory_equal(seen, "\1\0\1\0", 4);
    assert_false(tree_each(tree, refuse, &visits));
    assert_int_equal(visits, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_forgotten_path_has_never_been, start, stop),
        cmocka_unit_test_setup_teardown(one_that_came_back_is_not_forgotten, start, stop),
        cmocka_unit_test_setup_teardown(the_oldest_are_known_in_order, start, stop),
        cmocka_unit_test_setup_teardown(no_index_behind_an_origin_goes_back, start, stop),
        cmocka_unit_test_setup_teardown(
            who_waits_for_a_forgotten_path_is_woken_when_it_comes_back, start, stop),
        cmocka_unit_test_setup_teardown(only_what_exists_is_visited, start, stop),
    };
    return cmocka_run_group_tests_name("tree/forgetting", tests, NULL, NULL);
}
