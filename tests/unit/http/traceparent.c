/* SPDX-License-Identifier: ISC */
#include "fcgiwait/traceparent.h"

#include "must.h"

#define ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define PARENT "00f067aa0ba902b7"

static void an_id_is_found(void **state)
{
    static const char *const good[] = {
        "00-" ID "-" PARENT "-01", "00-" ID "-" PARENT "-00",
        "  00-" ID "-" PARENT "-01\t", "cc-" ID "-" PARENT "-01",
        "cc-" ID "-" PARENT "-01-what-comes-later"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!text_is(traceparent_id(text_of(good[i])), TEXT(ID)))
            fail_msg("%s", good[i]);
}

static void what_is_none_is_taken_for_none(void **state)
{
    static const char *const bad[] = {
        "",
        "00",
        ID,
        "00-" ID "-" PARENT,
        "00-" ID "-" PARENT "-1",
        "00-" ID "-" PARENT "-01-more",
        "00-" ID "-" PARENT "-01-",
        "00-" ID "-" PARENT "-01x",
        "ff-" ID "-" PARENT "-01",
        "00-00000000000000000000000000000000-" PARENT "-01",
        "00-" ID "-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-" PARENT "-01",
        "00_" ID "_" PARENT "_01",
        "0g-" ID "-" PARENT "-01",
        "00-" ID "-" PARENT "-0g",
        "cc-" ID "-" PARENT "-01.later",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (traceparent_id(text_of(bad[i])).len != 0)
            fail_msg("%s", bad[i]);
}

static void an_id_by_itself_is_looked_at_as_closely(void **state)
{
    static const char *const bad[] = {
        "",
        "4bf92f3577b34da6a3ce929d0e0e473",
        ID "0",
        ID "-",
        "00000000000000000000000000000000",
        "4BF92F3577B34DA6A3CE929D0E0E4736",
        "4bf92f3577b34da6a3ce929d0e0e47\n6",
    };
    (void)state;
    assert_true(traceparent_is_id(TEXT(ID)));
    assert_false(traceparent_is_id((struct text){0}));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (traceparent_is_id(text_of(bad[i])))
            fail_msg("%s", bad[i]);
}

static void a_nul_is_no_digit(void **state)
{
    char header[] = "00-" ID "-" PARENT "-01";
    (void)state;
    header[10] = '\0';
    assert_int_equal(traceparent_id((struct text){header, sizeof header - 1}).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_id_is_found),
        cmocka_unit_test(what_is_none_is_taken_for_none),
        cmocka_unit_test(an_id_by_itself_is_looked_at_as_closely),
        cmocka_unit_test(a_nul_is_no_digit),
    };
    return cmocka_run_group_tests_name("http/traceparent", tests, NULL, NULL);
}
