/* SPDX-License-Identifier: ISC */
/* What a request asks for, read once. */
#include "service/operation.h"

#include <stdlib.h>

#include "must.h"

static const struct service_rules rules = {.wait_default = 15 * NANOS_PER_SECOND,
                                           .wait_max = 60 * NANOS_PER_SECOND,
                                           .limit_path = 1024,
                                           .limit_body = 100};

#define NOW (INT64_C(1000) * NANOS_PER_SECOND) /* by the clock on the wall */

/* In place: a short path lies inside the operation. */
static void read_it(struct operation *operation, const struct cgi *cgi)
{
    must(operation_read(operation, cgi, &rules, NOW), "no memory");
}

static void the_path_is_the_operations_own(void **state)
{
    char first[600], second[600];
    (void)state;
    memset(first, 'a', sizeof first);
    memset(second, 'b', sizeof second);
    first[0] = '/';
    for (size_t len = 1; len < sizeof first; len += 37) {
        struct cgi cgi = {.script_name = {first, len}, .path_info = {second, len}};
        struct operation operation;
        read_it(&operation, &cgi);
        assert_int_equal(operation.path.len, 2 * len);
        assert_memory_equal(operation.path.at, first, len);
        assert_memory_equal(operation.path.at + len, second, len);
        assert_true(operation.path.at != first);
        operation_dispose(&operation);
    }
}

static void a_named_resource_goes_before_the_scripts(void **state)
{
    struct cgi cgi = {.script_name = TEXT("/publish/a"), .resource = TEXT("/a")};
    (void)state;
    struct operation operation;
    read_it(&operation, &cgi);
    assert_true(text_is(operation.path, TEXT("/a")));
    assert_null(operation.wrong);
    operation_dispose(&operation);
}

static void what_is_no_path_is_told(void **state)
{
    static const char *const paths[] = {"", "a", "/a//b", "/a/../b", "/a\nb"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct cgi cgi = {.script_name = text_of(paths[i])};
        struct operation operation;
        read_it(&operation, &cgi);
        assert_non_null(operation.wrong);
        operation_dispose(&operation);
    }
}

static void an_index_is_ours_only_as_we_write_it(void **state)
{
    static const struct {
        const char *query;
        uint64_t index;
    } rows[] = {{"index=7", 7},
                {"index=0", 0},
                {"index=%37", 7},
                {"index=9007199254740991", UINT64_C(9007199254740991)},
                {"index=9007199254740992", INDEX_NONE},
                {"index=07", INDEX_NONE},
                {"index=00", INDEX_NONE},
                {"index=-7", INDEX_NONE},
                {"index=7x", INDEX_NONE},
                {"index=", INDEX_NONE},
                {"index", INDEX_NONE},
                {"index=%", INDEX_NONE},
                {"index=18446744073709551623", INDEX_NONE}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cgi cgi = {.script_name = TEXT("/a"), .query = text_of(rows[i].query)};
        struct operation operation;
        read_it(&operation, &cgi);
        must(operation.has_index && operation.index == rows[i].index, "%s: %llu",
             rows[i].query, (unsigned long long)operation.index);
        operation_dispose(&operation);
    }
}

static void the_query_goes_before_prefer(void **state)
{
    struct cgi cgi = {.script_name = TEXT("/a"), .query = TEXT("index=1&wait=5s")};
    (void)state;
    prefer_parse(TEXT("wait=60;index=7"), &cgi.prefer);
    struct operation operation;
    read_it(&operation, &cgi);
    assert_int_equal(operation.index, 1);
    assert_true(operation.wait == 5 * NANOS_PER_SECOND);
    assert_false(operation.wait_is_preferred);
    operation_dispose(&operation);
    cgi.query = TEXT("");
    read_it(&operation, &cgi);
    assert_int_equal(operation.index, 7);
    assert_true(operation.wait_is_preferred);
    operation_dispose(&operation);
}

