/* SPDX-License-Identifier: ISC */
/* Whether an edit goes through: one table for all kinds of stores. */
#include "fcgiwait/store.h"

#include <stdlib.h>

#include "must.h"
#include "store/backend.h"

#define JSON "application/json"
#define PLAIN "text/plain"

struct row {
    enum edit_kind kind;
    const char *there; /* the document of the resource, at index 7; NULL: none */
    const char *type;  /* its type, and that of a PUT */
    const char *body;  /* of a PUT, or the patch */
    const char *if_match, *if_none_match;
    enum edit_result result;
};

static const struct row rows[] = {
    /* what each kind needs */
    {EDIT_PUT, NULL, PLAIN, "x", NULL, NULL, EDIT_CREATED},
    {EDIT_PUT, "x", PLAIN, "y", NULL, NULL, EDIT_CHANGED},
    {EDIT_PUT, "x", PLAIN, "x", NULL, NULL, EDIT_SAME},
    {EDIT_PUT, "", PLAIN, "", NULL, NULL, EDIT_SAME},
    {EDIT_TOUCH, NULL, PLAIN, NULL, NULL, NULL, EDIT_CHANGED},
    {EDIT_TOUCH, "x", PLAIN, NULL, NULL, NULL, EDIT_CHANGED},
    {EDIT_DELETE, NULL, PLAIN, NULL, NULL, NULL, EDIT_MISSING},
    {EDIT_DELETE, "x", PLAIN, NULL, NULL, NULL, EDIT_CHANGED},
    {EDIT_PATCH, NULL, JSON, "{}", NULL, NULL, EDIT_MISSING},
    {EDIT_PATCH, "{\"a\":1}", JSON, "{\"a\":2}", NULL, NULL, EDIT_CHANGED},
    {EDIT_PATCH, "{\"a\":1}", JSON, "{\"a\":1}", NULL, NULL, EDIT_SAME},
    {EDIT_PATCH, "{\"a\":1}", JSON, "{}", NULL, NULL, EDIT_SAME},
    {EDIT_PATCH, "x", PLAIN, "{}", NULL, NULL, EDIT_NOT_JSON},
    {EDIT_PATCH, "{\"a\":1}", JSON, "{\"a\":\"0123456789012345\"}", NULL, NULL,
     EDIT_TOO_LARGE},
    {EDIT_EVERYTHING, NULL, PLAIN, NULL, NULL, NULL, EDIT_CHANGED},
    /* If-Match: strong comparison, and something has to be there */
    {EDIT_PUT, "x", PLAIN, "y", "\"7\"", NULL, EDIT_CHANGED},
    {EDIT_PUT, "x", PLAIN, "y", "\"6\", \"7\"", NULL, EDIT_CHANGED},
    {EDIT_PUT, "x", PLAIN, "y", "*", NULL, EDIT_CHANGED},
    {EDIT_PUT, "x", PLAIN, "y", "\"6\"", NULL, EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "y", "W/\"7\"", NULL, EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "y", "7", NULL, EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "y", "", NULL, EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "x", "\"6\"", NULL, EDIT_CONFLICT},
    {EDIT_PUT, NULL, PLAIN, "y", "*", NULL, EDIT_CONFLICT},
    {EDIT_PUT, NULL, PLAIN, "y", "\"7\"", NULL, EDIT_CONFLICT},
    {EDIT_TOUCH, "x", PLAIN, NULL, "\"7\"", NULL, EDIT_CHANGED},
    {EDIT_TOUCH, "x", PLAIN, NULL, "\"6\"", NULL, EDIT_CONFLICT},
    {EDIT_DELETE, "x", PLAIN, NULL, "\"7\"", NULL, EDIT_CHANGED},
    {EDIT_DELETE, "x", PLAIN, NULL, "\"6\"", NULL, EDIT_CONFLICT},
    {EDIT_DELETE, NULL, PLAIN, NULL, "*", NULL, EDIT_CONFLICT},
    {EDIT_PATCH, "{\"a\":1}", JSON, "{\"a\":2}", "\"7\"", NULL, EDIT_CHANGED},
    {EDIT_PATCH, "{\"a\":1}", JSON, "{\"a\":2}", "\"6\"", NULL, EDIT_CONFLICT},
    /* If-None-Match: weak comparison, and nothing there is fine */
    {EDIT_PUT, NULL, PLAIN, "y", NULL, "*", EDIT_CREATED},
    {EDIT_PUT, "x", PLAIN, "y", NULL, "*", EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "x", NULL, "*", EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "y", NULL, "\"7\"", EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "y", NULL, "W/\"7\"", EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "y", NULL, "\"6\"", EDIT_CHANGED},
    {EDIT_PUT, "x", PLAIN, "y", NULL, "", EDIT_CHANGED},
    {EDIT_TOUCH, NULL, PLAIN, NULL, NULL, "*", EDIT_CHANGED},
    {EDIT_DELETE, "x", PLAIN, NULL, NULL, "*", EDIT_CONFLICT},
    {EDIT_DELETE, NULL, PLAIN, NULL, NULL, "*", EDIT_MISSING},
    /* both */
    {EDIT_PUT, "x", PLAIN, "y", "\"7\"", "\"6\"", EDIT_CHANGED},
    {EDIT_PUT, "x", PLAIN, "y", "\"7\"", "*", EDIT_CONFLICT},
    {EDIT_PUT, "x", PLAIN, "y", "\"6\"", "\"6\"", EDIT_CONFLICT},
    /* a change of everything heeds nothing */
    {EDIT_EVERYTHING, "x", PLAIN, NULL, "\"6\"", "*", EDIT_CHANGED},
};

