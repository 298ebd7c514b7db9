/* SPDX-License-Identifier: ISC */
/*
 * However much there is to tell, nobody waits for the tree's lock for long: a portion is
 * little work, whatever the paths look like. Counted is the processor's time of each
 * call, which is more than that of the lock: being pushed off the core does not count.
 * What the host takes away from a virtual machine does, though. So all of it is done
 * several times, and of each call the shortest counts: what is much work is so each time.
 */
#include "fcgiwait/tree.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "must.h"
#include "tree_rig.h"

#define RESOURCES 100000
#define DEEP 480
#define NAMES 1000
#define ROUNDS 20
#define TIMES 4
#define MOST_CALLS (2 * RESOURCES)

/* On a slow machine, and under a sanitizer, which has a malloc of its own; here 0.2. */
static double longest_ms(void)
{
    return mallinfo2().uordblks > 0 ? 2 : 20;
}

static double processor_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Of one call, however often it has been made: at first 0, which is longer than all. */
static void keep_shortest(double *shortest, double took)
{
    if (*shortest == 0 || took < *shortest)
        *shortest = took;
}

static double longest_of(const double *took, size_t count)
{
    double longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = took[i] > longest ? took[i] : longest;
    return longest;
}

/* Reads all below the path once, and returns how many calls that took. */
static size_t read_once(struct tree *tree, struct text path, double *took, size_t *told)
{
    struct tree_portion portion = {0};
    uint64_t from = 0;
    size_t calls = 0;
    *told = 0;
    for (bool done = false; !done; calls++) {
        must(calls < MOST_CALLS, "there is no end of portions");
        double before = processor_ms();
        done = tree_since(tree, path, SCOPE_WITHIN, &from, RESOURCES, &portion);
        keep_shortest(&took[calls], processor_ms() - before);
        *told += portion.count;
        must(!portion.failed, "no memory");
        tree_portion_dispose(&portion);
    }
    tree_portion_free(&portion);
    return calls;
}

/* Reads all below the path, and returns how many that were. The calls are the same each
 * time: nothing changes meanwhile. */
static size_t read_all(struct tree *tree, const char *path, const char *what)
{
    static double took[MOST_CALLS];
    size_t told = 0, calls = 0;
    memset(took, 0, sizeof took);
    for (int i = 0; i < TIMES; i++) {
        size_t before = calls;
        calls = read_once(tree, text_of(path), took, &told);
        assert_true(i == 0 || calls == before);
    }
    double longest = longest_of(took, calls);
    printf("%s: %zu told by %zu calls, the longest %.3f ms\n", what, told, calls,
           longest);
    if (longest > longest_ms())
        fail_msg("%s: the lock was held for %.3f ms", what, longest);
    return told;
}

static void all_that_there_is(void **state)
{
    char path[32];
    for (uint64_t i = 1; i <= RESOURCES; i++) {
        snprintf(path, sizeof path, "/l/%llu", (unsigned long long)i);
        tree_rig_change(*state, CHANGE_PUT, path, i);
    }
    assert_int_equal(read_all(*state, "/l", "all"), RESOURCES);
    assert_int_equal(read_all(*state, "/", "all, from the root"), RESOURCES);
}

static void a_few_among_many_others(void **state)
{
    char path[32];
    for (uint64_t i = 1; i <= RESOURCES; i++) {
        snprintf(path, sizeof path, i % 1000 == 0 ? "/ours/%llu" : "/theirs/%llu",
                 (unsigned long long)i);
        tree_rig_change(*state, CHANGE_TOUCH, path, i);
    }
    assert_int_equal(read_all(*state, "/ours", "few"), RESOURCES / 1000);
}

/* A path of its own at each level: as deep as a tree can be. */
static void a_few_beside_the_deepest(void **state)
{
    char spine[2 * DEEP + 1], path[2 * DEEP + 32];
    for (int i = 0; i < DEEP; i++)
        memcpy(spine + 2 * i, "/a", 3);
    for (uint64_t i = 1; i <= RESOURCES; i++) {
        int depth = i < DEEP ? (int)i : DEEP;
        bool ours = i % 1000 == 0;
        snprintf(path, sizeof path, "%.*s/%llu", ours ? 5 : 2 * depth,
                 ours ? "/ours" : spine, (unsigned long long)i);
        tree_rig_change(*state, CHANGE_TOUCH, path, i);
    }
    assert_int_equal(read_all(*state, "/ours", "few beside the deepest"),
                     RESOURCES / 1000);
    assert_int_equal(read_all(*state, "/a", "the deepest"), RESOURCES - RESOURCES / 1000);
}

/* Joins and leaves, and keeps how long each of the two took. */
static void come_and_go(struct tree *tree, const struct target *targets, double *joining,
                        double *leaving)
{
    static struct watch watches[NAMES];
    memset(watches, 0, sizeof watches);
    double began = processor_ms();
    assert_int_equal(tree_watch(tree, targets, NAMES, 0, watches), TREE_WATCHED);
    double joined = processor_ms();
    assert_int_equal(tree_unwatch(tree, 0, watches, NAMES), 0);
    keep_shortest(joining, joined - began);
    keep_shortest(leaving, processor_ms() - joined);
}

/* As many as limits.changes allows, none of which anybody else waits for. */
static void a_thousand_names_that_are_waited_for(void **state)
{
    static struct target targets[NAMES];
    static char paths[NAMES][32];
    double joining[ROUNDS] = {0}, leaving[ROUNDS] = {0};
    tree_rig_change(*state, CHANGE_PUT, "/l/other", 1);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < NAMES; i++) {
            snprintf(paths[i], sizeof paths[i], "/l/%d/%d", round, i);
            targets[i] = (struct target){text_of(paths[i]), SCOPE_SELF, 0};
        }
        for (int i = 0; i < TIMES; i++)
            come_and_go(*state, targets, &joining[round], &leaving[round]);
    }
    double joined = longest_of(joining, ROUNDS), left = longest_of(leaving, ROUNDS);
    printf("%d names: joined in %.3f ms at most, left in %.3f\n", NAMES, joined, left);
    assert_true(joined < longest_ms() && left < longest_ms());
}

int main(void)
{
#define WITH_TREE(name)                                                                  \
    cmocka_unit_test_setup_teardown(name, tree_rig_setup, tree_rig_teardown)
    const struct CMUnitTest tests[] = {
        WITH_TREE(all_that_there_is),
        WITH_TREE(a_few_among_many_others),
        WITH_TREE(a_few_beside_the_deepest),
        WITH_TREE(a_thousand_names_that_are_waited_for),
    };
    return cmocka_run_group_tests_name("tree/brief", tests, NULL, NULL);
}
