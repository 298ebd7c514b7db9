/* SPDX-License-Identifier: ISC */
/* Where a reader is sent for the body. */
#include "service/origin.h"

#include <stdio.h>
#include <stdlib.h>

#include "must.h"

struct row {
    const char *path, *query, *target;
};

static void paths_and_queries_survive_the_way_through_nginx(void **state)
{
    static const struct row rows[] = {
        {"/", "", "/_origin/"},
        {"/posts/1", "", "/_origin/posts/1"},
        {"/posts/", "", "/_origin/posts/"},
        {"/a b", "", "/_origin/a%20b"},
        {"/100%", "", "/_origin/100%25"},
        {"/a%2Fb", "", "/_origin/a%252Fb"},
        {"/what?", "", "/_origin/what%3F"},
        {"/what?", "a=1", "/_origin/what%3F?a=1"},
        {"/#1", "", "/_origin/%231"},
        {"/a+b&c;d=e", "", "/_origin/a%2Bb%26c%3Bd%3De"},
        {"/gr\xc3\xbc\xc3\x9f"
         "e",
         "", "/_origin/gr%C3%BC%C3%9Fe"},
        {"/\xff", "", "/_origin/%FF"},
        {"/..a/...", "", "/_origin/..a/..."},
        /* not a resource's, but the API's business */
        {"/a//b", "", "/_origin/a//b"},
        {"//", "", "/_origin//"},
        {"/a/../b/.", "", "/_origin/a/%252E%252E/b/%252E"},
        {"/..", "a=1", "/_origin/%252E%252E?a=1"},
        {"/a\x01\nb", "", "/_origin/a%01%0Ab"},
        {"/%2e%2e/x", "", "/_origin/%252e%252e/x"},
        {"/posts", "index=7", "/_origin/posts"},
        {"/posts", "index=7&wait=50", "/_origin/posts"},
        {"/posts", "a=1&index=7&b=%20+%2f&wait=50", "/_origin/posts?a=1&b=%20+%2f"},
        {"/posts", "wait=1&_sort=id&wait=2", "/_origin/posts?_sort=id"},
        {"/posts", "q=a?b/../c", "/_origin/posts?q=a?b/../c"},
        {"/posts", "index2=7&await=1", "/_origin/posts?index2=7&await=1"},
        {"/posts", "flag", "/_origin/posts?flag"},
        {"/posts", "q=\xc3\xbc", "/_origin/posts?q=\xc3\xbc"},
        {"/posts", "q=a\r\nX-Accel-Redirect: /b\x01\x7f",
         "/_origin/posts?q=a%0D%0AX-Accel-Redirect:%20/b%01%7F"},
    };
    struct query_names names;
    (void)state;
    assert_true(query_names_parse(TEXT(""), &names));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "X-Accel-Redirect: %s\r\n\r\n",
                 rows[i].target);
        char *target = origin_target(TEXT("/_origin"), text_of(rows[i].path),
                                     text_of(rows[i].query), &names);
        assert_non_null(target);
        assert_string_equal(target, expected);
        free(target);
    }
}

/* Only what is ours is taken out; with `off` nothing is. */
static void the_query_stays_but_for_the_names_that_are_ours(void **state)
{
    static const struct {
        const char *names, *query, *target;
    } rows[] = {
        {"off", "index=7&wait=5&=x", "/_origin/a?index=7&wait=5&=x"},
        {"_i,_w", "index=7&_w=5&wait=9&_i=3", "/_origin/a?index=7&wait=9"},
        {"since, hold", "since=1&hold=2", "/_origin/a"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct query_names names;
        char expected[256];
        assert_true(query_names_parse(text_of(rows[i].names), &names));
        snprintf(expected, sizeof expected, "X-Accel-Redirect: %s\r\n\r\n",
                 rows[i].target);
        char *target =
            origin_target(TEXT("/_origin"), TEXT("/a"), text_of(rows[i].query), &names);
        assert_string_equal(target, expected);
        free(target);
    }
}

static void an_origin_is_a_prefix(void **state)
{
    static const char *const good[] = {"", "/_origin", "/a/b", "/gr\xc3\xbc\xc3\x9f"};
    static const char *const bad[] = {"/",      "/_origin/", "_origin", "@origin", "/a b",
                                      "/a\r\n", "/a?b",      "/a#",     "/a%20b"};
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (origin_check(text_of(good[i])) != NULL)
            fail_msg("\"%s\" is refused", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (origin_check(text_of(bad[i])) == NULL)
            fail_msg("\"%s\" is taken", bad[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_and_queries_survive_the_way_through_nginx),
        cmocka_unit_test(the_query_stays_but_for_the_names_that_are_ours),
        cmocka_unit_test(an_origin_is_a_prefix),
    };
    return cmocka_run_group_tests_name("service/origin", tests, NULL, NULL);
}
