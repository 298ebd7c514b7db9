/* SPDX-License-Identifier: ISC */
/* Which nodes there are, and that none stays for nothing. */
#include "tree/node.h"

#include <stdlib.h>

#include "must.h"

static int start(void **state)
{
    *state = tree_new(1);
    return *state == NULL;
}

static int stop(void **state)
{
    struct tree *tree = *state;
    tree_free(&tree);
    return 0;
}

static size_t count_of(const struct tree *tree)
{
    return HASH_COUNT(tree->nodes);
}

static struct node *found(struct tree *tree, const char *path)
{
    return node_find(tree, text_of(path));
}

static void a_node_comes_with_all_that_it_lies_below(void **state)
{
    struct tree *tree = *state;
    struct node *node = node_make(tree, TEXT("/a/b/c"));
    must(node != NULL, "no memory");
    assert_int_equal(count_of(tree), 4);
    assert_ptr_equal(node, found(tree, "/a/b/c"));
    assert_ptr_equal(node->parent, found(tree, "/a/b"));
    assert_ptr_equal(node->parent->parent, found(tree, "/a"));
    assert_ptr_equal(node->parent->parent->parent, found(tree, "/"));
    assert_null(found(tree, "/")->parent);
    assert_int_equal(found(tree, "/")->children, 1);
    assert_null(found(tree, "/a/"));
    node_prune(tree, node);
    assert_int_equal(count_of(tree), 0);
}

static void a_node_is_made_once(void **state)
{
    struct tree *tree = *state;
    struct node *node = node_make(tree, TEXT("/a/b"));
    assert_ptr_equal(node, node_make(tree, TEXT("/a/b")));
    struct node *other = node_make(tree, TEXT("/a/c"));
    assert_int_equal(count_of(tree), 4);
    assert_int_equal(found(tree, "/a")->children, 2);
    node_prune(tree, node);
    assert_int_equal(count_of(tree), 3);
    assert_int_equal(found(tree, "/a")->children, 1);
    node_prune(tree, other);
    assert_int_equal(count_of(tree), 0);
}

static void a_path_that_ends_in_a_slash_lies_below_the_one_without(void **state)
{
    struct tree *tree = *state;
    struct node *node = node_make(tree, TEXT("/a/"));
    assert_ptr_equal(node->parent, found(tree, "/a"));
    assert_int_equal(count_of(tree), 3);
    node_prune(tree, node);
    assert_int_equal(count_of(tree), 0);
}

/* Whichever of the things that hold a node. */
static void what_is_held_is_not_pruned(void **state)
{
    struct tree *tree = *state;
    struct node *node = node_make(tree, TEXT("/a/b"));
    struct waitlist waitlist;
    node->self.index = 7;
    node_prune(tree, node);
    assert_ptr_equal(node, found(tree, "/a/b"));
    node->self.index = 0;
    for (int scope = SCOPE_SELF; scope <= SCOPE_BELOW; scope++) {
        node->waitlists[scope] = &waitlist;
        node_prune(tree, node);
        assert_ptr_equal(node, found(tree, "/a/b"));
        node->waitlists[scope] = NULL;
    }
    node_prune(tree, found(tree, "/a")); /* which has a child */
    assert_int_equal(count_of(tree), 3);
    found(tree, "/a")->self.index = 5;
    node_prune(tree, node);
    assert_int_equal(count_of(tree), 2);
    found(tree, "/a")->self.index = 0;
    node_prune(tree, found(tree, "/a"));
    assert_int_equal(count_of(tree), 0);
}

static void paths_of_any_bytes_are_apart(void **state)
{
    struct tree *tree = *state;
    static const struct text paths[] = {TEXT("/a"),    TEXT("/A"),    TEXT("/a\0"),
                                        TEXT("/a\0b"), TEXT("/\xff"), TEXT("/a ")};
    size_t count = sizeof paths / sizeof *paths;
    struct node *nodes[sizeof paths / sizeof *paths];
    for (size_t i = 0; i < count; i++)
        nodes[i] = node_make(tree, paths[i]);
    assert_int_equal(count_of(tree), count + 1);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(node_find(tree, paths[i]), nodes[i]);
        node_prune(tree, nodes[i]);
    }
    assert_int_equal(count_of(tree), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_node_comes_with_all_that_it_lies_below),
        TEST(a_node_is_made_once),
        TEST(a_path_that_ends_in_a_slash_lies_below_the_one_without),
        TEST(what_is_held_is_not_pruned),
        TEST(paths_of_any_bytes_are_apart),
    };
    return cmocka_run_group_tests_name("tree/node", tests, NULL, NULL);
}
