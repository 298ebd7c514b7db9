/* SPDX-License-Identifier: ISC */
/* What changed since an index below a path, in portions; and the order behind it. */
#include "fcgiwait/tree.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "tree_rig.h"
#include "tree/node.h"

#define BYTES 70000

/* What is told, as "path=index" with a + for a document and a - for a deletion. */
static char *tell_scope(struct tree *tree, const char *path, enum scope scope,
                        uint64_t from, uint64_t to, char *out, size_t most)
{
    struct tree_portion portion = {.capacity = BYTES, .bytes = malloc(BYTES)};
    size_t len = 0;
    out[0] = '\0';
    for (bool done = false; !done;) {
        uint64_t before = from;
        done = tree_since(tree, text_of(path), scope, &from, to, &portion);
        assert_true(done || from > before);
        for (size_t i = 0; i < portion.count; i++) {
            const struct tree_news *news = &portion.news[i];
            char mark = news->present.document != NULL ? '+' : ' ';
            len +=
                (size_t)snprintf(out + len, most - len, "%s%.*s=%llu%.1s",
                                 len > 0 ? " " : "", (int)news->path.len, news->path.at,
                                 (unsigned long long)news->present.index,
                                 news->present.deleted ? "-"
                                 : mark == '+'         ? "+"
                                                       : "");
        }
        tree_portion_dispose(&portion);
    }
    assert_int_equal(from, to);
    tree_portion_free(&portion);
    return out;
}

static char *tell(struct tree *tree, const char *path, uint64_t from, uint64_t to,
                  char *out, size_t most)
{
    return tell_scope(tree, path, SCOPE_WITHIN, from, to, out, most);
}

#define TOLD(tree, path, from, to) tell(tree, path, from, to, (char[512]){0}, 512)

static void each_path_is_told_once_with_its_last_change(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_PUT, "/a/x", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/y/z", 2);
    tree_rig_change(tree, CHANGE_PUT, "/b", 3);
    tree_rig_change(tree, CHANGE_PUT, "/a", 4);
    tree_rig_change(tree, CHANGE_PUT, "/a/x", 5);
    tree_rig_change(tree, CHANGE_PUT, "/ab", 6);
    tree_rig_change(tree, CHANGE_DELETE, "/a", 7);
    assert_string_equal(TOLD(tree, "/a", 0, 7), "/a/y/z=2 /a/x=5+ /a=7-");
    assert_string_equal(TOLD(tree, "/a", 2, 7), "/a/x=5+ /a=7-");
    assert_string_equal(TOLD(tree, "/a", 0, 6), "/a/y/z=2 /a/x=5+");
    assert_string_equal(TOLD(tree, "/a", 7, 7), "");
    assert_string_equal(TOLD(tree, "/a/y", 0, 7), "/a/y/z=2");
    assert_string_equal(TOLD(tree, "/c", 0, 7), "");
    assert_string_equal(TOLD(tree, "/", 3, 7), "/a/x=5+ /ab=6+ /a=7-");
}

static void inside_is_without_the_path_itself(void **state)
{
    struct tree *tree = *state;
    char out[512];
    struct present present;
    tree_rig_change(tree, CHANGE_PUT, "/a/x", 1);
    tree_rig_change(tree, CHANGE_PUT, "/a/", 2);
    tree_rig_change(tree, CHANGE_PUT, "/a", 3);
    assert_string_equal(tell_scope(tree, "/a", SCOPE_INSIDE, 0, 3, out, sizeof out),
                        "/a/x=1+ /a/=2+");
    tree_look(tree, TEXT("/a"), SCOPE_INSIDE, &present);
    assert_int_equal(present.index, 2);
    present_dispose(&present);
    tree_rig_change(tree, CHANGE_PUT, "/b/c", 4);
    assert_string_equal(tell_scope(tree, "/b", SCOPE_INSIDE, 0, 4, out, sizeof out),
                        "/b/c=4+");
    tree_look(tree, TEXT("/b"), SCOPE_INSIDE, &present);
    assert_int_equal(present.index, 4);
    present_dispose(&present);
}

