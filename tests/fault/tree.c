/* SPDX-License-Identifier: ISC */
/* The tree when memory runs out: a call that fails has changed nothing. */
#include "fcgiwait/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "faults.h"
#include "must.h"
#include "tree/node.h"

static size_t rings;

static void ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    (void)context;
    rings++;
    waitlist->shares[worker].first = NULL;
    waitlist_done(waitlist);
}

static struct tree *new_tree(void)
{
    struct tree *tree = tree_new(2);
    must(tree != NULL, "no memory");
    tree_set_bell(tree, ring, NULL);
    rings = 0;
    return tree;
}

static bool apply(struct tree *tree, enum change_kind kind, const char *path,
                  uint64_t index)
{
    struct change change = {kind, index, (nanos)index, text_of(path), NULL};
    return tree_apply(tree, &change);
}

static uint64_t index_of(struct tree *tree, const char *path, enum scope scope)
{
    struct present present;
    tree_look(tree, text_of(path), scope, &present);
    present_dispose(&present);
    return present.index;
}

static bool opening(long nth, enum faults faults)
{
    faults_arm(nth, faults);
    struct tree *tree = tree_new(2);
    bool refused = faults_disarm();
    assert_int_equal(tree == NULL, refused);
    tree_free(&tree);
    return refused;
}

static bool changing(long nth, enum faults faults)
{
    struct tree *tree = new_tree();
    must(apply(tree, CHANGE_TOUCH, "/a", 1), "no memory");
    faults_arm(nth, faults);
    bool applied = apply(tree, CHANGE_TOUCH, "/a/b/c/d", 2);
    bool refused = faults_disarm();
    assert_int_equal(applied, !refused);
    assert_int_equal(index_of(tree, "/a/b/c/d", SCOPE_SELF), applied ? 2 : 0);
    assert_int_equal(index_of(tree, "/a", SCOPE_BELOW), applied ? 2 : 1);
    assert_int_equal(tree_tombstones(tree), applied ? 2 : 1);
    assert_int_equal(tree->nodes, applied ? 2 : 1);
    assert_true(apply(tree, CHANGE_TOUCH, "/a/b/c/d", 3));
    assert_int_equal(index_of(tree, "/", SCOPE_BELOW), 3);
    tree_free(&tree);
    return refused;
}

/* Where one of several that happened at once can't be told, everything counts as changed.
 */
static bool changing_at_once(long nth, enum faults faults)
{
    struct tree *tree = new_tree();
    struct change changes[] = {{CHANGE_TOUCH, 2, 20, TEXT("/a/b"), NULL},
                               {CHANGE_TOUCH, 2, 20, TEXT("/c/d"), NULL}};
    must(apply(tree, CHANGE_TOUCH, "/a", 1), "no memory");
    faults_arm(nth, faults);
    tree_apply_all(tree, changes, 2);
    bool refused = faults_disarm();
    assert_int_equal(index_of(tree, "/a/b", SCOPE_BELOW), 2);
    assert_int_equal(index_of(tree, "/c/d", SCOPE_BELOW), 2);
    assert_int_equal(index_of(tree, "/e", SCOPE_BELOW), refused ? 2 : 0);
    tree_free(&tree);
    return refused;
}

/* What is there already takes no memory. */
static void a_change_of_what_is_there_cannot_fail(void **state)
{
    static const enum change_kind kinds[] = {CHANGE_TOUCH, CHANGE_DELETE,
                                             CHANGE_EVERYTHING, CHANGE_FORGET};
    struct tree *tree = new_tree();
    (void)state;
    must(apply(tree, CHANGE_TOUCH, "/a/b", 1), "no memory");
    for (uint64_t i = 0; i < 4; i++) {
        faults_arm(1, FAULTS_FROM_THEN);
        bool applied = apply(tree, kinds[i], i < 2 ? "/a/b" : "/", i + 2);
        assert_false(faults_disarm());
        assert_true(applied);
    }
    tree_free(&tree);
}

static bool watching(long nth, enum faults faults)
{
    struct tree *tree = new_tree();
    struct watch before = {0}, watch = {0};
    struct target below = {TEXT("/a"), SCOPE_BELOW, 0};
    struct target self = {TEXT("/a/b/c"), SCOPE_SELF, 0};
    must(tree_watch(tree, &below, 1, 1, &before) == TREE_WATCHED, "no memory");
    faults_arm(nth, faults);
    enum tree_watched watched = tree_watch(tree, &self, 1, 0, &watch);
    bool refused = faults_disarm();
    assert_int_equal(watched, refused ? TREE_NO_MEMORY : TREE_WATCHED);
    assert_int_equal(tree->nodes, refused ? 1 : 2);
    assert_int_equal(watch.waitlist == NULL, refused);
    assert_true(apply(tree, CHANGE_TOUCH, "/a/b/c", 1));
    assert_int_equal(rings, refused ? 1 : 2);
    tree_free(&tree);
    return refused;
}

/* A lack in the middle of a table that grows. */
static void a_large_tree_survives_each_lack(void **state)
{
    struct tree *tree = new_tree();
    uint64_t index = 0;
    long lacks = 0;
    (void)state;
    for (int i = 0; i < 3000; i++) {
        char path[32];
        bool applied = false;
        snprintf(path, sizeof path, "/%d/%d", i % 40, i);
        for (long nth = 1; !applied; nth++) {
            faults_arm(nth, FAULTS_ONCE);
            applied = apply(tree, CHANGE_TOUCH, path, index + 1);
            lacks += faults_disarm();
            assert_int_equal(index_of(tree, path, SCOPE_SELF), applied ? index + 1 : 0);
        }
        index++;
    }
    assert_true(lacks > 3000);
    assert_int_equal(tree_tombstones(tree), 3000);
    assert_int_equal(tree->nodes, 3040);
    for (int i = 0; i < 3000; i++) {
        char path[32];
        snprintf(path, sizeof path, "/%d/%d", i % 40, i);
        assert_int_equal(index_of(tree, path, SCOPE_SELF), i + 1);
    }
    tree_free(&tree);
}

static void opening_survives_each_lack(void **state)
{
    (void)state;
    faults_sweep(opening);
}

static void changing_survives_each_lack(void **state)
{
    (void)state;
    faults_sweep(changing);
    faults_sweep(changing_at_once);
}

static void watching_survives_each_lack(void **state)
{
    (void)state;
    faults_sweep(watching);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opening_survives_each_lack),
        cmocka_unit_test(changing_survives_each_lack),
        cmocka_unit_test(a_change_of_what_is_there_cannot_fail),
        cmocka_unit_test(watching_survives_each_lack),
        cmocka_unit_test(a_large_tree_survives_each_lack),
    };
    return cmocka_run_group_tests_name("fault/tree", tests, NULL, NULL);
}
