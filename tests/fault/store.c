/* The stores when memory runs out: an edit goes through, or is refused and has changed
 * nothing. */
#include <stdlib.h>

#include "faults.h"
#include "must.h"
#include "shelf.h"
#include "store/group.h"

static const char *type; /* of the store under test */
static struct shelf_folder folder;

static void begin(struct store_options *options)
{
    shelf_folder_make(&folder);
    *options = (struct store_options){.type = type, .file = folder.file, .relaxed = true};
}

static bool opening(long nth, enum faults faults)
{
    struct shelf shelf;
    struct store_options options;
    char error[512] = "";
    begin(&options);
    shelf_open(&shelf, &options);
    shelf_put(&shelf, "/a/b", "text/plain", "x"); /* to be read again by the next */
    shelf_close(&shelf);
    faults_arm(nth, faults);
    bool open = shelf_try(&shelf, &options, error);
    bool refused = faults_disarm();
    assert_true(open || refused);
    if (open)
        shelf_close(&shelf);
    else
        assert_true(error[0] != '\0');
    shelf_folder_remove(&folder);
    return refused;
}

/* The edit that is under test; a document before it, or none. */
static struct edit edit;
static const char *before;
static enum edit_result expected;

static bool editing(long nth, enum faults faults)
{
    struct shelf shelf;
    struct store_options options;
    struct edit copy = edit;
    char body[64];
    begin(&options);
    shelf_open(&shelf, &options);
    if (before != NULL)
        shelf_put(&shelf, "/a/b", "application/json", before);
    uint64_t index = shelf_index(&shelf, "/a/b"), newest = store_index(shelf.store);
    if (edit.kind == EDIT_PUT)
        copy.document = document_new(TEXT("application/json"), TEXT("{\"a\":2}"));
    faults_arm(nth, faults);
    struct edited edited = shelf_edit(&shelf, &copy);
    bool refused = faults_disarm();
    store_catch_up(shelf.store);
    if (edited.result == EDIT_FAILED) {
        assert_true(refused);
        assert_int_equal(shelf_look(&shelf, "/a/b", body, sizeof body), index);
        assert_string_equal(body, before != NULL ? before : "");
        assert_int_equal(store_index(shelf.store), newest);
        if (edit.kind == EDIT_PUT)
            copy.document = document_new(TEXT("application/json"), TEXT("{\"a\":2}"));
        edited = shelf_edit(&shelf, &copy); /* and nothing stands in its way */
    }
    must(edited.result == expected, "result %d", (int)edited.result);
    assert_true(store_index(shelf.store) > newest);
    assert_int_equal(store_index(shelf.store), edited.index);
    assert_int_equal(shelf_index(&shelf, "/a/b"), edited.index);
    shelf_close(&shelf);
    shelf_folder_remove(&folder);
    return refused;
}

static void sweep_edit(enum edit_kind kind, const char *there, enum edit_result result)
{
    edit = (struct edit){.kind = kind,
                         .path = TEXT("/a/b"),
                         .patch = TEXT("{\"b\":{\"c\":[1,2]},\"a\":null}"),
                         .most = 1000};
    before = there;
    expected = result;
    faults_sweep(editing);
}

static void opening_survives_each_lack(void **state)
{
    type = *state;
    faults_sweep(opening);
}

static void every_edit_survives_each_lack(void **state)
{
    type = *state;
    sweep_edit(EDIT_PUT, NULL, EDIT_CREATED);
    sweep_edit(EDIT_PUT, "{\"a\":1}", EDIT_CHANGED);
    sweep_edit(EDIT_PATCH, "{\"a\":1,\"x\":{\"y\":\"z\"}}", EDIT_CHANGED);
    sweep_edit(EDIT_TOUCH, NULL, EDIT_CHANGED);
    sweep_edit(EDIT_TOUCH, "{}", EDIT_CHANGED);
    sweep_edit(EDIT_DELETE, "{}", EDIT_CHANGED);
}

/* --- several edits that become durable together --- */

static void decide(struct group *group, struct edit *one, const char *body,
                   const char *none)
{
    *one = (struct edit){.kind = EDIT_PUT,
                         .path = TEXT("/a"),
                         .document = document_new(TEXT("text/plain"), text_of(body)),
                         .if_none_match = text_of(none)};
    must(one->document != NULL, "no memory");
    group_decide(group, one);
}

/* The one in the middle may fail: those behind it are then decided against the one before
 * it. */
static void a_lack_between_edits_of_a_group_hides_none_of_them(void **state)
{
    struct shelf shelf;
    struct group group;
    struct step steps[3];
    struct edit first, third, second = {.kind = EDIT_TOUCH, .path = TEXT("/a")};
    char body[16];
    (void)state;
    shelf_open(&shelf, &(struct store_options){.type = "memory"});
    group_open(&group, shelf.store, steps, 3, store_index(shelf.store));
    decide(&group, &first, "1", NULL);
    assert_int_equal(first.result, EDIT_CREATED);
    faults_arm(1, FAULTS_FROM_THEN);
    group_decide(&group, &second);
    bool refused = faults_disarm();
    assert_int_equal(second.result, refused ? EDIT_FAILED : EDIT_CHANGED);
    decide(&group, &third, "3", "*");
    assert_int_equal(third.result, EDIT_CONFLICT);
    assert_int_equal(third.index, refused ? first.index : second.index);
    assert_true(group_show(&group));
    shelf_look(&shelf, "/a", body, sizeof body);
    assert_string_equal(body, "1");
    group_close(&group);
    document_unref(&first.document);
    document_unref(&third.document);
    shelf_close(&shelf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(opening_survives_each_lack, "memory"),
        cmocka_unit_test_prestate(opening_survives_each_lack, "sqlite"),
        cmocka_unit_test_prestate(every_edit_survives_each_lack, "memory"),
        cmocka_unit_test_prestate(every_edit_survives_each_lack, "sqlite"),
        cmocka_unit_test(a_lack_between_edits_of_a_group_hides_none_of_them),
    };
    return cmocka_run_group_tests_name("fault/store", tests, NULL, NULL);
}
