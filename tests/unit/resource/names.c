/* SPDX-License-Identifier: ISC */
/* Names below a path: none leads out of it. */
#include "fcgiwait/names.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

#define MOST 5

/* The names in order, each in brackets; or the result's number. */
static const char *said(enum names_read result, struct names *names)
{
    static char text[1024];
    int len = 0;
    snprintf(text, sizeof text, "%d", (int)result);
    if (result != NAMES_READ)
        return text;
    text[0] = '\0';
    for (size_t i = 0; i < names->count; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "[%.*s]",
                        (int)names->at[i].len, names->at[i].at);
    names_dispose(names);
    return text;
}

struct row {
    const char *text, *names; /* NULL: NAMES_LEAD_OUT */
};

static void must_read(const struct row *row, enum names_read result, struct names *names)
{
    char refused[8];
    snprintf(refused, sizeof refused, "%d", (int)NAMES_LEAD_OUT);
    const char *text = said(result, names);
    if (strcmp(text, row->names != NULL ? row->names : refused) != 0)
        fail_msg("%s: %s", row->text, text);
}

static void names_in_a_query_are_separated_by_commas(void **state)
{
    static const struct row rows[] = {
        {"a", "[a]"},
        {"a,b/c", "[a][b/c]"},
        {"a%2Cb,c%2fd", "[a,b][c/d]"},
        {"%C3%BC,a+b,a%2Bb,a%25", "[\xc3\xbc][a b][a+b][a%]"},
        {"a/", "[a/]"},
        {"...,.a,a.", "[...][.a][a.]"},
        {"", NULL},
        {"a,", NULL},
        {",a", NULL},
        {"a,,b", NULL},
        {"/a", NULL},
        {"/", NULL},
        {"a//b", NULL},
        {"a//", NULL},
        {"..", NULL},
        {"a/..", NULL},
        {"a/../b", NULL},
        {"%2e%2e/b", NULL},
        {"a/./b", NULL},
        {".", NULL},
        {"a%00b", NULL},
        {"a%0Ab", NULL},
        {"a%7f", NULL},
        {"%2Fa", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct names names = {.count = 0};
        must_read(&rows[i], names_parse(text_of(rows[i].text), MOST, &names), &names);
    }
}

static void names_in_a_body_are_a_json_array(void **state)
{
    static const struct row rows[] = {
        {"[\"a\"]", "[a]"},
        {" [ \"a\" , \"b/c\" ]\n", "[a][b/c]"},
        {"[\"a,b\",\"%2F\",\"\\u00fc\\/x\"]", "[a,b][%2F][\xc3\xbc/x]"},
        {"[\"\\ud83d\\ude00\"]", "[\xf0\x9f\x98\x80]"},
        {"[]", NULL},
        {"[\"\"]", NULL},
        {"[\"/a\"]", NULL},
        {"[\"a\",\"..\"]", NULL},
        {"[\"a\\u0000b\"]", NULL},
        {"[\"a\\nb\"]", NULL},
    };
    static const char *const unreadable[] = {
        "",       "a",         "\"a\"", "{}",        "[1]",       "[\"a\",1]",
        "[\"a\"", "[\"a\"] x", "null",  "[[\"a\"]]", "[\"\xff\"]"};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct names names = {.count = 0};
        must_read(&rows[i], names_parse_json(text_of(rows[i].text), MOST, &names),
                  &names);
    }
    for (size_t i = 0; i < sizeof unreadable / sizeof *unreadable; i++) {
        struct names names = {.count = 0};
        if (names_parse_json(text_of(unreadable[i]), MOST, &names) != NAMES_UNREADABLE)
            fail_msg("%s", unreadable[i]);
    }
}

static void too_many_are_not_read(void **state)
{
    struct names names = {.count = 0};
    (void)state;
    assert_string_equal(said(names_parse(TEXT("a,b,c,d,e"), MOST, &names), &names),
                        "[a][b][c][d][e]");
    assert_int_equal(names_parse(TEXT("a,b,c,d,e,f"), MOST, &names), NAMES_TOO_MANY);
    assert_int_equal(
        names_parse_json(TEXT("[\"a\",\"b\",\"c\",\"d\",\"e\",\"f\"]"), MOST, &names),
        NAMES_TOO_MANY);
}

static void a_broken_escape_is_unreadable(void **state)
{
    struct names names = {.count = 0};
    (void)state;
    assert_int_equal(names_parse(TEXT("a,%2"), MOST, &names), NAMES_UNREADABLE);
    assert_int_equal(names_parse(TEXT("%zz"), MOST, &names), NAMES_UNREADABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_in_a_query_are_separated_by_commas),
        cmocka_unit_test(names_in_a_body_are_a_json_array),
        cmocka_unit_test(too_many_are_not_read),
        cmocka_unit_test(a_broken_escape_is_unreadable),
    };
    return cmocka_run_group_tests_name("resource/names", tests, NULL, NULL);
}
