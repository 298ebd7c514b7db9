/* SPDX-License-Identifier: ISC */
/* Who is where, who watches, and for whom the bell rings. */
#include "fcgiwait/tree.h"

#include <pthread.h>
#include <stdlib.h>

#include "must.h"
#include "tree/node.h"

#define WORKERS 3
#define RINGS_MOST 64

static struct ring {
    unsigned worker;
    struct waitlist *waitlist;
} rings[RINGS_MOST];
static size_t ring_count;

static void ring(void *context, unsigned worker, struct waitlist *waitlist)
{
    struct tree *tree = context;
    /* No lock of the tree is held: this would not return. */
    tree_resources(tree);
    assert_true(ring_count < RINGS_MOST);
    rings[ring_count++] = (struct ring){worker, waitlist};
}

static size_t watches_rung_for(void)
{
    size_t count = 0;
    for (size_t i = 0; i < ring_count; i++) {
        struct watch *watch = rings[i].waitlist->shares[rings[i].worker].first;
        for (; watch != NULL; watch = watch->next)
            count++;
    }
    return count;
}

/* The workers' part: lets go of every watch. */
static void answer_all(void)
{
    while (ring_count > 0) {
        struct ring *last = &rings[--ring_count];
        last->waitlist->shares[last->worker].first = NULL;
        waitlist_done(last->waitlist);
    }
}

static int start(void **state)
{
    struct tree *tree = tree_new(WORKERS);
    must(tree != NULL, "no memory");
    tree_set_bell(tree, ring, tree);
    *state = tree;
    return 0;
}

static int stop(void **state)
{
    struct tree *tree = *state;
    answer_all();
    tree_free(&tree);
    assert_null(tree);
    return 0;
}

static void apply(struct tree *tree, enum change_kind kind, const char *path,
                  uint64_t index)
{
    struct document *document =
        kind == CHANGE_PUT ? document_new(TEXT("text/plain"), text_of(path)) : NULL;
    struct change change = {kind, index, (nanos)index * 10, text_of(path), document};
    assert_true(tree_apply(tree, &change));
    document_unref(&document);
}

struct seen {
    uint64_t index;
    nanos changed;
    bool exists;
};

static struct seen look(struct tree *tree, const char *path, enum scope scope)
{
    struct present present;
    tree_look(tree, text_of(path), scope, &present);
    struct seen seen = {present.index, present.changed, present.document != NULL};
    present_dispose(&present);
    return seen;
}

static void must_see(struct tree *tree, const char *path, enum scope scope,
                     uint64_t index, bool exists)
{
    struct seen seen = look(tree, path, scope);
    if (seen.index != index || seen.exists != exists || seen.changed != (nanos)index * 10)
        fail_msg("%s is at %llu, %s", path, (unsigned long long)seen.index,
                 seen.exists ? "there" : "not there");
}

static enum tree_watched watch_as(struct tree *tree, const char *path, enum scope scope,
                                  uint64_t index, struct watch *watch, unsigned worker)
{
    struct target target = {text_of(path), scope, index};
    *watch = (struct watch){0};
    return tree_watch(tree, &target, 1, worker, watch);
}

/* --- the present --- */

static void a_path_that_never_was_is_at_index_zero(void **state)
{
    struct tree *tree = *state;
    must_see(tree, "/a", SCOPE_SELF, 0, false);
    must_see(tree, "/a", SCOPE_BELOW, 0, false);
    assert_int_equal(tree->nodes, 0);
}

static void changes_make_touch_and_delete(void **state)
{
    struct tree *tree = *state;
    apply(tree, CHANGE_PUT, "/a", 1);
    must_see(tree, "/a", SCOPE_SELF, 1, true);
    assert_int_equal(tree_resources(tree), 1);
    apply(tree, CHANGE_TOUCH, "/a", 2);
    must_see(tree, "/a", SCOPE_SELF, 2, true);
    apply(tree, CHANGE_DELETE, "/a", 3);
    must_see(tree, "/a", SCOPE_SELF, 3, false);
    assert_int_equal(tree_resources(tree), 0);
    assert_int_equal(tree_tombstones(tree), 1);
    apply(tree, CHANGE_TOUCH, "/a", 4);
    must_see(tree, "/a", SCOPE_SELF, 4, false);
    apply(tree, CHANGE_PUT, "/a", 5);
    must_see(tree, "/a", SCOPE_SELF, 5, true);
    assert_int_equal(tree_tombstones(tree), 0);
}

