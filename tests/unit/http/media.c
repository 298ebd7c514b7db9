/* SPDX-License-Identifier: ISC */
#include "fcgiwait/media.h"
#include "must.h"

static void parameters_and_letter_case_do_not_count(void **state)
{
    (void)state;
    assert_true(media_is(TEXT("text/plain"), TEXT("text/plain")));
    assert_true(media_is(TEXT("Text/Plain ; charset=utf-8"), TEXT("text/plain")));
    assert_false(media_is(TEXT("text/plainer"), TEXT("text/plain")));
    assert_false(media_is(TEXT(""), TEXT("text/plain")));
    assert_false(media_is((struct text){NULL, 0}, TEXT("text/plain")));
}

static void json_is_application_json_and_what_ends_in_plus_json(void **state)
{
    static const char *const json[] = {"application/json", "APPLICATION/JSON;charset=x",
                                       "application/problem+json", "a/b+JSON ; c=d"};
    static const char *const other[] = {"",
                                        "+json",
                                        "text/json",
                                        "application/jsonx",
                                        "application/x-json",
                                        "text/plain; a=application/json",
                                        "text/plain; a=b+json"};
    (void)state;
    for (size_t i = 0; i < sizeof json / sizeof *json; i++)
        must(media_is_json(text_of(json[i])), "%s", json[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++)
        must(!media_is_json(text_of(other[i])), "%s", other[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_letter_case_do_not_count),
        cmocka_unit_test(json_is_application_json_and_what_ends_in_plus_json),
    };
    return cmocka_run_group_tests_name("http/media", tests, NULL, NULL);
}
