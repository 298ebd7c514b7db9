/* SPDX-License-Identifier: ISC */
#include "fcgiwait/text.h"

#include "must.h"

static void equal_is_byte_for_byte(void **state)
{
    (void)state;
    assert_true(text_is(TEXT("abc"), TEXT("abc")));
    assert_false(text_is(TEXT("abc"), TEXT("abd")));
    assert_false(text_is(TEXT("abc"), TEXT("ab")));
    assert_false(text_is(TEXT("abc"), TEXT("ABC")));
    assert_true(text_is(TEXT("a\0b"), TEXT("a\0b")));
    assert_false(text_is(TEXT("a\0b"), TEXT("a\0c")));
    assert_true(text_is(TEXT(""), (struct text){NULL, 0}));
    assert_true(text_is(text_of(NULL), TEXT("")));
}

static void alike_is_but_for_the_case_of_ascii_letters(void **state)
{
    (void)state;
    assert_true(text_is_like(TEXT("Prefer"), TEXT("pREFER")));
    assert_true(text_is_like(TEXT("a-[1]"), TEXT("A-[1]")));
    assert_false(text_is_like(TEXT("a"), TEXT("ab")));
    assert_false(text_is_like(TEXT("@"), TEXT("`")));
    assert_false(text_is_like(TEXT("["), TEXT("{")));
    assert_false(text_is_like(TEXT("\xc3\xa4"), TEXT("\xc3\x84")));
    assert_true(text_is_like(TEXT(""), (struct text){NULL, 0}));
}

static void a_text_starts_with_its_beginnings(void **state)
{
    (void)state;
    assert_true(text_starts(TEXT("abc"), TEXT("")));
    assert_true(text_starts(TEXT("abc"), TEXT("ab")));
    assert_true(text_starts(TEXT("abc"), TEXT("abc")));
    assert_false(text_starts(TEXT("abc"), TEXT("abcd")));
    assert_false(text_starts(TEXT("abc"), TEXT("b")));
    assert_true(text_starts((struct text){NULL, 0}, TEXT("")));
}

static void trimming_takes_blanks_off_both_ends(void **state)
{
    static const struct {
        struct text said, left;
    } rows[] = {
        {TEXT(""), TEXT("")},           {TEXT(" \t "), TEXT("")},
        {TEXT("a"), TEXT("a")},         {TEXT("\t a b "), TEXT("a b")},
        {TEXT("\na\r"), TEXT("\na\r")}, {{NULL, 0}, TEXT("")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (!text_is(text_trim(rows[i].said), rows[i].left))
            fail_msg("row %zu", i);
}

static void cutting_gives_every_piece_once(void **state)
{
    static const struct {
        struct text whole;
        int count;
        struct text pieces[4];
    } rows[] = {
        {TEXT("a,,b"), 3, {TEXT("a"), TEXT(""), TEXT("b")}},
        {TEXT("a"), 1, {TEXT("a")}},
        {TEXT(","), 2, {TEXT(""), TEXT("")}},
        {TEXT("a,b,"), 3, {TEXT("a"), TEXT("b"), TEXT("")}},
        {TEXT(""), 1, {TEXT("")}},
        {{NULL, 0}, 0, {{NULL, 0}}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct text rest = rows[i].whole, piece;
        for (int j = 0; j < rows[i].count; j++) {
            assert_true(text_cut(&rest, ',', &piece));
            if (!text_is(piece, rows[i].pieces[j]))
                fail_msg("row %zu, piece %d", i, j);
        }
        assert_false(text_cut(&rest, ',', &piece));
        assert_null(rest.at);
    }
}

static void a_list_has_its_members_whole(void **state)
{
    (void)state;
    assert_true(text_lists(TEXT("a"), TEXT("A")));
    assert_true(text_lists(TEXT("Link, X-Total-Count ,etag"), TEXT("x-total-count")));
    assert_true(text_lists(TEXT("Link, X-Total-Count ,etag"), TEXT("ETag")));
    assert_false(text_lists(TEXT("Link, X-Total-Count"), TEXT("X-Total")));
    assert_false(text_lists(TEXT("Link X-Total-Count"), TEXT("Link")));
    assert_false(text_lists(TEXT(""), TEXT("a")));
    assert_false(text_lists((struct text){0}, TEXT("a")));
}

static void a_number_is_digits_alone_and_not_above_its_limit(void **state)
{
    static const struct {
        const char *said;
        uint64_t most;
        bool taken;
        uint64_t value;
    } rows[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 7},
        {"007", 10, true, 7},
        {"10", 10, true, 10},
        {"11", 10, false, 7},
        {"20", 19, false, 7},
        {"19", 19, true, 19},
        {"", 10, false, 7},
        {"+1", 10, false, 7},
        {"-1", 10, false, 7},
        {"1 ", 10, false, 7},
        {" 1", 10, false, 7},
        {"1a", 10, false, 7},
        {"/", 99, false, 7},
        {":", 99, false, 7},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 7},
        {"99999999999999999999", UINT64_MAX, false, 7},
        {"18446744073709551610000", UINT64_MAX, false, 7},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 7;
        bool taken = text_number(text_of(rows[i].said), rows[i].most, &value);
        if (taken != rows[i].taken || value != rows[i].value)
            fail_msg("\"%s\" up to %llu is %llu", rows[i].said,
                     (unsigned long long)rows[i].most, (unsigned long long)value);
    }
}

static void numbers_are_written_in_full(void **state)
{
    static const struct {
        uint64_t value;
        const char *text;
    } rows[] = {{0, "0"},
                {7, "7"},
                {10, "10"},
                {1795545744000003, "1795545744000003"},
                {UINT64_MAX, "18446744073709551615"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[TEXT_NUMBER];
        struct text text = {out, text_format(rows[i].value, out)};
        assert_true(text_is(text, text_of(rows[i].text)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_is_byte_for_byte),
        cmocka_unit_test(alike_is_but_for_the_case_of_ascii_letters),
        cmocka_unit_test(a_text_starts_with_its_beginnings),
        cmocka_unit_test(trimming_takes_blanks_off_both_ends),
        cmocka_unit_test(cutting_gives_every_piece_once),
        cmocka_unit_test(a_list_has_its_members_whole),
        cmocka_unit_test(a_number_is_digits_alone_and_not_above_its_limit),
        cmocka_unit_test(numbers_are_written_in_full),
    };
    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
