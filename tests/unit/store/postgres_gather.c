/* SPDX-License-Identifier: ISC */
/* What one transaction changes: each path once, and never more than there is room for.
 * The mapping of rows is replaced: relation R's row N is /R/N. */
#include "store/postgres_gather.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

bool __wrap_postgres_tables_touch(struct postgres_tables *tables,
                                  const struct postgres_message *message,
                                  const struct postgres_toucher *toucher);
bool __wrap_postgres_tables_touch_all(struct postgres_tables *tables,
                                      const struct postgres_message *message,
                                      const struct postgres_toucher *toucher);

static size_t rows_looked_at;

bool __wrap_postgres_tables_touch(struct postgres_tables *tables,
                                  const struct postgres_message *message,
                                  const struct postgres_toucher *toucher)
{
    char path[64];
    (void)tables;
    rows_looked_at++;
    snprintf(path, sizeof path, "/%u/%llu", message->relation,
             (unsigned long long)message->lsn);
    return toucher->touch(toucher->context, text_of(path), false);
}

bool __wrap_postgres_tables_touch_all(struct postgres_tables *tables,
                                      const struct postgres_message *message,
                                      const struct postgres_toucher *toucher)
{
    char path[64];
    (void)tables;
    snprintf(path, sizeof path, "/%u", message->relation);
    return toucher->touch(toucher->context, text_of(path), true);
}

static int start(void **state)
{
    *state = calloc(1, sizeof(struct postgres_gather));
    rows_looked_at = 0;
    return *state == NULL;
}

static int stop(void **state)
{
    postgres_gather_empty(*state);
    free(*state);
    return 0;
}

static void row(struct postgres_gather *gather, uint32_t relation, uint64_t number)
{
    struct postgres_message message = {
        .kind = POSTGRES_INSERT, .relation = relation, .lsn = number};
    postgres_gather_row(gather, NULL, &message);
}

/* "kind path" of each change, in no order of note. */
static bool has(const struct postgres_gather *gather, size_t count, enum change_kind kind,
                const char *path)
{
    for (size_t i = 0; i < count; i++)
        if (gather->changes[i].kind == kind &&
            text_is(gather->changes[i].path, text_of(path)))
            return true;
    return false;
}

static void each_path_is_there_once(void **state)
{
    struct postgres_gather *gather = *state;
    assert_true(postgres_gather_is_empty(gather));
    for (int i = 0; i < 10; i++)
        row(gather, 1, (uint64_t)i % 2);
    postgres_gather_path(gather, TEXT("/1/0"), false);
    postgres_gather_path(gather, TEXT("/1/0"), true);
    postgres_gather_path(gather, TEXT("no path"), true);
    assert_false(postgres_gather_is_empty(gather));
    size_t count = postgres_gather_changes(gather, 7, 5, 0);
    assert_int_equal(count, 3);
    assert_true(has(gather, count, CHANGE_TOUCH, "/1/0"));
    assert_true(has(gather, count, CHANGE_TOUCH, "/1/1"));
    assert_true(has(gather, count, CHANGE_EVERYTHING, "/1/0"));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(gather->changes[i].index, 7);
        assert_int_equal(gather->changes[i].at, 5);
    }
    postgres_gather_empty(gather);
    assert_true(postgres_gather_is_empty(gather));
    assert_int_equal(postgres_gather_changes(gather, 8, 5, 0), 0);
}

static void a_million_rows_are_all_of_their_table(void **state)
{
    struct postgres_gather *gather = *state;
    row(gather, 2, 1);
    for (uint64_t i = 0; i < 1000000; i++)
        row(gather, 1, i);
    row(gather, 2, 1); /* is there already */
    assert_true(rows_looked_at <= POSTGRES_PATHS_MOST + 2);
    size_t count = postgres_gather_changes(gather, 7, 5, 0);
    assert_int_equal(count, POSTGRES_PATHS_MOST + 1);
    assert_true(has(gather, count, CHANGE_EVERYTHING, "/1"));
    assert_true(has(gather, count, CHANGE_TOUCH, "/2/1"));
    assert_false(has(gather, count, CHANGE_EVERYTHING, "/2"));
    row(gather, 2, 2); /* is not */
    count = postgres_gather_changes(gather, 7, 5, 0);
    assert_true(has(gather, count, CHANGE_EVERYTHING, "/2"));
}

static void the_next_transaction_is_looked_at_again(void **state)
{
    struct postgres_gather *gather = *state;
    for (uint64_t i = 0; i <= POSTGRES_PATHS_MOST; i++)
        row(gather, 1, i);
    postgres_gather_empty(gather);
    row(gather, 1, 1);
    assert_int_equal(postgres_gather_changes(gather, 7, 5, 0), 1);
    assert_true(has(gather, 1, CHANGE_TOUCH, "/1/1"));
}

static void too_much_is_everything(void **state)
{
    struct postgres_gather *gather = *state;
    for (uint32_t relation = 1; relation <= POSTGRES_WHOLE_MOST + 1; relation++)
        for (uint64_t i = 0; i <= POSTGRES_PATHS_MOST; i++)
            row(gather, relation, i);
    assert_int_equal(postgres_gather_changes(gather, 7, 5, 0), 1);
    assert_true(has(gather, 1, CHANGE_EVERYTHING, "/"));
    postgres_gather_empty(gather);
    for (uint64_t i = 0; i <= POSTGRES_PATHS_MOST; i++) {
        char path[32];
        snprintf(path, sizeof path, "/m/%llu", (unsigned long long)i);
        postgres_gather_path(gather, text_of(path), false);
    }
    assert_int_equal(postgres_gather_changes(gather, 7, 5, 0), 1);
    postgres_gather_empty(gather);
    postgres_gather_path(gather, TEXT("/a"), true);
    assert_int_equal(postgres_gather_changes(gather, 7, 5, 10000), 1);
    assert_true(has(gather, 1, CHANGE_EVERYTHING, "/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_path_is_there_once, start, stop),
        cmocka_unit_test_setup_teardown(a_million_rows_are_all_of_their_table, start,
                                        stop),
        cmocka_unit_test_setup_teardown(the_next_transaction_is_looked_at_again, start,
                                        stop),
        cmocka_unit_test_setup_teardown(too_much_is_everything, start, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
