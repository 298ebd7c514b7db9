/* SPDX-License-Identifier: ISC */
/* Which nodes there are, and that none stays for nothing. */
#include "tree/node.h"

#include <stdlib.h>

#include "must.h"
#include "tree_rig.h"

static struct node *find(struct tree *tree, struct text path)
{
    struct place place;
    node_place(tree, path, &place);
    return place_node(&place);
}

static struct node *found(struct tree *tree, const char *path)
{
    return find(tree, text_of(path));
}

static struct node *top_of(struct tree *tree, const char *path)
{
    struct place place;
    node_place(tree, text_of(path), &place);
    return place_top(&place);
}

/* Held by an index, as long as the test does not take it away. */
static struct node *made(struct tree *tree, const char *path)
{
    struct node *node = node_make(tree, text_of(path));
    must(node != NULL, "no memory");
    node->self.index = 1;
    return node;
}

static void let_go(struct tree *tree, struct node *node)
{
    node->self.index = 0;
    node_prune(tree, node);
}

static void must_be_called(const struct node *node, const char *path)
{
    char out[64];
    size_t len = node_path(node, out, sizeof out);
    assert_true(len <= sizeof out);
    assert_true(text_is((struct text){out, len}, text_of(path)));
}

static void a_path_is_one_node_however_deep(void **state)
{
    struct tree *tree = *state;
    struct node *node = made(tree, "/a/b/c");
    assert_int_equal(tree->nodes, 1);
    assert_ptr_equal(node, found(tree, "/a/b/c"));
    assert_ptr_equal(node->parent, tree->root);
    assert_null(found(tree, "/a"));
    assert_null(found(tree, "/a/b"));
    assert_null(found(tree, "/a/b/c/d"));
    assert_null(found(tree, "/a/b/c/"));
    assert_null(found(tree, "/a/b/cc"));
    assert_ptr_equal(found(tree, "/"), tree->root);
    must_be_called(node, "/a/b/c");
    must_be_called(tree->root, "/");
    let_go(tree, node);
    assert_int_equal(tree->nodes, 0);
}

static void a_node_is_made_once(void **state)
{
    struct tree *tree = *state;
    struct node *node = made(tree, "/a/b");
    assert_ptr_equal(node, node_make(tree, TEXT("/a/b")));
    assert_int_equal(tree->nodes, 1);
    assert_ptr_equal(node_make(tree, TEXT("/")), tree->root);
    let_go(tree, node);
}

static void ways_part_at_a_node_that_goes_with_the_second(void **state)
{
    struct tree *tree = *state;
    struct node *first = made(tree, "/a/b/c"), *second = made(tree, "/a/b/dd/e");
    assert_int_equal(tree->nodes, 3);
    must_be_called(first->parent, "/a/b");
    assert_ptr_equal(first->parent, second->parent);
    must_be_called(first, "/a/b/c");
    must_be_called(second, "/a/b/dd/e");
    let_go(tree, first);
    assert_int_equal(tree->nodes, 1);
    assert_ptr_equal(second->parent, tree->root);
    must_be_called(second, "/a/b/dd/e");
    assert_ptr_equal(found(tree, "/a/b/dd/e"), second);
    let_go(tree, second);
    assert_int_equal(tree->nodes, 0);
}

static void a_node_within_the_way_of_another_becomes_its_parent(void **state)
{
    struct tree *tree = *state;
    struct node *deep = made(tree, "/a/b/c/d"), *middle = made(tree, "/a/b");
    struct node *deeper = made(tree, "/a/b/c/d/e");
    assert_ptr_equal(deep->parent, middle);
    assert_ptr_equal(deeper->parent, deep);
    assert_int_equal(tree->nodes, 3);
    let_go(tree, deep);
    assert_ptr_equal(deeper->parent, middle);
    let_go(tree, middle);
    must_be_called(deeper, "/a/b/c/d/e");
    assert_int_equal(tree->nodes, 1);
    let_go(tree, deeper);
    assert_int_equal(tree->nodes, 0);
}

static void a_path_that_is_no_node_is_known_by_the_one_below(void **state)
{
    struct tree *tree = *state;
    struct node *deep = made(tree, "/a/b/c");
    assert_ptr_equal(top_of(tree, "/a"), deep);
    assert_ptr_equal(top_of(tree, "/a/b"), deep);
    assert_ptr_equal(top_of(tree, "/a/b/c"), deep);
    assert_ptr_equal(top_of(tree, "/"), tree->root);
    assert_null(top_of(tree, "/a/"));
    assert_null(top_of(tree, "/a/bb"));
    assert_null(top_of(tree, "/a/b/c/d"));
    let_go(tree, deep);
}