static void a_document_outlives_its_replacement(void **state)
{
    struct tree *tree = *state;
    struct present before;
    apply(tree, CHANGE_PUT, "/a", 1);
    tree_look(tree, TEXT("/a"), SCOPE_SELF, &before);
    apply(tree, CHANGE_DELETE, "/a", 2);
    assert_true(text_is(before.document->body, TEXT("/a")));
    present_dispose(&before);
}

static void below_means_the_newest_at_or_below(void **state)
{
    struct tree *tree = *state;
    apply(tree, CHANGE_PUT, "/a/b", 1);
    apply(tree, CHANGE_PUT, "/a/b/c", 2);
    apply(tree, CHANGE_PUT, "/d", 3);
    must_see(tree, "/", SCOPE_BELOW, 3, false);
    must_see(tree, "/a", SCOPE_BELOW, 2, false);
    must_see(tree, "/a/b", SCOPE_BELOW, 2, true);
    must_see(tree, "/a/b/c", SCOPE_BELOW, 2, true);
    must_see(tree, "/ab", SCOPE_BELOW, 0, false);
    must_see(tree, "/a/b", SCOPE_SELF, 1, true);
    must_see(tree, "/a", SCOPE_SELF, 0, false);
}

/* --- watching --- */

static void only_the_present_index_is_watched(void **state)
{
    struct tree *tree = *state;
    struct watch watch;
    apply(tree, CHANGE_PUT, "/a", 5);
    assert_int_equal(watch_as(tree, "/a", SCOPE_SELF, 4, &watch, 0), TREE_MOVED);
    assert_int_equal(watch_as(tree, "/a", SCOPE_SELF, 6, &watch, 0), TREE_MOVED);
    assert_int_equal(watch_as(tree, "/a", SCOPE_SELF, 0, &watch, 0), TREE_MOVED);
    assert_null(watch.waitlist);
    assert_int_equal(watch_as(tree, "/a", SCOPE_SELF, 5, &watch, 0), TREE_WATCHED);
    assert_int_equal(tree_unwatch(tree, 0, &watch, 1), 0);
    assert_null(watch.waitlist);
}

static void a_moved_watch_leaves_no_node(void **state)
{
    struct tree *tree = *state;
    struct watch watch;
    assert_int_equal(watch_as(tree, "/a/b", SCOPE_SELF, 7, &watch, 0), TREE_MOVED);
    assert_int_equal(tree->nodes, 0);
}

static void who_leaves_takes_the_empty_nodes_away(void **state)
{
    struct tree *tree = *state;
    struct watch first, second, below;
    watch_as(tree, "/a/b", SCOPE_SELF, 0, &first, 0);
    watch_as(tree, "/a/b", SCOPE_SELF, 0, &second, 2);
    watch_as(tree, "/a", SCOPE_BELOW, 0, &below, 1);
    assert_int_equal(tree->nodes, 2);
    assert_int_equal(tree_unwatch(tree, 0, &first, 1), 0);
    assert_int_equal(tree_unwatch(tree, 2, &second, 1), 0);
    assert_int_equal(tree->nodes, 1);
    assert_int_equal(tree_unwatch(tree, 1, &below, 1), 0);
    assert_int_equal(tree->nodes, 0);
}

static void a_change_rings_once_for_each_worker_that_has_somebody(void **state)
{
    struct tree *tree = *state;
    struct watch watches[5];
    static const unsigned workers[] = {0, 2, 2, 0, 2};
    for (size_t i = 0; i < 5; i++)
        watch_as(tree, "/a", SCOPE_SELF, 0, &watches[i], workers[i]);
    apply(tree, CHANGE_PUT, "/a", 1);
    assert_int_equal(ring_count, 2);
    assert_int_equal(rings[0].worker, 0);
    assert_int_equal(rings[1].worker, 2);
    struct waitlist *waitlist = rings[0].waitlist;
    assert_ptr_equal(rings[1].waitlist, waitlist);
    assert_ptr_equal(waitlist->shares[0].first, &watches[0]);
    assert_ptr_equal(watches[0].next, &watches[3]);
    assert_ptr_equal(waitlist->shares[2].first, &watches[1]);
    assert_null(waitlist->shares[1].first);
    assert_int_equal(waitlist->news.index, 1);
    assert_true(text_is(waitlist->news.document->body, TEXT("/a")));
    assert_int_equal(watches_rung_for(), 5);
    answer_all();
    apply(tree, CHANGE_PUT, "/a", 2);
    assert_int_equal(ring_count, 0);
}

