/* SPDX-License-Identifier: ISC */
/* The stores when memory runs out: an edit goes through, or is refused and has changed
 * nothing. */
#include <stdlib.h>

#include "faults.h"
#include "must.h"
#include "store_rig.h"
#include "store/batch.h"

static const char *type; /* of the store under test */
static struct store_rig_folder folder;

static void begin(struct store_options *options)
{
    store_rig_folder_make(&folder);
    *options = (struct store_options){.type = type, .file = folder.file, .relaxed = true};
}

static bool opening(long nth, enum faults faults)
{
    struct store_rig store_rig;
    struct store_options options;
    char error[512] = "";
    begin(&options);
    store_rig_open(&store_rig, &options);
    store_rig_put(&store_rig, "/a/b", "text/plain",
                  "x"); /* to be read again by the next */
    store_rig_close(&store_rig);
    faults_arm(nth, faults);
    bool open = store_rig_try(&store_rig, &options, error);
    bool refused = faults_disarm();
    assert_true(open || refused);
    if (open)
        store_rig_close(&store_rig);
    else
        assert_true(error[0] != '\0');
    store_rig_folder_remove(&folder);
    return refused;
}

/* The edit that is under test; a document before it, or none. */
static struct edit edit;
static const char *before;
static enum edit_result expected;

static bool editing(long nth, enum faults faults)
{
    struct store_rig store_rig;
    struct store_options options;
    struct edit copy = edit;
    char body[64];
    begin(&options);
    store_rig_open(&store_rig, &options);
    if (before != NULL)
        store_rig_put(&store_rig, "/a/b", "application/json", before);
    uint64_t index = store_rig_index(&store_rig, "/a/b"),
             newest = store_index(store_rig.store);
    if (edit.kind == EDIT_PUT)
        copy.document = document_new(TEXT("application/json"), TEXT("{\"a\":2}"));
    faults_arm(nth, faults);
    struct edited edited = store_rig_edit(&store_rig, &copy);
    bool refused = faults_disarm();
    store_reached(store_rig.store, 0);
    if (edited.result == EDIT_FAILED) {
        assert_true(refused);
        assert_int_equal(store_rig_look(&store_rig, "/a/b", body, sizeof body), index);
        assert_string_equal(body, before != NULL ? before : "");
        assert_int_equal(store_index(store_rig.store), newest);
        if (edit.kind == EDIT_PUT)
            copy.document = document_new(TEXT("application/json"), TEXT("{\"a\":2}"));
        edited = store_rig_edit(&store_rig, &copy); /* and nothing stands in its way */
    }
    must(edited.result == expected, "result %d", (int)edited.result);
    assert_true(store_index(store_rig.store) > newest);
    assert_int_equal(store_index(store_rig.store), edited.index);
    assert_int_equal(store_rig_index(&store_rig, "/a/b"), edited.index);
    store_rig_close(&store_rig);
    store_rig_folder_remove(&folder);
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

static void decide(struct batch *batch, struct edit *one, const char *body,
                   const char *none)
{
    *one = (struct edit){.kind = EDIT_PUT,
                         .path = TEXT("/a"),
                         .document = document_new(TEXT("text/plain"), text_of(body)),
                         .conditions.if_none_match = text_of(none)};
    must(one->document != NULL, "no memory");
    batch_decide(batch, one);
}

/* The one in the middle may fail: those behind it are then decided against the one before
 * it. */
static void a_lack_between_edits_of_a_batch_hides_none_of_them(void **state)
{
    struct store_rig store_rig;
    struct batch batch;
    struct decision decisions[3];
    struct edit first, third, second = {.kind = EDIT_TOUCH, .path = TEXT("/a")};
    char body[16];
    (void)state;
    store_rig_open(&store_rig, &(struct store_options){.type = "memory"});
    batch_open(&batch, store_rig.store, decisions, 3, store_index(store_rig.store));
    decide(&batch, &first, "1", NULL);
    assert_int_equal(first.result, EDIT_CREATED);
    faults_arm(1, FAULTS_FROM_THEN);
    batch_decide(&batch, &second);
    bool refused = faults_disarm();
    assert_int_equal(second.result, refused ? EDIT_FAILED : EDIT_CHANGED);
    decide(&batch, &third, "3", "*");
    assert_int_equal(third.result, EDIT_CONFLICT);
    assert_int_equal(third.index, refused ? first.index : second.index);
    assert_true(batch_show(&batch));
    store_rig_look(&store_rig, "/a", body, sizeof body);
    assert_string_equal(body, "1");
    batch_close(&batch);
    document_unref(&first.document);
    document_unref(&third.document);
    store_rig_close(&store_rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(opening_survives_each_lack, "memory"),
        cmocka_unit_test_prestate(opening_survives_each_lack, "sqlite"),
        cmocka_unit_test_prestate(every_edit_survives_each_lack, "memory"),
        cmocka_unit_test_prestate(every_edit_survives_each_lack, "sqlite"),
        cmocka_unit_test(a_lack_between_edits_of_a_batch_hides_none_of_them),
    };
    return cmocka_run_group_tests_name("fault/store", tests, NULL, NULL);
}