static struct document *document_of(const struct row *row, const char *body)
{
    if (body == NULL)
        return NULL;
    struct document *document = document_new(text_of(row->type), text_of(body));
    must(document != NULL, "no memory");
    return document;
}

static struct edit edit_of(const struct row *row)
{
    return (struct edit){.kind = row->kind,
                         .path = TEXT("/a"),
                         .document =
                             row->kind == EDIT_PUT ? document_of(row, row->body) : NULL,
                         .patch = row->kind == EDIT_PATCH ? text_of(row->body) : TEXT(""),
                         .most = 16,
                         .conditions.if_match = text_of(row->if_match),
                         .conditions.if_none_match = text_of(row->if_none_match)};
}

static void every_row(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct edit edit = edit_of(row);
        struct present present = {7, 0, document_of(row, row->there), false};
        bool through = edit_decide(&edit, &present, 5, 10);
        if (edit.result != row->result)
            fail_msg("row %zu: %d", i, (int)edit.result);
        assert_int_equal(through,
                         edit.result == EDIT_CREATED || edit.result == EDIT_CHANGED);
        assert_int_equal(edit.index, 7);
        if (row->kind == EDIT_PATCH && through)
            assert_non_null(edit.document);
        document_unref(&edit.document);
        present_dispose(&present);
    }
}

/* Only what makes one more. */
static void the_limit_stops_new_resources_alone(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t resources = 9; resources <= 11; resources++) {
            struct edit edit = edit_of(&rows[i]);
            struct present present = {7, 0, document_of(&rows[i], rows[i].there), false};
            enum edit_result result = rows[i].result;
            if (result == EDIT_CREATED && resources >= 10)
                result = EDIT_FULL;
            edit_decide(&edit, &present, resources, 10);
            if (edit.result != result)
                fail_msg("row %zu with %zu resources: %d", i, resources,
                         (int)edit.result);
            document_unref(&edit.document);
            present_dispose(&present);
        }
}

/* Another document of the same bytes, and a tag that it once had. */
static void type_and_bytes_make_the_same_document(void **state)
{
    struct row row = {EDIT_PUT, "x", PLAIN, "x", NULL, NULL, EDIT_SAME};
    struct present present = {7, 0, document_of(&row, "x"), false};
    (void)state;
    row.type = "text/html";
    struct edit edit = edit_of(&row);
    assert_true(edit_decide(&edit, &present, 0, 10));
    assert_int_equal(edit.result, EDIT_CHANGED);
    document_unref(&edit.document);
    present_dispose(&present);
}

/* A patch leaves the type as it is, and what it does not name. */
static void a_patch_makes_the_document(void **state)
{
    struct row row = {EDIT_PATCH, "{\"a\":1}", "application/x+json", "{\"b\":2}",
                      NULL,       NULL,        EDIT_CHANGED};
    struct edit edit = edit_of(&row);
    struct present present = {7, 0, document_of(&row, row.there), false};
    (void)state;
    assert_true(edit_decide(&edit, &present, 0, 10));
    assert_true(document_same(edit.document, TEXT("application/x+json"),
                              TEXT("{\"a\":1,\"b\":2}")));
    /* Decided again, as when what was written had to be undone. */
    assert_true(edit_decide(&edit, &present, 0, 10));
    document_unref(&edit.document);
    present_dispose(&present);
}

static void a_new_store_starts_from_the_clock(void **state)
{
    (void)state;
    uint64_t first = store_first_index();
    assert_true(first > UINT64_C(1700000000000000)); /* in microseconds */
    assert_true(first < INDEX_LIMIT / 2);
}

static nanos clock_back; /* how far the clock is set back */

nanos __real_clock_wall(void);
nanos __wrap_clock_wall(void);
nanos __wrap_clock_wall(void)
{
    return __real_clock_wall() - clock_back;
}

static void the_first_index_does_not_go_back_with_the_clock(void **state)
{
    (void)state;
    uint64_t first = store_first_index();
    clock_back = 3600 * NANOS_PER_SECOND;
    uint64_t second = store_first_index();
    clock_back = __real_clock_wall(); /* 1970 */
    uint64_t third = store_first_index();
    clock_back = 0;
    assert_true(second >= first);
    assert_true(third >= first);
}

/* First of all, so that nothing else is known yet. */
static void a_clock_without_a_battery_is_not_believed(void **state)
{
    (void)state;
    clock_back = __real_clock_wall();
    uint64_t first = store_first_index();
    clock_back = 0;
    assert_true(first > UINT64_C(1700000000000000));
}

static void a_kind_that_is_not_known_is_named(void **state)
{
    char error[128];
    (void)state;
    assert_null(
        store_open(&(struct store_options){.type = "mysql"}, error, sizeof error));
    assert_non_null(strstr(error, "mysql"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_without_a_battery_is_not_believed),
        cmocka_unit_test(every_row),
        cmocka_unit_test(the_limit_stops_new_resources_alone),
        cmocka_unit_test(type_and_bytes_make_the_same_document),
        cmocka_unit_test(a_patch_makes_the_document),
        cmocka_unit_test(the_first_index_does_not_go_back_with_the_clock),
        cmocka_unit_test(a_new_store_starts_from_the_clock),
        cmocka_unit_test(a_kind_that_is_not_known_is_named),
    };
    return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
