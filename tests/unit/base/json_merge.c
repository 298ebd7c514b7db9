/* SPDX-License-Identifier: ISC */
/* JSON Merge Patch: RFC 7396, and what it must not do to the rest of the document. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fcgiwait/json.h"
#include "must.h"

/* What comes of it; NULL: nothing new. The caller's. */
static char *merged(const char *target, const char *patch)
{
    struct json_error error;
    char *out;
    size_t len;
    enum json_merged result =
        json_merge_patch(text_of(target), text_of(patch), &out, &len, &error);
    must(result != JSON_REFUSED, "%s with %s: refused at %zu: %s", target, patch,
         error.offset, error.what);
    must((out != NULL) == (result == JSON_CHANGED), "%s with %s", target, patch);
    must(out == NULL || strlen(out) == len, "%s with %s: a wrong length", target, patch);
    return out;
}

static void check(const char *target, const char *patch, const char *expected)
{
    char *out = merged(target, patch);
    must(out != NULL ? strcmp(out, expected) == 0 : strcmp(target, expected) == 0,
         "%s with %s: %s", target, patch, out != NULL ? out : "the same");
    free(out);
}

static void check_same(const char *target, const char *patch)
{
    char *out = merged(target, patch);
    must(out == NULL, "%s with %s: %s", target, patch, out);
}

/* The last column of the RFC's table, without its white space. */
static void the_examples_of_rfc_7396_appendix_a_hold(void **state)
{
    (void)state;
    check("{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    check("{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}");
    check("{\"a\":\"b\"}", "{\"a\":null}", "{}");
    check("{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}");
    check("{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}");
    check("{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}");
    check("{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
          "{\"a\":{\"b\":\"d\"}}");
    check("{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}");
    check("[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]");
    check("{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]");
    check("{\"a\":\"foo\"}", "null", "null");
    check("{\"a\":\"foo\"}", "\"bar\"", "\"bar\"");
    check("{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}");
    check("[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}");
    check("{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}");
}

/* Section 3 of the RFC. */
static void a_nested_patch_changes_what_it_names_and_nothing_else(void **state)
{
    (void)state;
    check(
        "{\"title\": \"Goodbye!\", \"author\": {\"givenName\": \"John\", \"familyName\": "
        "\"Doe\"}, \"tags\": [\"example\", \"sample\"], \"content\": \"unchanged\"}",
        "{\"title\": \"Hello!\", \"phoneNumber\": \"+01-123-456-7890\", \"author\": "
        "{\"familyName\": null}, \"tags\": [\"example\"]}",
        "{\"title\":\"Hello!\",\"author\":{\"givenName\":\"John\"},\"tags\":"
        "[\"example\"],\"content\":\"unchanged\",\"phoneNumber\":"
        "\"+01-123-456-7890\"}");
}

static void members_that_are_not_named_keep_every_byte(void **state)
{
    (void)state;
    check("{\"n\": 123456789012345678901234567890, \"z\": -0, \"f\": 1.000e+02, \"s\": "
          "\"\\u00e9\\ud800\\/\", \"o\": { \"k\" : [ 1 , 2 ] }, \"a\": 1}",
          "{\"a\": 2}",
          "{\"n\":123456789012345678901234567890,\"z\":-0,\"f\":1.000e+02,\"s\":"
          "\"\\u00e9\\ud800\\/\",\"o\":{ \"k\" : [ 1 , 2 ] },\"a\":2}");
    check("{\"a\\u0000b\":1,\"a\":2}", "{\"a\":3}", "{\"a\\u0000b\":1,\"a\":3}");
}

static void a_patch_that_asks_for_what_is_there_is_the_same(void **state)
{
    (void)state;
    check_same("{\"a\":1}", "{}");
    check_same("{\"a\":1}", "{\"a\":1}");
    check_same("{ \"a\" : [1, {\"b\": \"c d\"}] }", "{\"a\":[1,{\"b\":\"c d\"}]}");
    check_same("{\"a\":{\"b\":{\"c\":true}}}", "{\"a\":{\"b\":{\"c\":true,\"d\":null}}}");
    check_same("{\"a\":1}", "{\"b\":null}");
    check_same("[1, 2]", " [1,2] ");
}

static void numbers_that_differ_are_a_change_however_long(void **state)
{
    (void)state;
    check("{\"a\":111111111111111111111111111111}",
          "{\"a\":222222222222222222222222222222}",
          "{\"a\":222222222222222222222222222222}");
    check("{\"a\":[12]}", "{\"a\":[1,2]}", "{\"a\":[1,2]}");
    check("{\"a\":\"b c\"}", "{\"a\":\"bc\"}", "{\"a\":\"bc\"}");
}

static void names_are_the_same_however_they_are_written(void **state)
{
    (void)state;
    check("{\"\\u0061\":1,\"b\\\"c\":2}", "{\"a\":3,\"b\\u0022c\":4}",
          "{\"\\u0061\":3,\"b\\\"c\":4}");
    check("{\"a\":1}", "{\"a\\u0000\":2}", "{\"a\":1,\"a\\u0000\":2}");
    check("{\"\":1}", "{\"\":null}", "{}");
}

static void of_members_with_one_name_the_last_counts(void **state)
{
    (void)state;
    check("{}", "{\"a\":1,\"a\":2}", "{\"a\":2}");
    check("{\"a\":1,\"b\":0,\"a\":2}", "{\"a\":3}", "{\"a\":3,\"b\":0}");
    check("{\"a\":1,\"b\":0,\"a\":2}", "{\"a\":null}", "{\"b\":0}");
}

static void what_is_not_json_is_refused(void **state)
{
    static const char *const bad[] = {"", "{", "{\"a\":}", "{\"a\":1}x", "{\"a\":NaN}"};
    struct json_error error;
    char *out;
    size_t len;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(
            json_merge_patch(TEXT("{}"), text_of(bad[i]), &out, &len, &error),
            JSON_REFUSED);
        assert_int_equal(
            json_merge_patch(text_of(bad[i]), TEXT("{}"), &out, &len, &error),
            JSON_REFUSED);
        assert_null(out);
    }
}