static void what_was_deleted_is_so_until_it_is_put_again(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 1);
    assert_string_equal(TOLD(tree, "/", 0, 1), "/a=1");
    tree_rig_change(tree, CHANGE_PUT, "/a", 2);
    tree_rig_change(tree, CHANGE_DELETE, "/a", 3);
    tree_rig_change(tree, CHANGE_TOUCH, "/a", 4);
    assert_string_equal(TOLD(tree, "/", 0, 4), "/a=4-");
    tree_rig_change(tree, CHANGE_PUT, "/a", 5);
    assert_string_equal(TOLD(tree, "/", 0, 5), "/a=5+");
    tree_rig_change(tree, CHANGE_BARE, "/a", 6); /* another process has seen more of it */
    assert_string_equal(TOLD(tree, "/", 0, 6), "/a=6-");
    tree_rig_change(tree, CHANGE_BARE, "/b", 7);
    assert_string_equal(TOLD(tree, "/b", 0, 7), "/b=7");
}

static void what_is_forgotten_is_not_told(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_PUT, "/a", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/b", 2);
    tree_rig_change(tree, CHANGE_TOUCH, "/c", 3);
    tree_rig_change(tree, CHANGE_FORGET, "/", 2);
    assert_string_equal(TOLD(tree, "/", 0, 3), "/a=1+ /c=3");
}

static void one_that_was_heard_of_late_stands_where_it_belongs(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_PUT, "/a/1", 1);
    tree_rig_change(tree, CHANGE_PUT, "/a/2", 5);
    tree_rig_change(tree, CHANGE_PUT, "/a/3", 7);
    tree_rig_change(tree, CHANGE_DELETE, "/a/1", 6);
    tree_rig_change(tree, CHANGE_DELETE, "/a/4", 6);
    assert_string_equal(TOLD(tree, "/a", 6, 7), "/a/3=7+");
    assert_string_equal(TOLD(tree, "/a", 0, 5), "/a/2=5+");
    assert_int_equal(tree_tombstone_at(tree, 1), 6);
}

/* /a/x is forgotten, and all that is left of it is a part of the way to /a/x/y, which
 * changed long before. */
static void what_is_forgotten_hides_nothing_beside_it(void **state)
{
    struct tree *tree = *state;
    tree_rig_change(tree, CHANGE_PUT, "/a/x/y", 2);
    tree_rig_change(tree, CHANGE_PUT, "/a/z", 4);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/x", 5);
    tree_rig_change(tree, CHANGE_PUT, "/b", 6);
    tree_rig_change(tree, CHANGE_FORGET, "/", 5);
    assert_string_equal(TOLD(tree, "/a", 3, 6), "/a/z=4+");
    assert_string_equal(TOLD(tree, "/a", 1, 6), "/a/x/y=2+ /a/z=4+");
}

/* More than a portion, and much else in between. */
static void portions_go_on_where_they_stopped(void **state)
{
    struct tree *tree = *state;
    struct tree_portion portion = {.capacity = BYTES, .bytes = malloc(BYTES)};
    uint64_t from = 0;
    size_t count = 0;
    for (uint64_t i = 1; i <= 30000; i++) {
        char path[32];
        snprintf(path, sizeof path, i % 10 == 0 ? "/ours/%llu" : "/theirs/%llu",
                 (unsigned long long)i);
        tree_rig_change(tree, CHANGE_TOUCH, path, i);
    }
    for (bool done = false; !done;) {
        done = tree_since(tree, TEXT("/ours"), SCOPE_WITHIN, &from, 30000, &portion);
        for (size_t i = 0; i < portion.count; i++) {
            count += count == 1999; /* it has moved on */
            assert_int_equal(portion.news[i].present.index, 10 * ++count);
        }
        /* What changes meanwhile is newer than what is told. */
        if (count == TREE_PORTION)
            tree_rig_change(tree, CHANGE_TOUCH, "/ours/20000", 30001);
        tree_portion_dispose(&portion);
    }
    assert_int_equal(count, 3000);
    tree_portion_free(&portion);
}