static void each_scope_hears_what_concerns_it(void **state)
{
    static const struct {
        const char *watched;
        enum scope scope;
        const char *changed;
        bool heard;
    } rows[] = {
        {"/a", SCOPE_SELF, "/a", true},     {"/a", SCOPE_SELF, "/a/b", false},
        {"/a", SCOPE_SELF, "/", false},     {"/a", SCOPE_SELF, "/b", false},
        {"/a", SCOPE_SELF, "/a/", false},   {"/a", SCOPE_BELOW, "/a", true},
        {"/a", SCOPE_BELOW, "/a/b", true},  {"/a", SCOPE_BELOW, "/a/b/c/d", true},
        {"/a", SCOPE_BELOW, "/a/", true},   {"/a", SCOPE_BELOW, "/", false},
        {"/a", SCOPE_BELOW, "/ab", false},  {"/a", SCOPE_BELOW, "/b", false},
        {"/", SCOPE_BELOW, "/a/b", true},   {"/", SCOPE_SELF, "/a", false},
        {"/a/b", SCOPE_BELOW, "/a", false}, {"/a/b", SCOPE_SELF, "/a", false},
        {"/a", SCOPE_WITHIN, "/a", true},   {"/a", SCOPE_WITHIN, "/a/b", true},
        {"/a", SCOPE_INSIDE, "/a", false},  {"/a", SCOPE_INSIDE, "/a/b", true},
        {"/a", SCOPE_INSIDE, "/a/", true},  {"/a", SCOPE_INSIDE, "/b", false},
    };
    uint64_t index = 0;
    struct tree *tree = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct watch watch;
        uint64_t now = look(tree, rows[i].watched, rows[i].scope).index;
        assert_int_equal(watch_as(tree, rows[i].watched, rows[i].scope, now, &watch, 1),
                         TREE_WATCHED);
        apply(tree, CHANGE_TOUCH, rows[i].changed, ++index);
        if (ring_count != rows[i].heard)
            fail_msg("row %zu: %zu rings", i, ring_count);
        if (!rows[i].heard)
            assert_int_equal(tree_unwatch(tree, 1, &watch, 1), 0);
        answer_all();
    }
}

static void news_are_what_the_change_made_of_each_resource(void **state)
{
    struct tree *tree = *state;
    struct watch list, root;
    apply(tree, CHANGE_PUT, "/a", 1);
    watch_as(tree, "/a", SCOPE_BELOW, 1, &list, 0);
    watch_as(tree, "/", SCOPE_BELOW, 1, &root, 0);
    apply(tree, CHANGE_DELETE, "/a/b", 2);
    assert_int_equal(ring_count, 2);
    for (size_t i = 0; i < 2; i++) {
        struct waitlist *waitlist = rings[i].waitlist;
        assert_int_equal(waitlist->news.index, 2);
        assert_int_equal(waitlist->news.document != NULL,
                         waitlist->shares[0].first == &list);
    }
}

static void what_is_held_is_one_step(void **state)
{
    struct tree *tree = *state;
    struct watch list, post;
    assert_int_equal(watch_as(tree, "/posts", SCOPE_BELOW, 0, &list, 0), TREE_WATCHED);
    assert_int_equal(watch_as(tree, "/posts/1", SCOPE_SELF, 0, &post, 1), TREE_WATCHED);
    tree_hold(tree);
    apply(tree, CHANGE_TOUCH, "/posts/1", 1);
    apply(tree, CHANGE_TOUCH, "/posts/2", 2);
    assert_int_equal(ring_count, 0);
    must_see(tree, "/posts", SCOPE_BELOW, 2, false);
    tree_ring(tree);
    assert_int_equal(ring_count, 2);
    for (size_t i = 0; i < ring_count; i++) {
        const struct waitlist *waitlist = rings[i].waitlist;
        bool below = waitlist->scope == SCOPE_BELOW;
        assert_int_equal(waitlist->news.index, below ? 2 : 1);
        assert_int_equal(waitlist->news.changed, below ? 20 : 10);
    }
    answer_all();
    assert_int_equal(watch_as(tree, "/posts", SCOPE_BELOW, 2, &list, 0), TREE_WATCHED);
    apply(tree, CHANGE_TOUCH, "/posts/1", 3); /* nothing is held any more */
    assert_int_equal(ring_count, 1);
}

