/* SPDX-License-Identifier: ISC */
/* What most watch: the walk over all that is watched. */
#include "fcgiwait/tree.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "tree_rig.h"
#include "tree/node.h"

static void watch(struct tree *tree, const char *path, enum scope scope,
                  struct watch *watches, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct target target = {text_of(path), scope, 0};
        watches[i] = (struct watch){.waiter = NULL};
        assert_int_equal(tree_watch(tree, &target, 1, 0, &watches[i]), TREE_WATCHED);
    }
}

static void must_be(const struct tree_waited *waited, const char *path, enum scope scope,
                    size_t watchers)
{
    struct text text = {waited->path, waited->kept};
    must(text_is(text, text_of(path)), "%.*s, and not %s", (int)text.len, text.at, path);
    assert_int_equal(waited->path_len, strlen(path));
    assert_int_equal(waited->scope, scope);
    assert_int_equal(waited->watchers, watchers);
}

static void the_most_watched_come_first(void **state)
{
    struct tree *tree = *state;
    struct watch two[2], five[5], one, below[3];
    struct tree_most most;
    tree_most(tree, &most);
    assert_int_equal(most.count, 0);
    assert_int_equal(most.targets, 0);
    watch(tree, "/two", SCOPE_SELF, two, 2);
    watch(tree, "/five/deep/down", SCOPE_SELF, five, 5);
    watch(tree, "/", SCOPE_SELF, &one, 1);
    watch(tree, "/two", SCOPE_BELOW, below, 3);
    tree_most(tree, &most);
    assert_int_equal(most.targets, 4);
    assert_int_equal(most.seen, 4);
    assert_int_equal(most.count, 4);
    must_be(&most.at[0], "/five/deep/down", SCOPE_SELF, 5);
    must_be(&most.at[1], "/two", SCOPE_BELOW, 3);
    must_be(&most.at[2], "/two", SCOPE_SELF, 2);
    must_be(&most.at[3], "/", SCOPE_SELF, 1);
    assert_int_equal(tree_unwatch(tree, 0, five, 5), 0);
    assert_int_equal(tree_unwatch(tree, 0, &one, 1), 0);
    tree_most(tree, &most);
    assert_int_equal(most.count, 2);
    must_be(&most.at[0], "/two", SCOPE_BELOW, 3);
    assert_int_equal(tree_unwatch(tree, 0, two, 2), 0);
    assert_int_equal(tree_unwatch(tree, 0, below, 3), 0);
}

static void ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    (void)context;
    waitlist->shares[worker].first = NULL;
    waitlist_done(waitlist);
}

static void who_has_been_called_waits_no_more(void **state)
{
    struct tree *tree = *state;
    struct watch three[3], other;
    struct tree_most most;
    tree_set_bell(tree, ring, NULL);
    watch(tree, "/a", SCOPE_SELF, three, 3);
    watch(tree, "/b", SCOPE_SELF, &other, 1);
    tree_rig_change(tree, CHANGE_PUT, "/a", 7);
    tree_most(tree, &most);
    assert_int_equal(most.count, 1);
    must_be(&most.at[0], "/b", SCOPE_SELF, 1);
    assert_int_equal(tree_unwatch(tree, 0, &other, 1), 0);
}

/* More than are told, and more than one portion of the walk. */
#define MANY 3000

static void of_many_the_largest_are_told(void **state)
{
    struct tree *tree = *state;
    static struct watch watches[MANY], more[25 * 30];
    struct tree_most most;
    size_t used = 0;
    char path[32];
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "/many/%d", i);
        watch(tree, path, SCOPE_SELF, &watches[i], 1);
    }
    for (size_t i = 1; i <= 25; i++) { /* /large/25 is watched by 26 */
        snprintf(path, sizeof path, "/large/%zu", i);
        watch(tree, path, SCOPE_SELF, more + used, i + 1);
        used += i + 1;
    }
    tree_most(tree, &most);
    assert_int_equal(most.targets, MANY + 25);
    assert_int_equal(most.seen, MANY + 25);
    assert_int_equal(most.count, TREE_MOST);
    for (size_t i = 0; i < TREE_MOST; i++) {
        snprintf(path, sizeof path, "/large/%zu", 25 - i);
        must_be(&most.at[i], path, SCOPE_SELF, 26 - i);
    }
    assert_int_equal(tree_unwatch(tree, 0, watches, MANY), 0);
    assert_int_equal(tree_unwatch(tree, 0, more, used), 0);
}