/* However many they are, and wherever a reader stands. */
static void what_happened_at_once_is_told_at_once(void **state)
{
    enum { AT_ONCE = 5000 };
    struct tree *tree = *state;
    struct tree_portion portion = {0};
    static struct change changes[AT_ONCE];
    static char paths[AT_ONCE][32];
    uint64_t from = 0, told = 0;
    for (int i = 0; i < AT_ONCE; i++) {
        snprintf(paths[i], sizeof paths[i], i % 10 == 0 ? "/ours/%d" : "/theirs/%d", i);
        changes[i] = (struct change){CHANGE_TOUCH, 100, 100, text_of(paths[i]), NULL};
    }
    for (uint64_t i = 1; i < 50; i++) {
        char path[32];
        snprintf(path, sizeof path, "/ours/before/%llu", (unsigned long long)i);
        tree_rig_change(tree, CHANGE_TOUCH, path, i);
    }
    tree_apply_all(tree, changes, AT_ONCE);
    tree_rig_change(tree, CHANGE_TOUCH, "/ours/after", 101);
    for (bool done = false; !done;) {
        size_t at_once = 0;
        done = tree_since(tree, TEXT("/ours"), SCOPE_WITHIN, &from, 101, &portion);
        for (size_t i = 0; i < portion.count; i++)
            at_once += portion.news[i].present.index == 100;
        assert_true(at_once == 0 || at_once == AT_ONCE / 10);
        told += portion.count;
        tree_portion_dispose(&portion);
    }
    assert_int_equal(told, 49 + AT_ONCE / 10 + 1);
    tree_portion_free(&portion);
}

static void paths_that_do_not_fit_come_in_the_next_portion(void **state)
{
    struct tree *tree = *state;
    struct tree_portion portion = {.capacity = 10, .bytes = malloc(10)};
    uint64_t from = 0;
    tree_rig_change(tree, CHANGE_TOUCH, "/a/bcd", 1);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/e", 2);
    tree_rig_change(tree, CHANGE_TOUCH, "/a/f", 3);
    assert_false(tree_since(tree, TEXT("/"), SCOPE_WITHIN, &from, 3, &portion));
    assert_int_equal(portion.count, 2);
    assert_int_equal(from, 2);
    tree_portion_dispose(&portion);
    assert_true(tree_since(tree, TEXT("/"), SCOPE_WITHIN, &from, 3, &portion));
    assert_int_equal(portion.count, 1);
    tree_portion_free(&portion);
}

/* --- against a list that keeps everything --- */

#define PATHS 300

struct model {
    char path[32];
    uint64_t index;
    bool exists, deleted;
} models[PATHS];

static void make_paths(unsigned short seed[3])
{
    for (int i = 0; i < PATHS; i++)
        snprintf(models[i].path, sizeof models[i].path, "/%ld/%ld/%d", nrand48(seed) % 3,
                 nrand48(seed) % 5, i);
}

static void change_one(struct tree *tree, uint64_t index, unsigned short seed[3])
{
    struct model *model = &models[nrand48(seed) % PATHS];
    static const enum change_kind kinds[] = {CHANGE_PUT, CHANGE_PUT, CHANGE_TOUCH,
                                             CHANGE_DELETE};
    enum change_kind kind = kinds[nrand48(seed) % 4];
    tree_rig_change(tree, kind, model->path, index);
    model->index = index;
    model->deleted |= kind == CHANGE_DELETE;
    if (kind != CHANGE_TOUCH)
        model->exists = kind == CHANGE_PUT;
    model->deleted &= !model->exists;
}

static void forget_some(struct tree *tree, uint64_t index)
{
    tree_rig_change(tree, CHANGE_FORGET, "/", index);
    for (int i = 0; i < PATHS; i++)
        if (!models[i].exists && models[i].index <= index)
            models[i].index = models[i].deleted = 0;
}