static void only_a_document_that_may_be_published_is_kept(void **state)
{
    struct cgi cgi = {.method = TEXT("PUT"), .access = TEXT("publish")};
    (void)state;
    assert_int_equal(operation_body(&cgi, &rules), 100);
    cgi.method = TEXT("PATCH");
    assert_int_equal(operation_body(&cgi, &rules), 100);
    cgi.method = TEXT("POST");
    assert_int_equal(operation_body(&cgi, &rules), 0);
    cgi.method = TEXT("PUT");
    cgi.origin_status = TEXT("200");
    assert_int_equal(operation_body(&cgi, &rules), 0);
    cgi.origin_status = (struct text){NULL, 0};
    cgi.endpoint = TEXT("status");
    assert_int_equal(operation_body(&cgi, &rules), 0);
    cgi = (struct cgi){.method = TEXT("PUT")};
    assert_int_equal(operation_body(&cgi, &rules), 0);
}

static void the_query_may_call_them_otherwise(void **state)
{
    static const struct {
        const char *names, *query;
        uint64_t index;
        bool has_wait;
    } rows[] = {
        {NULL, "index=7&wait=5", 7, true},
        {"", "index=7&wait=5", 7, true},
        {"index,wait", "index=7&wait=5", 7, true},
        {"_since,_hold", "index=7&wait=5", INDEX_NONE, false},
        {"_since,_hold", "index=7&_hold=5&_since=9", 9, true},
        {"off", "index=7&wait=5", INDEX_NONE, false},
        {"off", "=7", INDEX_NONE, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cgi cgi = {.script_name = TEXT("/a"),
                          .query_names = text_of(rows[i].names),
                          .query = text_of(rows[i].query)};
        struct operation operation;
        read_it(&operation, &cgi);
        assert_null(operation.misled);
        if (operation.index != rows[i].index || operation.has_wait != rows[i].has_wait ||
            operation.has_index != (rows[i].index != INDEX_NONE))
            fail_msg("row %zu", i);
    }
}

static void names_that_are_none_are_told(void **state)
{
    static const char *const names[] = {"on",  "index", "index,", ",wait",
                                        "a,a", "a,b,c", "a&b,c",  "a=,b"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct cgi cgi = {.script_name = TEXT("/a"), .query_names = text_of(names[i])};
        struct operation operation;
        read_it(&operation, &cgi);
        if (operation.misled == NULL)
            fail_msg("\"%s\" was taken", names[i]);
    }
}

static void no_wait_goes_past_the_deadline(void **state)
{
    static const struct {
        const char *expires;
        nanos wait;
    } rows[] = {
        {NULL, 50 * NANOS_PER_SECOND},
        {"", 50 * NANOS_PER_SECOND},
        {"9000", 50 * NANOS_PER_SECOND},
        {"1007", 7 * NANOS_PER_SECOND},
        {"1007.9", 7 * NANOS_PER_SECOND},
        {"99999999999999999999", 0}, /* none that can be read */
        {"9999999999999", 50 * NANOS_PER_SECOND},
        {"1000", 0},
        {"999", 0},
        {"0", 0},
        {"-1", 0},
        {"tomorrow", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct cgi cgi = {.script_name = TEXT("/a"),
                          .query = TEXT("wait=50"),
                          .expires = text_of(rows[i].expires)};
        struct operation operation;
        read_it(&operation, &cgi);
        nanos wait = operation.wait;
        if (wait != rows[i].wait)
            fail_msg("\"%s\": %lld ms", rows[i].expires,
                     (long long)(wait / NANOS_PER_MS));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_query_may_call_them_otherwise),
        cmocka_unit_test(names_that_are_none_are_told),
        cmocka_unit_test(no_wait_goes_past_the_deadline),
        cmocka_unit_test(the_path_is_the_operations_own),
        cmocka_unit_test(a_named_resource_goes_before_the_scripts),
        cmocka_unit_test(what_is_no_path_is_told),
        cmocka_unit_test(an_index_is_ours_only_as_we_write_it),
        cmocka_unit_test(the_query_goes_before_prefer),
        cmocka_unit_test(only_a_document_that_may_be_published_is_kept),
    };
    return cmocka_run_group_tests_name("service/operation", tests, NULL, NULL);
}
