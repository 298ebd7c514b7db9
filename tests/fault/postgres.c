/* SPDX-License-Identifier: ISC */
/* The mapping of tables to paths when memory runs out: all of a row's paths, or none is
 * promised. */
#include <stdlib.h>

#include "faults.h"
#include "must.h"
#include "store/postgres_table.h"

/* relation 1, public.t, identity f: id and slug; and a row of it that moved. */
static const char relation[] = "R\0\0\0\1public\0t\0f\0\2"
                               "\1id\0\0\0\0\x17\377\377\377\377"
                               "\1slug\0\0\0\0\x19\377\377\377\377";
static const char update[] = "U\0\0\0\1O\0\2t\0\0\0\1"
                             "1t\0\0\0\1aN\0\2t\0\0\0\1"
                             "1t\0\0\0\3b/c";

static bool count(void *context, struct text path, bool below)
{
    (void)path;
    (void)below;
    ++*(size_t *)context;
    return true;
}

/* False: for want of memory. */
static bool follow(struct postgres_tables *tables)
{
    struct postgres_message message;
    const char *why;
    size_t touched = 0;
    assert_true(
        postgres_message_read((struct text){relation, sizeof relation - 1}, &message));
    enum postgres_learned learned = postgres_tables_learn(tables, &message, &why);
    if (learned == POSTGRES_NO_MEMORY)
        return false;
    assert_int_equal(learned, POSTGRES_MAPPED);
    assert_true(
        postgres_message_read((struct text){update, sizeof update - 1}, &message));
    if (!postgres_tables_touch(tables, &message,
                               &(struct postgres_toucher){&touched, count}))
        return false;
    assert_int_equal(touched, 3);
    return true;
}

static bool mapping(long nth, enum faults faults)
{
    static const char *const also[] = {"/slugs/{slug}"};
    static const struct store_table told = {"public.t", "/t/{id}", also, 1};
    char error[256] = "";
    faults_arm(nth, faults);
    struct postgres_tables *tables = postgres_tables_new(&told, 1, error, sizeof error);
    bool good = tables != NULL && follow(tables);
    bool refused = faults_disarm();
    assert_int_equal(good, !refused);
    if (tables == NULL)
        assert_non_null(strstr(error, "out of memory"));
    else if (refused) /* and it goes on once there is memory again */
        assert_true(follow(tables));
    postgres_tables_free(&tables);
    return refused;
}

static void mapping_survives_each_lack(void **state)
{
    (void)state;
    faults_sweep(mapping);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mapping_survives_each_lack),
    };
    return cmocka_run_group_tests_name("fault/postgres", tests, NULL, NULL);
}
