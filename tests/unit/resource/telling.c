/* SPDX-License-Identifier: ISC */
/* What changed, as JSON. */
#include "fcgiwait/telling.h"

#include <stdlib.h>

#include "fcgiwait/json.h"
#include "must.h"

static char *told_as(const struct told *told, enum telling_as as)
{
    struct telling telling = {.len = 0};
    struct json_error error;
    telling_change(&telling, told, as);
    must(!telling.failed, "no memory");
    struct text text = {telling.bytes, telling.len};
    if (!json_check(text, &error))
        fail_msg("at %zu, %s: %.*s", error.offset, error.what, (int)text.len, text.at);
    telling_add(&telling, (struct text){"", 1});
    return telling.bytes;
}

static void must_tell(const char *path, const char *type, struct text body,
                      const char *expected)
{
    struct document *document = document_new(text_of(type), body);
    struct told told = {.path = text_of(path), .index = 12, .document = document};
    must(document != NULL, "no memory");
    char *text = told_as(&told, TELLING_AS_IT_IS);
    assert_string_equal(text, expected);
    free(text);
    document_unref(&document);
}

static void a_document_is_told_as_what_it_is(void **state)
{
    (void)state;
    must_tell("/live/a", "application/json", TEXT("{\"n\": 1}"),
              "{\"path\":\"/live/a\",\"index\":12,\"type\":\"application/json\","
              "\"document\":{\"n\": 1}}");
    must_tell("/a", "application/problem+json", TEXT("7"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"application/problem+json\","
              "\"document\":7}");
    must_tell("/a", "text/plain", TEXT("a \"b\"\\\n\t\x01\xc3\xbc\x7f"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"text/plain\","
              "\"document\":\"a \\\"b\\\"\\\\\\n\\u0009\\u0001\xc3\xbc\x7f\"}");
    must_tell("/a", "text/plain", TEXT(""),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"text/plain\",\"document\":\"\"}");
    must_tell("/a", "image/png", TEXT("\x89PNG"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"image/png\","
              "\"encoding\":\"base64\",\"document\":\"iVBORw==\"}");
}

/* A row that somebody else wrote. */
static void what_only_calls_itself_json_is_told_as_what_it_is(void **state)
{
    (void)state;
    must_tell("/a", "application/json", TEXT("1}, {\"path\": 2"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"application/json\","
              "\"document\":\"1}, {\\\"path\\\": 2\"}");
    must_tell("/a", "application/json", TEXT("[\"\xff\"]"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"application/json\","
              "\"encoding\":\"base64\",\"document\":\"WyL/Il0=\"}");
    must_tell("/a", "application/json", TEXT(""),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"application/json\","
              "\"document\":\"\"}");
    must_tell("/a", "a/\"\x01\xff", TEXT("x"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"a/\\\"\\u0001\xef\xbf\xbd\","
              "\"document\":\"x\"}");
}

static void base64_has_its_three_ends(void **state)
{
    (void)state;
    must_tell("/a", "x/y", TEXT("\xff"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"x/y\",\"encoding\":\"base64\","
              "\"document\":\"/w==\"}");
    must_tell("/a", "x/y", TEXT("\xff\xfe"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"x/y\",\"encoding\":\"base64\","
              "\"document\":\"//4=\"}");
    must_tell("/a", "x/y", TEXT("\xff\xfe\0"),
              "{\"path\":\"/a\",\"index\":12,\"type\":\"x/y\",\"encoding\":\"base64\","
              "\"document\":\"//4A\"}");
}

static void what_is_not_there_is_told_without(void **state)
{
    (void)state;
    struct told told = {.path = TEXT("/a"), .index = 7, .deleted = true};
    char *text = told_as(&told, TELLING_AS_IT_IS);
    assert_string_equal(text, "{\"path\":\"/a\",\"index\":7,\"deleted\":true}");
    free(text);
    told.deleted = false;
    text = told_as(&told, TELLING_AS_IT_IS);
    assert_string_equal(text, "{\"path\":\"/a\",\"index\":7}");
    free(text);
}

static void a_path_that_is_no_utf8_is_json_all_the_same(void **state)
{
    (void)state;
    struct told told = {.path = TEXT("/\xff\xc3(\xed\xa0\x80"), .index = 7};
    char *text = told_as(&told, TELLING_AS_IT_IS);
    assert_string_equal(text, "{\"path\":\"/\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf"
                              "\xbd\xef\xbf\xbd\",\"index\":7}");
    free(text);
}

static void one_line_is_one_line(void **state)
{
    struct document *document =
        document_new(TEXT("application/json"), TEXT("{\r\n  \"a\": \"b\\n\"\n}\n"));
    struct told told = {.path = TEXT("/a"), .index = 7, .document = document};
    (void)state;
    must(document != NULL, "no memory");
    char *text = told_as(&told, TELLING_IN_ONE_LINE);
    assert_null(strchr(text, '\n'));
    assert_non_null(strstr(text, "\"a\": \"b\\n\""));
    free(text);
    document_unref(&document);
}

static void it_can_be_as_small_as_what_is_told(void **state)
{
    struct telling telling = {.len = 0};
    (void)state;
    telling_fit(&telling); /* nothing is nothing */
    assert_null(telling.bytes);
    telling_add(&telling, TEXT("told"));
    assert_true(telling.capacity > 4);
    telling_fit(&telling);
    assert_int_equal(telling.capacity, 4);
    telling_add(&telling, TEXT(" more"));
    assert_memory_equal(telling.bytes, "told more", 9);
    free(telling.bytes);
}

static void many_are_told_one_behind_the_other(void **state)
{
    struct telling telling = {.len = 0};
    struct told told = {.path = TEXT("/a"), .index = 7};
    (void)state;
    for (int i = 0; i < 10000; i++)
        telling_change(&telling, &told, TELLING_AS_IT_IS);
    assert_false(telling.failed);
    assert_int_equal(telling.len, 10000 * strlen("{\"path\":\"/a\",\"index\":7}"));
    free(telling.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_is_told_as_what_it_is),
        cmocka_unit_test(what_only_calls_itself_json_is_told_as_what_it_is),
        cmocka_unit_test(base64_has_its_three_ends),
        cmocka_unit_test(what_is_not_there_is_told_without),
        cmocka_unit_test(a_path_that_is_no_utf8_is_json_all_the_same),
        cmocka_unit_test(one_line_is_one_line),
        cmocka_unit_test(it_can_be_as_small_as_what_is_told),
        cmocka_unit_test(many_are_told_one_behind_the_other),
    };
    return cmocka_run_group_tests_name("resource/telling", tests, NULL, NULL);
}
