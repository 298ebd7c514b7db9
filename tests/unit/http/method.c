/* SPDX-License-Identifier: ISC */
#include "fcgiwait/method.h"

#include "must.h"

static void a_method_is_known_by_its_exact_name(void **state)
{
    (void)state;
    assert_int_equal(method_parse(TEXT("GET")), METHOD_GET);
    assert_int_equal(method_parse(TEXT("HEAD")), METHOD_HEAD);
    assert_int_equal(method_parse(TEXT("OPTIONS")), METHOD_OPTIONS);
    assert_int_equal(method_parse(TEXT("PUT")), METHOD_PUT);
    assert_int_equal(method_parse(TEXT("PATCH")), METHOD_PATCH);
    assert_int_equal(method_parse(TEXT("POST")), METHOD_POST);
    assert_int_equal(method_parse(TEXT("DELETE")), METHOD_DELETE);
    assert_int_equal(method_parse(TEXT("QUERY")), METHOD_QUERY);
    assert_int_equal(method_parse(TEXT("get")), METHOD_OTHER);
    assert_int_equal(method_parse(TEXT("GETS")), METHOD_OTHER);
    assert_int_equal(method_parse(TEXT("")), METHOD_OTHER);
    assert_int_equal(method_parse(TEXT("another method")), METHOD_OTHER);
}

static void each_method_has_its_name(void **state)
{
    (void)state;
    for (enum method method = METHOD_GET; method <= METHOD_QUERY; method++)
        assert_int_equal(method_parse(method_name(method)), method);
    assert_true(method_name(METHOD_OTHER).len > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_method_is_known_by_its_exact_name),
        cmocka_unit_test(each_method_has_its_name),
    };
    return cmocka_run_group_tests_name("http/method", tests, NULL, NULL);
}
