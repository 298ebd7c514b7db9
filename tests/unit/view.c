/* SPDX-License-Identifier: ISC */
/* The tree as the store sees it. */
#include "fcgiwait/view.h"

#include <stdlib.h>

#include "must.h"

static void apply(const struct store_view *view, enum change_kind kind, const char *path,
                  uint64_t index)
{
    struct document *document =
        kind == CHANGE_PUT ? document_new(TEXT("text/plain"), text_of(path)) : NULL;
    struct change change = {kind, index, (nanos)index, text_of(path), document};
    assert_true(view->sink(view->context, &change));
    document_unref(&document);
}

static bool count_one(void *visitor, struct text path)
{
    assert_true(text_is(path, TEXT("/a")));
    ++*(int *)visitor;
    return true;
}

static void what_the_store_hands_on_it_sees_again(void **unused)
{
    struct tree *tree = tree_new(1);
    struct store_view view = view_of(tree);
    struct present present;
    size_t resources, tombstones;
    int visits = 0;
    (void)unused;
    must(tree != NULL, "no memory");
    apply(&view, CHANGE_PUT, "/a", 1);
    apply(&view, CHANGE_PUT, "/b", 2);
    apply(&view, CHANGE_DELETE, "/b", 3);
    apply(&view, CHANGE_TOUCH, "/c/d", 4);
    view.count(view.context, &resources, &tombstones);
    assert_int_equal(resources, 1);
    assert_int_equal(tombstones, 2);
    assert_int_equal(view.tombstone_at(view.context, 0), 3);
    assert_int_equal(view.tombstone_at(view.context, 1), 4);
    assert_int_equal(view.tombstone_at(view.context, 2), 0);
    view.look(view.context, TEXT("/a"), &present);
    assert_int_equal(present.index, 1);
    assert_true(text_is(present.document->body, TEXT("/a")));
    present_dispose(&present);
    /* Of the resource alone, not of what lies below it. */
    view.look(view.context, TEXT("/c"), &present);
    assert_int_equal(present.index, 0);
    assert_true(view.each(view.context, count_one, &visits));
    assert_int_equal(visits, 1);
    tree_free(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_store_hands_on_it_sees_again),
    };
    return cmocka_run_group_tests_name("view", tests, NULL, NULL);
}