static void a_long_path_is_cut_and_its_length_told(void **state)
{
    struct tree *tree = *state;
    static char cut[TREE_MOST_PATH + 10], far[5000];
    struct watch first, second[2];
    struct tree_most most;
    memset(cut, 'x', sizeof cut - 1);
    memset(far, 'y', sizeof far - 1);
    cut[0] = far[0] = '/';
    watch(tree, cut, SCOPE_SELF, &first, 1);
    watch(tree, far, SCOPE_SELF, second, 2);
    tree_most(tree, &most);
    assert_int_equal(most.at[0].path_len, sizeof far - 1);
    assert_int_equal(most.at[0].kept, 0);
    assert_int_equal(most.at[1].path_len, sizeof cut - 1);
    assert_int_equal(most.at[1].kept, TREE_MOST_PATH);
    assert_memory_equal(most.at[1].path, cut, TREE_MOST_PATH);
    assert_int_equal(tree_unwatch(tree, 0, &first, 1), 0);
    assert_int_equal(tree_unwatch(tree, 0, second, 2), 0);
}

/* What it would see next may be gone before it does. */
static void it_steps_over_what_goes_meanwhile(void **state)
{
    struct tree *tree = *state;
    struct watch first, second, third;
    tree_set_bell(tree, ring, NULL);
    watch(tree, "/1", SCOPE_SELF, &first, 1);
    watch(tree, "/2", SCOPE_SELF, &second, 1);
    watch(tree, "/3", SCOPE_SELF, &third, 1);
    tree->looking = tree->first;
    assert_int_equal(tree_unwatch(tree, 0, &first, 1), 0);
    assert_ptr_equal(tree->looking, second.waitlist);
    tree_rig_change(tree, CHANGE_PUT, "/2", 7);
    assert_ptr_equal(tree->looking, third.waitlist);
    assert_int_equal(tree_unwatch(tree, 0, &third, 1), 0);
    assert_null(tree->looking);
}

/* Meanwhile others come and go. */
static void *come_and_go(void *context)
{
    struct tree *tree = context;
    static struct watch watches[600];
    char path[32];
    for (int round = 0; round < 60; round++) {
        for (int i = 0; i < 600; i++) {
            snprintf(path, sizeof path, "/come/%d", i);
            watch(tree, path, SCOPE_SELF, &watches[i], 1);
        }
        assert_int_equal(tree_unwatch(tree, 0, watches, 600), 0);
    }
    return NULL;
}

static void others_come_and_go_meanwhile(void **state)
{
    struct tree *tree = *state;
    struct watch stays[9];
    struct tree_most most;
    pthread_t thread;
    watch(tree, "/stays", SCOPE_SELF, stays, 9);
    must(pthread_create(&thread, NULL, come_and_go, tree) == 0, "no thread");
    for (int i = 0; i < 300; i++) {
        tree_most(tree, &most);
        assert_true(most.count > 0);
        must_be(&most.at[0], "/stays", SCOPE_SELF, 9);
    }
    pthread_join(thread, NULL);
    tree_most(tree, &most);
    assert_int_equal(most.targets, 1);
    assert_int_equal(tree_unwatch(tree, 0, stays, 9), 0);
}

static void changes_are_counted(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_PUT, "/a", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/b", 2);
    tree_rig_change(tree, CHANGE_DELETE, "/a", 3);
    tree_rig_change(tree, CHANGE_EVERYTHING, "/", 4);
    tree_rig_change(tree, CHANGE_FORGET, "/", 3);
    assert_int_equal(tree_changes(tree), 4);
}

#define TEST(name)                                                                       \
    cmocka_unit_test_setup_teardown(name, tree_rig_setup, tree_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_most_watched_come_first),
        TEST(who_has_been_called_waits_no_more),
        TEST(of_many_the_largest_are_told),
        TEST(a_long_path_is_cut_and_its_length_told),
        TEST(it_steps_over_what_goes_meanwhile),
        TEST(others_come_and_go_meanwhile),
        TEST(changes_are_counted),
    };
    return cmocka_run_group_tests_name("tree/most", tests, NULL, NULL);
}
