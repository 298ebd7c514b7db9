/* SPDX-License-Identifier: ISC */
/* Who asks for the same below a path is told by one answer. */
#include "service/pages.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"
#include "service_rig.h"

#define CROWD 60

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

static struct feed *feed_of(const char *path, uint64_t newest)
{
    struct operation operation = {.path = text_of(path), .rules = &service_rig_rules};
    struct feed *feed = feed_new(&operation, NULL);
    must(feed != NULL, "no memory");
    feed->newest = newest;
    return feed;
}

static void keep(struct pages *pages, uint64_t newest, size_t bytes)
{
    struct feed *feed = feed_of("/l", newest);
    struct feed_page page = {chunk_new(bytes), newest};
    must(page.chunk != NULL, "no memory");
    pages_keep(pages, &feed, &page);
    free(feed); /* where it was not kept */
    chunk_unref(&page.chunk);
}

static bool is_kept(struct pages *pages, uint64_t newest)
{
    struct feed *feed = feed_of("/l", newest);
    struct feed_page page;
    bool found = pages_find(pages, feed, &page);
    free(feed);
    if (found) {
        assert_int_equal(page.index, newest);
        chunk_unref(&page.chunk);
    }
    return found;
}

static void few_are_kept_and_the_latest(void **state)
{
    struct pages pages;
    (void)state;
    pages_open(&pages);
    for (uint64_t i = 0; i < PAGES_MOST; i++)
        keep(&pages, i, 1);
    for (uint64_t i = 0; i < PAGES_MOST; i++)
        assert_true(is_kept(&pages, i));
    assert_true(is_kept(&pages, 0));
    keep(&pages, 100, 1);
    assert_true(is_kept(&pages, 0));
    assert_false(is_kept(&pages, 1));
    assert_true(is_kept(&pages, 2));
    pages_dispose(&pages);
}

static void large_ones_make_room_for_each_other(void **state)
{
    struct pages pages;
    (void)state;
    pages_open(&pages);
    keep(&pages, 1, 1);
    keep(&pages, 2, PAGES_BYTES / 2);
    assert_true(is_kept(&pages, 1));
    assert_true(is_kept(&pages, 2));
    keep(&pages, 3, PAGES_BYTES / 2);
    assert_false(is_kept(&pages, 1));
    assert_false(is_kept(&pages, 2));
    assert_true(is_kept(&pages, 3));
    keep(&pages, 4, PAGES_BYTES);
    assert_false(is_kept(&pages, 4));
    assert_true(is_kept(&pages, 3));
    assert_in_range(pages.bytes, PAGES_BYTES / 2, PAGES_BYTES);
    pages_dispose(&pages);
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
    return cmocka_run_group_tests_name("service/pages", tests, NULL, NULL);
}
