/* SPDX-License-Identifier: ISC */
/* Which transactions a reader sees. */
#include "store/postgres_snapshot.h"

#include "must.h"

static bool sees(const char *said, uint32_t transaction)
{
    struct postgres_snapshot snapshot;
    must(postgres_snapshot_read(text_of(said), &snapshot), "%s is refused", said);
    return postgres_snapshot_sees(&snapshot, transaction);
}

static void those_that_are_over_are_seen(void **state)
{
    (void)state;
    assert_true(sees("10:20:10,14,15", 9));
    assert_false(sees("10:20:10,14,15", 10));
    assert_true(sees("10:20:10,14,15", 11));
    assert_false(sees("10:20:10,14,15", 15));
    assert_true(sees("10:20:10,14,15", 19));
    assert_false(sees("10:20:10,14,15", 20));
    assert_false(sees("10:20:10,14,15", 21));
    assert_true(sees("20:20:", 19));
    assert_false(sees("20:20:", 20));
}

/* 4294967296 is 2^32. */
static void numbers_of_the_log_wrap_around(void **state)
{
    (void)state;
    assert_true(sees("4294967290:4294967300:4294967299", 4294967289u));
    assert_true(sees("4294967290:4294967300:4294967299", 2));
    assert_false(sees("4294967290:4294967300:4294967299", 3));
    assert_false(sees("4294967290:4294967300:4294967299", 4));
    assert_true(sees("4294967290:4294967300:4294967299", 4294967295u));
    assert_false(sees("4294967290:4294967294:", 5)); /* it began later */
}

static void nothing_else_is_a_snapshot(void **state)
{
    static const char *const wrong[] = {"",        "10",       "10:20",
                                        "a:20:",   "10:b:",    "20:10:",
                                        "10:20:x", "10:20:1,", "10:20:1,,2"};
    struct postgres_snapshot snapshot = {.to = 0};
    (void)state;
    assert_false(postgres_snapshot_sees(&snapshot, 5));
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        must(!postgres_snapshot_read(text_of(wrong[i]), &snapshot), "\"%s\" is taken",
             wrong[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(those_that_are_over_are_seen),
        cmocka_unit_test(numbers_of_the_log_wrap_around),
        cmocka_unit_test(nothing_else_is_a_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
