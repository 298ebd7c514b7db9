/* SPDX-License-Identifier: ISC */
/* JSON is what RFC 8259 and every browser take for it. */
#include "fcgiwait/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

static void json_texts_are_taken(void **state)
{
    static const char *const good[] = {
        "{}",
        "[]",
        "0",
        "-0",
        "-1.5e+10",
        "1E5",
        "1e-7",
        "true",
        "false",
        "null",
        "\"\"",
        " \t\r\n{ \"a\" : [ 1 , 2.0 , { } ] } \r\n",
        "\"\\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u00e9\"",
        "\"\\\\\"",
        "[\"\\\\\", 0]",
        "\"NaN, Infinity, 'single', 01 and 1. are only text here\"",
        "{\"a\":1,\"a\":2}",
        "\"gr\xc3\xbc\xc3\x9f\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "123456789012345678901234567890",
        "-123456789012345678901234567890e-400",
        "\"\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf\"",
        "\"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf\"",
        "{\"\":{},\"b\":[[],{},\"\"],\"c\":{\"d\":[{\"e\":null}]}}",
        "[[[[[[[[[[]]]]]]]]]]",
    };
    struct json_error error;
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!json_check(text_of(good[i]), &error))
            fail_msg("%s is refused at %zu: %s", good[i], error.offset, error.what);
}

static void what_no_browser_reads_is_refused_with_its_offset(void **state)
{
    static const struct {
        const char *said;
        long offset; /* -1: wherever */
    } bad[] = {
        {"", 0},           {" ", 1},           {"{", 1},
        {"[1,", 3},        {"\"abc", 4},       {"tru", 3},
        {"x", 0},          {"{\"a\":x}", 5},   {"{\"a\" 1}", 5},
        {"{a:1}", 1},      {"{1:1}", 1},       {"[1,]", 3},
        {"{\"a\":1,}", 7}, {"[1 2]", 3},       {"{} {}", 3},
        {"1 2", 2},        {"[]]", 2},         {"NaN", 0},
        {"[Infinity]", 1}, {"-Infinity", 1},   {"[01]", -1},
        {"-01", 1},        {"1.", 2},          {"[1.]", 3},
        {".5", 0},         {"+1", 0},          {"1e", -1},
        {"[1e+]", -1},     {"-", -1},          {"'a'", 0},
        {"{'a':1}", 1},    {"\"a\tb\"", 2},    {"\"a\nb\"", 2},
        {"\"\\x41\"", 2},  {"\"\\u12g4\"", 5}, {"/* a */ 1", 0},
        {"// a\n1", 0},    {"True", -1},       {"NULL", -1},
        {"\"\xff\"", 1},   {"\"\xc3\"", -1},   {"\xef\xbb\xbf{}", 0},
        {"undefined", 0},  {"[", 1},           {"[1", 2},
        {"[1}", 2},        {"{\"a\":1]", 6},   {"{]", 1},
        {"[}", 1},         {"{\"a\"}", 4},     {"{\"a\":}", 5},
        {"{,}", 1},        {"[,]", 1},         {"]", 0},
        {"}", 0},          {",", 0},           {"\"\\", 2},
        {"\"\\u00", 5},    {"--1", 1},         {"1e5.2", 3},
        {"truex", 4},      {"nul1", 3},        {"[tru]", 4},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct json_error error = {99, NULL};
        if (json_check(text_of(bad[i].said), &error))
            fail_msg("%s is taken", bad[i].said);
        if (error.what == NULL || error.what[0] == '\0')
            fail_msg("%s is refused without a reason", bad[i].said);
        if (bad[i].offset >= 0 && error.offset != (size_t)bad[i].offset)
            fail_msg("%s is refused at %zu: %s", bad[i].said, error.offset, error.what);
        if (error.offset > strlen(bad[i].said))
            fail_msg("%s is refused behind its end", bad[i].said);
    }
}

/* Overlong forms, halves of pairs, what is beyond U+10FFFF, and what is cut off. */
static void what_is_no_utf8_is_refused(void **state)
{
    static const char *const bad[] = {"\x80",
                                      "\xc0\x80",
                                      "\xc1\xbf",
                                      "\xc3(",
                                      "\xe0\x9f\xbf",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xe2\x82",
                                      "\xe2\x28\xa1",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xf0\x9f\x98",
                                      "\xff",
                                      "\xfe\xff",
                                      "\xc3\xc3\xbc"};
    struct json_error error;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[16];
        snprintf(text, sizeof text, "[\"%s\"]", bad[i]);
        if (json_check(text_of(text), &error))
            fail_msg("row %zu is taken", i);
        must(error.offset >= 2 && error.offset < strlen(text) - 1, "row %zu: at %zu", i,
             error.offset);
    }
}

static void a_zero_byte_is_no_end(void **state)
{
    static const struct text bad[] = {TEXT("{}\0"),  TEXT("{}\0{}"),   TEXT("1\0"),
                                      TEXT("[1\0]"), TEXT("\"a\0b\""), TEXT("\0")};
    struct json_error error;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (json_check(bad[i], &error))
            fail_msg("text %zu is taken", i);
}

/* The bytes end where a page does: one more would be a crash under a sanitizer. */
static void nothing_behind_the_text_is_read(void **state)
{
    static const struct text texts[] = {TEXT("{\"a\":[1,2.5,true,null,\"b\\n\"]}"),
                                        TEXT("12345"), TEXT("-0.5e7"), TEXT("\"\\\\\"")};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (size_t len = 1; len <= texts[i].len; len++) {
            struct json_error error;
            char *bytes = malloc(len);
            must(bytes != NULL, "no memory");
            memcpy(bytes, texts[i].at, len);
            bool taken = json_check((struct text){bytes, len}, &error);
            free(bytes);
            if (len == texts[i].len && !taken)
                fail_msg("%s is refused: %s", texts[i].at, error.what);
        }
}

/* Nesting that would overflow somebody's stack. */
static void deep_nesting_is_refused_and_survived(void **state)
{
    enum { DEEP = 100000 };
    char *deep = malloc(2 * DEEP);
    struct json_error error;
    (void)state;
    must(deep != NULL, "no memory");
    memset(deep, '[', DEEP);
    memset(deep + DEEP, ']', DEEP);
    assert_false(json_check((struct text){deep, 2 * DEEP}, &error));
    assert_true(json_check((struct text){deep + DEEP - 128, 256}, &error));
    assert_false(json_check((struct text){deep + DEEP - 129, 258}, &error));
    assert_int_equal(error.offset, 128);
    free(deep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_texts_are_taken),
        cmocka_unit_test(what_no_browser_reads_is_refused_with_its_offset),
        cmocka_unit_test(what_is_no_utf8_is_refused),
        cmocka_unit_test(a_zero_byte_is_no_end),
        cmocka_unit_test(nothing_behind_the_text_is_read),
        cmocka_unit_test(deep_nesting_is_refused_and_survived),
    };
    return cmocka_run_group_tests_name("base/json", tests, NULL, NULL);
}
