#include "fcgiwait/text.h"

#include "must.h"

static void a_number_is_digits_alone_and_not_above_its_limit(void **state)
{
    uint64_t value = 7;
    (void)state;
    assert_true(text_number(TEXT("0"), 10, &value));
    assert_int_equal(value, 0);
    assert_true(text_number(TEXT("10"), 10, &value));
    assert_int_equal(value, 10);
    assert_false(text_number(TEXT("11"), 10, &value));
    assert_false(text_number(TEXT(""), 10, &value));
    assert_false(text_number(TEXT("+1"), 10, &value));
    assert_false(text_number(TEXT("1 "), 10, &value));
    assert_true(text_number(TEXT("18446744073709551615"), UINT64_MAX, &value));
    assert_true(value == UINT64_MAX);
    assert_false(text_number(TEXT("18446744073709551616"), UINT64_MAX, &value));
}

static void cutting_gives_every_piece_once(void **state)
{
    struct text rest = TEXT("a,,b"), piece;
    (void)state;
    assert_true(text_cut(&rest, ',', &piece));
    assert_true(text_is(piece, TEXT("a")));
    assert_true(text_cut(&rest, ',', &piece));
    assert_int_equal(piece.len, 0);
    assert_true(text_cut(&rest, ',', &piece));
    assert_true(text_is(piece, TEXT("b")));
    assert_false(text_cut(&rest, ',', &piece));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_digits_alone_and_not_above_its_limit),
        cmocka_unit_test(cutting_gives_every_piece_once),
    };
    return cmocka_run_group_tests_name("base/text", tests, NULL, NULL);
}