/* {"a":{"a":...1...}}, `depth` objects deep. The caller's. */
static char *nested(size_t depth, char leaf)
{
    char *text = malloc(6 * depth + 2), *at = text;
    for (size_t i = 0; i < depth; i++)
        at += sprintf(at, "{\"a\":");
    *at++ = leaf;
    memset(at, '}', depth);
    at[depth] = '\0';
    return text;
}

static void nesting_is_bounded(void **state)
{
    struct json_error error;
    char *deep = nested(100, '1'), *deeper = nested(100, '2'), *abyss = nested(9999, '1');
    char *out;
    size_t len;
    (void)state;
    check(deep, deeper, deeper);
    check("{}", deep, deep);
    assert_int_equal(json_merge_patch(TEXT("{}"), text_of(abyss), &out, &len, &error),
                     JSON_REFUSED);
    free(deep);
    free(deeper);
    free(abyss);
}

/* As many members as fit a document, all of them patched: no pair is looked at twice. */
static void a_large_patch_takes_no_longer_than_its_size(void **state)
{
    enum { MEMBERS = 50000 };
    char *texts[2];
    struct json_error error;
    char *out;
    size_t len;
    (void)state;
    for (int t = 0; t < 2; t++) {
        char *at = texts[t] = malloc(MEMBERS * 20 + 2);
        for (int i = 0; i < MEMBERS; i++)
            at += sprintf(at, "%c\"k%d\":%d", i == 0 ? '{' : ',', i, i + t);
        strcpy(at, "}");
    }
    assert_int_equal(
        json_merge_patch(text_of(texts[0]), text_of(texts[1]), &out, &len, &error),
        JSON_CHANGED);
    assert_string_equal(out, texts[1]);
    free(out);
    free(texts[0]);
    free(texts[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_7396_appendix_a_hold),
        cmocka_unit_test(a_nested_patch_changes_what_it_names_and_nothing_else),
        cmocka_unit_test(members_that_are_not_named_keep_every_byte),
        cmocka_unit_test(a_patch_that_asks_for_what_is_there_is_the_same),
        cmocka_unit_test(numbers_that_differ_are_a_change_however_long),
        cmocka_unit_test(names_are_the_same_however_they_are_written),
        cmocka_unit_test(of_members_with_one_name_the_last_counts),
        cmocka_unit_test(what_is_not_json_is_refused),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(a_large_patch_takes_no_longer_than_its_size),
    };
    return cmocka_run_group_tests_name("base/json_merge", tests, NULL, NULL);
}