static int by_index(const void *a, const void *b)
{
    uint64_t first = ((const struct model *)a)->index;
    uint64_t second = ((const struct model *)b)->index;
    return first < second ? -1 : first > second;
}

static void must_tell_as_the_list(struct tree *tree, const char *path, uint64_t from,
                                  uint64_t to)
{
    static char expected[PATHS * 64], told[PATHS * 64];
    struct model sorted[PATHS];
    size_t len = 0, below = strlen(path);
    memcpy(sorted, models, sizeof sorted);
    qsort(sorted, PATHS, sizeof *sorted, by_index);
    expected[0] = '\0';
    for (int i = 0; i < PATHS; i++)
        if (sorted[i].index > from && sorted[i].index <= to &&
            (below == 1 ||
             (strncmp(sorted[i].path, path, below) == 0 && sorted[i].path[below] == '/')))
            len += (size_t)snprintf(expected + len, sizeof expected - len, "%s%s=%llu%s",
                                    len > 0 ? " " : "", sorted[i].path,
                                    (unsigned long long)sorted[i].index,
                                    sorted[i].exists    ? "+"
                                    : sorted[i].deleted ? "-"
                                                        : "");
    assert_string_equal(tell(tree, path, from, to, told, sizeof told), expected);
}

static void whatever_happens_it_tells_what_a_list_would(void **state)
{
    static const char *const tops[] = {"/", "/1", "/2/3", "/0/4", "/9"};
    struct tree *tree = *state;
    unsigned short seed[3] = {3, 1, 4};
    make_paths(seed);
    for (uint64_t index = 1; index <= 20000; index++) {
        uint64_t from = (uint64_t)nrand48(seed) % index;
        change_one(tree, index, seed);
        if (index % 997 == 0)
            forget_some(tree, from);
        if (index % 7 == 0)
            must_tell_as_the_list(tree, tops[index % 5], from,
                                  from + (uint64_t)nrand48(seed) % (index - from + 1));
    }
}

/* --- the order --- */

static void holes_are_closed_and_memory_goes_back(void **state)
{
    struct tree *tree = *state;
    uint64_t index = 0;
    for (int i = 0; i < 5000; i++) {
        char path[32];
        snprintf(path, sizeof path, "/%d", i);
        tree_rig_change(tree, CHANGE_TOUCH, path, ++index);
    }
    for (int i = 0; i < 50000; i++)
        tree_rig_change(tree, CHANGE_TOUCH, i % 2 == 0 ? "/1" : "/2", ++index);
    assert_int_equal(tree->order.count, 5000);
    assert_true(tree->order.capacity <= 4 * 5000);
    assert_true(tree->order.end <= tree->order.capacity);
    tree_rig_change(tree, CHANGE_FORGET, "/", index - 1);
    assert_int_equal(tree_tombstones(tree), 1);
    assert_int_equal(tree->nodes, 1);
    assert_true(tree->order.capacity <= 64);
    assert_true(tree->bucket_count <= 64);
    assert_string_equal(TOLD(tree, "/", 0, index), "/2=55000");
}

#define TEST_OF(name)                                                                    \
    cmocka_unit_test_setup_teardown(name, tree_rig_setup, tree_rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF(each_path_is_told_once_with_its_last_change),
        TEST_OF(inside_is_without_the_path_itself),
        TEST_OF(what_was_deleted_is_so_until_it_is_put_again),
        TEST_OF(what_is_forgotten_is_not_told),
        TEST_OF(one_that_was_heard_of_late_stands_where_it_belongs),
        TEST_OF(what_is_forgotten_hides_nothing_beside_it),
        TEST_OF(portions_go_on_where_they_stopped),
        TEST_OF(what_happened_at_once_is_told_at_once),
        TEST_OF(paths_that_do_not_fit_come_in_the_next_portion),
        TEST_OF(whatever_happens_it_tells_what_a_list_would),
        TEST_OF(holes_are_closed_and_memory_goes_back),
    };
    return cmocka_run_group_tests_name("tree/since", tests, NULL, NULL);
}