static void what_happened_at_once_is_seen_at_once(void **state)
{
    struct tree *tree = *state;
    struct watch watches[3];
    struct tree_span span;
    struct change changes[] = {{CHANGE_TOUCH, 7, 70, TEXT("/posts/1"), NULL},
                               {CHANGE_TOUCH, 7, 70, TEXT("/posts/2"), NULL},
                               {CHANGE_EVERYTHING, 7, 70, TEXT("/users"), NULL}};
    watch_as(tree, "/posts", SCOPE_BELOW, 0, &watches[0], 0);
    watch_as(tree, "/posts/2", SCOPE_BELOW, 0, &watches[1], 1);
    watch_as(tree, "/users/a", SCOPE_BELOW, 0, &watches[2], 2);
    tree_apply_all(tree, changes, 3);
    assert_int_equal(ring_count, 3);
    for (size_t i = 0; i < ring_count; i++)
        assert_int_equal(rings[i].waitlist->news.index, 7);
    must_see(tree, "/posts/1", SCOPE_SELF, 7, false);
    must_see(tree, "/posts/2", SCOPE_SELF, 7, false);
    must_see(tree, "/", SCOPE_BELOW, 7, false);
    apply(tree, CHANGE_NONE, "/", 9);
    assert_int_equal(ring_count, 3);
    must_see(tree, "/", SCOPE_BELOW, 7, false);
    tree_span(tree, &span);
    assert_int_equal(span.newest, 9);
}

static void a_waitlist_that_was_handed_over_keeps_its_members(void **state)
{
    struct tree *tree = *state;
    struct watch watch;
    watch_as(tree, "/a", SCOPE_SELF, 0, &watch, 0);
    apply(tree, CHANGE_PUT, "/a", 1);
    assert_int_equal(tree_unwatch(tree, 0, &watch, 1), 1);
    assert_ptr_equal(rings[0].waitlist->shares[0].first, &watch);
}

static void who_comes_after_a_change_is_in_a_new_waitlist(void **state)
{
    struct tree *tree = *state;
    struct watch early, late;
    watch_as(tree, "/a", SCOPE_SELF, 0, &early, 0);
    apply(tree, CHANGE_PUT, "/a", 1);
    assert_int_equal(watch_as(tree, "/a", SCOPE_SELF, 1, &late, 0), TREE_WATCHED);
    apply(tree, CHANGE_PUT, "/a", 2);
    assert_int_equal(ring_count, 2);
    assert_ptr_not_equal(rings[0].waitlist, rings[1].waitlist);
    assert_int_equal(rings[0].waitlist->news.index, 1);
    assert_int_equal(rings[1].waitlist->news.index, 2);
    assert_int_equal(watches_rung_for(), 2);
}

static void the_last_share_given_back_frees_the_waitlist(void **state)
{
    struct tree *tree = *state;
    struct watch watches[WORKERS];
    for (unsigned i = 0; i < WORKERS; i++)
        watch_as(tree, "/a", SCOPE_SELF, 0, &watches[i], i);
    apply(tree, CHANGE_PUT, "/a", 1);
    struct document *document = rings[0].waitlist->news.document;
    assert_int_equal(atomic_load(&document->refs), 2); /* the tree's, the news' */
    answer_all();
    assert_int_equal(atomic_load(&document->refs), 1);
}

static void a_change_without_watchers_needs_no_bell(void **state)
{
    struct tree *quiet = tree_new(1);
    (void)state;
    must(quiet != NULL, "no memory");
    apply(quiet, CHANGE_PUT, "/a", 1);
    apply(quiet, CHANGE_EVERYTHING, "/", 2);
    tree_free(&quiet);
}

/* --- at the same time --- */

#define NAPS 3000

/* One for each worker: looks, lies down at the index that it saw, and is woken or gets up
 * by itself. Lying down behind a change that it has not seen, it would never wake. */
struct sleeper {
    struct watch watch;
    unsigned worker;
    struct tree *tree;
    pthread_t thread;
    pthread_mutex_t mutex; /* guards rung */
    pthread_cond_t cond;
    bool rung;
};

