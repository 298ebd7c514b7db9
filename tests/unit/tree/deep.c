/* SPDX-License-Identifier: ISC */
/* Paths as deep as can be cost little more than flat ones: in memory and in time. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fcgiwait/tree.h"
#include "must.h"
#include "tree/node.h"

#define WAITS 10000
#define DEEPEST 1024 /* limits.path */

/* What a held request takes beside the tree: connection, request, waiter. */
#define REQUEST 500

static void ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    (void)context;
    waitlist->shares[worker].first = NULL;
    waitlist_done(waitlist);
}

static size_t path_of(char *path, int number, bool deep)
{
    size_t len = 0;
    if (deep)
        for (; len < DEEPEST - 16; len += 2) /* other ways from the top for each */
            memcpy(path + len, (number >> len / 2 % 14 & 1) != 0 ? "/a" : "/b", 2);
    return len + (size_t)sprintf(path + len, "/flat/path/%d", number);
}

struct cost {
    size_t bytes;
    double seconds;
};

/* A sanitizer's malloc does not count. */
static bool is_counted(void)
{
    return mallinfo2().uordblks > 0;
}

static double processor_time(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static struct cost cost_of(bool deep)
{
    static struct watch watches[WAITS];
    static char path[2 * DEEPEST];
    struct tree *tree = tree_new(2);
    must(tree != NULL, "no memory");
    tree_set_bell(tree, ring, NULL);
    size_t before = mallinfo2().uordblks;
    double start = processor_time();
    for (int i = 0; i < WAITS; i++) {
        struct target target = {{path, path_of(path, i, deep)}, SCOPE_SELF, 0};
        watches[i] = (struct watch){0};
        assert_int_equal(tree_watch(tree, &target, 1, (unsigned)i % 2, &watches[i]),
                         TREE_WATCHED);
    }
    struct cost cost = {mallinfo2().uordblks - before, processor_time() - start};
    assert_true(tree->nodes < 2 * WAITS);
    for (int i = 0; i < WAITS; i++)
        assert_int_equal(tree_unwatch(tree, (unsigned)i % 2, &watches[i], 1), 0);
    assert_int_equal(tree->nodes, 0);
    if (is_counted()) /* malloc keeps some */
        assert_true(mallinfo2().uordblks < before + cost.bytes / 10);
    tree_free(&tree);
    return cost;
}

static bool is_cheap(const struct cost *flat, const struct cost *deep)
{
    return deep->seconds < 20 * flat->seconds + 0.1;
}

static void waits_on_the_deepest_paths_are_within_three_times_of_flat_ones(void **state)
{
    (void)state;
    struct cost flat = cost_of(false), deep = cost_of(true);
    print_message("flat: %zu bytes and %.2f us each; deep: %zu and %.2f\n",
                  flat.bytes / WAITS, flat.seconds * 1e6 / WAITS, deep.bytes / WAITS,
                  deep.seconds * 1e6 / WAITS);
    if (is_counted())
        assert_true(deep.bytes + WAITS * REQUEST < 3 * (flat.bytes + WAITS * REQUEST));
    /* what the host of a virtual machine takes away counts: not each time, though */
    for (int i = 0; i < 4 && !is_cheap(&flat, &deep); i++) {
        flat = cost_of(false);
        deep = cost_of(true);
    }
    assert_true(is_cheap(&flat, &deep));
}

/* Reported writes make what they touch known, and nothing else. */
static void touches_of_deep_paths_are_one_node_each(void **state)
{
    static char path[2 * DEEPEST];
    struct tree *tree = tree_new(1);
    (void)state;
    must(tree != NULL, "no memory");
    for (int i = 0; i < 1000; i++) {
        struct change change = {.kind = CHANGE_TOUCH,
                                .index = (uint64_t)i + 1,
                                .path = {path, path_of(path, i, true)}};
        assert_true(tree_apply(tree, &change));
    }
    assert_true(tree->nodes < 2000);
    struct change forget = {.kind = CHANGE_FORGET, .index = 1000, .path = TEXT("/")};
    assert_true(tree_apply(tree, &forget));
    assert_int_equal(tree->nodes, 0);
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(waits_on_the_deepest_paths_are_within_three_times_of_flat_ones),
        cmocka_unit_test(touches_of_deep_paths_are_one_node_each),
    };
    return cmocka_run_group_tests_name("tree/deep", tests, NULL, NULL);
}
