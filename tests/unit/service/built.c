/* SPDX-License-Identifier: ISC */
/* Who asks for the same below a path is told by one answer. */
#include "service/built.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"

#define CROWD 60
#define BYTES ((size_t)16 << 20)

static uint64_t newest_of(struct service_rig *rig)
{
    return service_rig_index(rig, "/l", SCOPE_WITHIN);
}

static int64_t built(struct service_rig *rig)
{
    return counter_read(&rig->counters.feeds_built);
}

/* Asks for what is below /l, from the index on; 0: all of it. */
static void begin(struct service_rig *rig, struct visit *visit, uint64_t index,
                  const char *more)
{
    char query[128];
    struct cgi cgi = {
        .method = TEXT("GET"), .script_name = TEXT("/l"), .scope = TEXT("below")};
    if (index > 0)
        snprintf(query, sizeof query, "index=%llu&wait=30s%s", (unsigned long long)index,
                 more);
    else
        snprintf(query, sizeof query, "wait=0%s", more);
    cgi.query = text_of(query);
    service_rig_serve(rig, visit, &cgi);
}

static void a_change_that_wakes_many_is_told_by_one_answer(void **state)
{
    struct service_rig *rig = *state;
    static struct visit crowd[CROWD];
    for (int round = 0; round < 5; round++) {
        service_rig_put(rig, "/l/a", "before");
        uint64_t index = newest_of(rig);
        for (int i = 0; i < CROWD; i++)
            begin(rig, &crowd[i], index, "");
        int64_t before = built(rig);
        service_rig_put(rig, "/l/a", round % 2 ? "odd" : "even");
        for (int i = 0; i < CROWD; i++) {
            assert_int_equal(visit_await(&crowd[i]), 200);
            assert_string_equal(crowd[i].body, crowd[0].body);
            assert_non_null(strstr(crowd[i].body, round % 2 ? "\"odd\"" : "\"even\""));
        }
        /* once by each thread that was at it */
        assert_in_range(built(rig) - before, 1, 2);
    }
}

static void who_begins_anew_shares_while_nothing_changes(void **state)
{
    struct service_rig *rig = *state;
    static struct visit visit;
    service_rig_put(rig, "/l/a", "1");
    for (int i = 0; i < 10; i++)
        begin(rig, &visit, 0, "");
    assert_int_equal(built(rig), 1);
    service_rig_put(rig, "/l/a", "2");
    begin(rig, &visit, 0, "");
    assert_non_null(strstr(visit.body, "\"2\""));
    assert_int_equal(built(rig), 2);
}

/* Each of these is asked for twice, and built once. */
static void who_asks_for_something_else_is_told_something_else(void **state)
{
    struct service_rig *rig = *state;
    struct visit visit;
    service_rig_put(rig, "/l/a", "1");
    uint64_t first = newest_of(rig);
    service_rig_put(rig, "/l/b", "1");
    uint64_t second = newest_of(rig);
    service_rig_put(rig, "/l/c", "1");
    const struct {
        uint64_t index;
        const char *more;
        bool a, b, c;
    } rows[] = {{0, "", true, true, true},
                {first, "", false, true, true},
                {second, "", false, false, true},
                {0, "&only=a", true, false, false},
                {0, "&only=a,c", true, false, true},
                {0, "&only=c,a,a", true, false, true}, /* the same */
                {first, "&only=a,b", false, true, false}};
    for (size_t i = 0; i < 2 * sizeof rows / sizeof *rows; i++) {
        size_t row = i % (sizeof rows / sizeof *rows);
        begin(rig, &visit, rows[row].index, rows[row].more);
        assert_int_equal(visit.status, 200);
        if ((strstr(visit.body, "/l/a") != NULL) != rows[row].a ||
            (strstr(visit.body, "/l/b") != NULL) != rows[row].b ||
            (strstr(visit.body, "/l/c") != NULL) != rows[row].c)
            fail_msg("row %zu: %s", row, visit.body);
    }
    assert_int_equal(built(rig), sizeof rows / sizeof *rows - 1);
    struct cgi cgi = {
        .method = TEXT("GET"), .script_name = TEXT("/l"), .scope = TEXT("below")};
    prefer_parse(TEXT("return=minimal"), &cgi.prefer);
    service_rig_ask(rig, &visit, &cgi);
    assert_null(strstr(visit.body, "document"));
    cgi.prefer.minimal = false;
    cgi.script_name = TEXT("/l/");
    service_rig_ask(rig, &visit, &cgi);
    assert_non_null(strstr(visit.body, "document"));
    cgi.origin = TEXT("/_origin");
    service_rig_ask(rig, &visit, &cgi);
    assert_null(strstr(visit.body, "document"));
    assert_int_equal(built(rig), sizeof rows / sizeof *rows + 2);
}

/* --- how many are kept --- */

static struct built_key key_of(uint64_t newest)
{
    return (struct built_key){.what = TEXT("/l"), .index = newest};
}

static void keep(struct built *kept, uint64_t newest, size_t bytes)
{
    struct built_key key = key_of(newest);
    struct chunk *chunk = chunk_new(bytes);
    must(chunk != NULL, "no memory");
    built_add(kept, &key, chunk, newest);
    chunk_unref(&chunk);
}

static bool is_kept(struct built *kept, uint64_t newest)
{
    struct built_key key = key_of(newest);
    uint64_t reached;
    struct chunk *chunk = built_find(kept, &key, &reached);
    bool found = chunk != NULL;
    if (found)
        assert_int_equal(reached, newest);
    chunk_unref(&chunk);
    return found;
}

static void few_are_kept_and_the_latest(void **state)
{
    struct built kept;
    (void)state;
    built_open(&kept, LOCK_PAGES, BYTES);
    for (uint64_t i = 0; i < BUILT_MOST; i++)
        keep(&kept, i, 1);
    for (uint64_t i = 0; i < BUILT_MOST; i++)
        assert_true(is_kept(&kept, i));
    assert_true(is_kept(&kept, 0));
    keep(&kept, 100, 1);
    assert_true(is_kept(&kept, 0));
    assert_false(is_kept(&kept, 1));
    assert_true(is_kept(&kept, 2));
    built_dispose(&kept);
}

static void large_ones_make_room_for_each_other(void **state)
{
    struct built kept;
    (void)state;
    built_open(&kept, LOCK_PAGES, BYTES);
    keep(&kept, 1, 1);
    keep(&kept, 2, BYTES / 2);
    assert_true(is_kept(&kept, 1));
    assert_true(is_kept(&kept, 2));
    keep(&kept, 3, BYTES / 2);
    assert_false(is_kept(&kept, 1));
    assert_false(is_kept(&kept, 2));
    assert_true(is_kept(&kept, 3));
    keep(&kept, 4, BYTES);
    assert_false(is_kept(&kept, 4));
    assert_true(is_kept(&kept, 3));
    assert_in_range(kept.bytes, BYTES / 2, BYTES);
    built_dispose(&kept);
}

int main(void)
{
    static struct service_rules plenty;
    plenty = service_rig_rules;
    plenty.limit_changes = 1000;
    plenty.limit_answer = 8388608;
    const struct CMUnitTest tests[] = {
        service_rig_test(a_change_that_wakes_many_is_told_by_one_answer, &plenty),
        service_rig_test(who_begins_anew_shares_while_nothing_changes, &plenty),
        service_rig_test(who_asks_for_something_else_is_told_something_else, &plenty),
        cmocka_unit_test(few_are_kept_and_the_latest),
        cmocka_unit_test(large_ones_make_room_for_each_other),
    };
    return cmocka_run_group_tests_name("service/built", tests, NULL, NULL);
}