static void a_path_that_ends_in_a_slash_lies_below_the_one_without(void **state)
{
    struct tree *tree = *state;
    struct node *list = made(tree, "/a/"), *node = made(tree, "/a");
    assert_ptr_equal(list->parent, node);
    must_be_called(list, "/a/");
    assert_ptr_equal(found(tree, "/a/"), list);
    assert_ptr_equal(top_of(tree, "/a/"), list);
    let_go(tree, node);
    must_be_called(list, "/a/");
    assert_ptr_equal(found(tree, "/a/"), list);
    let_go(tree, list);
    assert_int_equal(tree->nodes, 0);
}

/* Whichever of the things that hold a node. */
static void what_is_held_is_not_pruned(void **state)
{
    struct tree *tree = *state;
    struct node *node = made(tree, "/a/b");
    struct waitlist waitlist;
    node_prune(tree, node);
    assert_ptr_equal(node, found(tree, "/a/b"));
    node->self.index = 0;
    node->mark.index = 5;
    node_prune(tree, node);
    assert_ptr_equal(node, found(tree, "/a/b"));
    node->mark.index = 0;
    for (int scope = 0; scope < SCOPES; scope++) {
        node->waitlists[scope] = &waitlist;
        node_prune(tree, node);
        assert_ptr_equal(node, found(tree, "/a/b"));
        node->waitlists[scope] = NULL;
    }
    node_prune(tree, tree->root);
    assert_int_equal(tree->nodes, 1);
    node_prune(tree, node);
    assert_int_equal(tree->nodes, 0);
}

static void paths_of_any_bytes_are_apart(void **state)
{
    struct tree *tree = *state;
    static const struct text paths[] = {TEXT("/a"),    TEXT("/A"),    TEXT("/a\0"),
                                        TEXT("/a\0b"), TEXT("/\xff"), TEXT("/a "),
                                        TEXT("/a/"),   TEXT("/a/b")};
    size_t count = sizeof paths / sizeof *paths;
    struct node *nodes[sizeof paths / sizeof *paths];
    for (size_t i = 0; i < count; i++) {
        nodes[i] = node_make(tree, paths[i]);
        nodes[i]->self.index = 1;
    }
    assert_int_equal(tree->nodes, count);
    for (size_t i = 0; i < count; i++)
        assert_ptr_equal(find(tree, paths[i]), nodes[i]);
    for (size_t i = 0; i < count; i++)
        let_go(tree, nodes[i]);
    assert_int_equal(tree->nodes, 0);
}

/* --- against a list of paths that does the same without a thought --- */

#define PATHS 400

static void random_path(char *path, unsigned short seed[3])
{
    static const char *const segments[] = {"/a", "/b", "/aa", "/c-1"};
    size_t len = 0;
    for (long depth = nrand48(seed) % 7 + 1; depth > 0; depth--) {
        const char *segment = segments[nrand48(seed) % 4];
        memcpy(path + len, segment, strlen(segment));
        len += strlen(segment);
    }
    path[len] = '\0';
}

static size_t branches(const struct node *node)
{
    size_t count = 0;
    for (const struct node *child = node->children; child != NULL; child = child->next)
        count++;
    return count;
}

static void nodes_are_what_is_held_and_where_ways_part(void **state)
{
    struct tree *tree = *state;
    static char paths[PATHS][64];
    struct node *nodes[PATHS] = {NULL};
    unsigned short seed[3] = {1, 2, 3};
    for (int step = 0; step < 20000; step++) {
        long at = nrand48(seed) % PATHS;
        if (nodes[at] != NULL) {
            bool other = false;
            for (int i = 0; i < PATHS; i++)
                other |= i != at && nodes[i] == nodes[at];
            must_be_called(nodes[at], paths[at]);
            if (!other)
                let_go(tree, nodes[at]);
            nodes[at] = NULL;
        } else {
            random_path(paths[at], seed);
            nodes[at] = made(tree, paths[at]);
        }
    }
    for (struct node *node = node_next(tree->root, tree->root); node != NULL;
         node = node_next(node, tree->root))
        assert_true(node->self.index != 0 || branches(node) > 1);
    for (int i = 0; i < PATHS; i++)
        if (nodes[i] != NULL)
            assert_ptr_equal(found(tree, paths[i]), nodes[i]);
}

#define TEST_OF(name)                                                                    \
    cmocka_unit_test_setup_teardown(name, tree_rig_setup, tree_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF(a_path_is_one_node_however_deep),
        TEST_OF(a_node_is_made_once),
        TEST_OF(ways_part_at_a_node_that_goes_with_the_second),
        TEST_OF(a_node_within_the_way_of_another_becomes_its_parent),
        TEST_OF(a_path_that_is_no_node_is_known_by_the_one_below),
        TEST_OF(a_path_that_ends_in_a_slash_lies_below_the_one_without),
        TEST_OF(what_is_held_is_not_pruned),
        TEST_OF(paths_of_any_bytes_are_apart),
        TEST_OF(nodes_are_what_is_held_and_where_ways_part),
    };
    return cmocka_run_group_tests_name("tree/node", tests, NULL, NULL);
}