static void wake(void *context, unsigned worker, struct waitlist *waitlist)
{
    struct sleeper *sleeper = (struct sleeper *)context + worker;
    (void)waitlist;
    pthread_mutex_lock(&sleeper->mutex);
    sleeper->rung = true;
    pthread_cond_signal(&sleeper->cond);
    pthread_mutex_unlock(&sleeper->mutex);
}

static void sleep_until_rung(struct sleeper *sleeper)
{
    struct waitlist *waitlist = sleeper->watch.waitlist;
    pthread_mutex_lock(&sleeper->mutex);
    while (!sleeper->rung)
        pthread_cond_wait(&sleeper->cond, &sleeper->mutex);
    sleeper->rung = false;
    pthread_mutex_unlock(&sleeper->mutex);
    waitlist->shares[sleeper->worker].first = NULL;
    waitlist_done(waitlist);
}

static void *take_naps(void *context)
{
    struct sleeper *sleeper = context;
    for (int naps = 0; naps < NAPS;) {
        struct present present;
        tree_look(sleeper->tree, TEXT("/a/b"), SCOPE_BELOW, &present);
        present_dispose(&present);
        struct target target = {TEXT("/a/b"), SCOPE_BELOW, present.index};
        if (tree_watch(sleeper->tree, &target, 1, sleeper->worker, &sleeper->watch) !=
            TREE_WATCHED)
            continue;
        naps++;
        if (naps % 2 == 0 &&
            tree_unwatch(sleeper->tree, sleeper->worker, &sleeper->watch, 1) == 0)
            continue;
        sleep_until_rung(sleeper);
    }
    return NULL;
}

struct publisher {
    struct tree *tree;
    _Atomic bool over;
};

static void *change_until_over(void *context)
{
    static const char *const paths[] = {"/a/b", "/a/b/c", "/x", "/"};
    struct publisher *publisher = context;
    for (uint64_t index = 1; !atomic_load(&publisher->over); index++) {
        struct change change = {.kind = index % 7 == 0 ? CHANGE_EVERYTHING : CHANGE_TOUCH,
                                .index = index,
                                .path = text_of(paths[index % 4])};
        if (!tree_apply(publisher->tree, &change))
            abort();
    }
    return NULL;
}

static void nobody_sleeps_through_a_change(void **state)
{
    struct sleeper sleepers[WORKERS];
    pthread_t thread;
    struct publisher publisher = {.tree = *state};
    tree_set_bell(publisher.tree, wake, sleepers);
    for (unsigned i = 0; i < WORKERS; i++) {
        sleepers[i] = (struct sleeper){.worker = i, .tree = publisher.tree};
        pthread_mutex_init(&sleepers[i].mutex, NULL);
        pthread_cond_init(&sleepers[i].cond, NULL);
    }
    must(pthread_create(&thread, NULL, change_until_over, &publisher) == 0, "no thread");
    for (unsigned i = 0; i < WORKERS; i++)
        must(pthread_create(&sleepers[i].thread, NULL, take_naps, &sleepers[i]) == 0,
             "no thread");
    for (unsigned i = 0; i < WORKERS; i++)
        pthread_join(sleepers[i].thread, NULL);
    atomic_store(&publisher.over, true);
    pthread_join(thread, NULL);
    for (unsigned i = 0; i < WORKERS; i++) {
        pthread_mutex_destroy(&sleepers[i].mutex);
        pthread_cond_destroy(&sleepers[i].cond);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_that_never_was_is_at_index_zero),
        TEST(changes_make_touch_and_delete),
        TEST(a_document_outlives_its_replacement),
        TEST(below_means_the_newest_at_or_below),
        TEST(only_the_present_index_is_watched),
        TEST(a_moved_watch_leaves_no_node),
        TEST(who_leaves_takes_the_empty_nodes_away),
        TEST(a_change_rings_once_for_each_worker_that_has_somebody),
        TEST(each_scope_hears_what_concerns_it),
        TEST(news_are_what_the_change_made_of_each_resource),
        TEST(what_is_held_is_one_step),
        TEST(what_happened_at_once_is_seen_at_once),
        TEST(a_waitlist_that_was_handed_over_keeps_its_members),
        TEST(who_comes_after_a_change_is_in_a_new_waitlist),
        TEST(the_last_share_given_back_frees_the_waitlist),
        TEST(a_change_without_watchers_needs_no_bell),
        TEST(nobody_sleeps_through_a_change),
    };
    return cmocka_run_group_tests_name("tree/tree", tests, NULL, NULL);
}
