/* SPDX-License-Identifier: ISC */
#include "fcgiwait/query.h"

#include "must.h"

static void the_first_argument_of_a_name_counts(void **state)
{
    static const struct {
        const char *query, *name, *value; /* value NULL: none */
    } rows[] = {
        {"index=7", "index", "7"},
        {"index=7&wait=60", "wait", "60"},
        {"a=1&index=7", "index", "7"},
        {"index=7&index=8", "index", "7"},
        {"index=", "index", ""},
        {"index", "index", ""},
        {"index&wait=1", "index", ""},
        {"index=a=b", "index", "a=b"},
        {"&&index=7&&", "index", "7"},
        {"=7&index=8", "index", "8"},
        {"=7", "", "7"},
        {"", "index", NULL},
        {"", "", NULL},
        {"&", "", NULL},
        {"wait=60", "index", NULL},
        {"Index=7", "index", NULL},
        {"index2=7&xindex=8", "index", NULL},
        {"a=index=7", "index", NULL},
        {"index;wait=1", "wait", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text value = TEXT("?");
        bool found = query_get(text_of(rows[i].query), text_of(rows[i].name), &value);
        if (found != (rows[i].value != NULL) ||
            (found && !text_is(value, text_of(rows[i].value))))
            fail_msg("%s in \"%s\" is \"%.*s\"", rows[i].name, rows[i].query,
                     (int)value.len, value.at);
    }
    struct text value;
    assert_false(query_get((struct text){NULL, 0}, TEXT("index"), &value));
}

static void escapes_and_plus_signs_are_undone(void **state)
{
    static const struct {
        const char *said;
        struct text decoded; /* `at` NULL: refused */
    } rows[] = {
        {"", TEXT("")},
        {"abc", TEXT("abc")},
        {"a+b", TEXT("a b")},
        {"a%20b", TEXT("a b")},
        {"%41%6a%6A", TEXT("Ajj")},
        {"%2B%25", TEXT("+%")},
        {"%00", TEXT("\0")},
        {"%C3%A4", TEXT("\xc3\xa4")},
        {"\xc3\xa4", TEXT("\xc3\xa4")},
        {"%", {NULL, 0}},
        {"%4", {NULL, 0}},
        {"a%4", {NULL, 0}},
        {"%4g", {NULL, 0}},
        {"%g4", {NULL, 0}},
        {"%%41", {NULL, 0}},
        {"% 4", {NULL, 0}},
        {"%u0041", {NULL, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[16];
        size_t len;
        bool decoded = query_decode(text_of(rows[i].said), out, sizeof out, &len);
        if (decoded != (rows[i].decoded.at != NULL) ||
            (decoded && !text_is((struct text){out, len}, rows[i].decoded)))
            fail_msg("\"%s\" is decoded as \"%.*s\"", rows[i].said, (int)len, out);
    }
}

static void what_does_not_fit_is_refused(void **state)
{
    char out[4];
    size_t len;
    (void)state;
    assert_true(query_decode(TEXT("abcd"), out, 4, &len));
    assert_true(query_decode(TEXT("%41%42%43%44"), out, 4, &len));
    assert_int_equal(len, 4);
    assert_false(query_decode(TEXT("abcde"), out, 4, &len));
    assert_false(query_decode(TEXT("abcd%45"), out, 4, &len));
    assert_int_equal(len, 4);
    assert_false(query_decode(TEXT("a"), out, 0, &len));
    assert_true(query_decode(TEXT(""), out, 0, &len));
}

static void the_others_stay_byte_for_byte(void **state)
{
    static const struct text ours[] = {TEXT("index"), TEXT("wait")};
    static const struct {
        const char *query, *left;
    } rows[] = {
        {"", ""},
        {"index=7", ""},
        {"index=7&wait=60", ""},
        {"a=1", "a=1"},
        {"a=1&index=7&b=2&wait=60&c", "a=1&b=2&c"},
        {"index=1&a=%41+b&index=2", "a=%41+b"},
        {"index", ""},
        {"indexes=1&awaits=2", "indexes=1&awaits=2"},
        {"a=index&b=wait=1", "a=index&b=wait=1"},
        {"&a=1&", "&a=1&"},
        {"a&&b", "a&&b"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[64];
        size_t len = query_without(text_of(rows[i].query), ours, 2, out);
        if (!text_is((struct text){out, len}, text_of(rows[i].left)))
            fail_msg("of \"%s\" is left \"%.*s\"", rows[i].query, (int)len, out);
        assert_true(len <= strlen(rows[i].query));
    }
}

static void the_names_can_be_others_or_none(void **state)
{
    static const struct {
        const char *said, *index, *wait;
    } rows[] = {
        {"", "index", "wait"},
        {"index,wait", "index", "wait"},
        {" since , hold ", "since", "hold"},
        {"off", "", ""},
    };
    static const char *const wrong[] = {"of",  "a",    "a,",    ",b",
                                        "a,a", "a,b,", "a b,c", "=,&"};
    struct query_names names;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(query_names_parse(text_of(rows[i].said), &names));
        assert_true(text_is(names.index, text_of(rows[i].index)));
        assert_true(text_is(names.wait, text_of(rows[i].wait)));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (query_names_parse(text_of(wrong[i]), &names))
            fail_msg("\"%s\" was taken", wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_can_be_others_or_none),
        cmocka_unit_test(the_first_argument_of_a_name_counts),
        cmocka_unit_test(escapes_and_plus_signs_are_undone),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(the_others_stay_byte_for_byte),
    };
    return cmocka_run_group_tests_name("http/query", tests, NULL, NULL);
}
