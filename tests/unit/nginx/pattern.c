/* SPDX-License-Identifier: ISC */
/* What an expression of nginx matches, and which ones are left alone. */
#include "nginx/pattern.h"

#include "must.h"

static void expressions_of_nginx_match_as_pcre_does(void **state)
{
    static const struct {
        const char *regex, *subject;
        enum matched matched;
    } rows[] = {
        {"\\.json$", "/live/a.json", MATCH_YES},
        {"\\.json$", "/live/a.jsonp", MATCH_NO},
        {"/\\.", "/live/.a", MATCH_YES},
        {"/\\.", "/live/a.b", MATCH_NO},
        {"\\.(?:js|css|png)$", "/a.css", MATCH_YES},
        {"^/(?<name>[^/]+)/\\d+$", "/posts/12", MATCH_YES},
        {"^/(?P<name>\\w+)/[\\w\\-]+$", "/posts/a-b", MATCH_YES},
        {"^/a.*?b+?$", "/a--b", MATCH_YES},
        {"^/[]a]$", "/]", MATCH_YES},
        {"^/[^\\].]$", "/]", MATCH_NO},
        {"^/\\W\\S\\D$", "/.ab", MATCH_YES},
        {"^/a{2,3}$", "/aaaa", MATCH_NO},
        {"^/a{2,3}$", "/aaa", MATCH_YES},
        {"^/a{3}/{x}$", "/aaa/{x}", MATCH_YES},
        {"(?i)\\.JSON$", "/a.json", MATCH_YES},
        {"^/(?!api)", "/live", MATCH_UNKNOWN},
        {"(a)\\1", "aa", MATCH_UNKNOWN},
        {"a++b", "aab", MATCH_UNKNOWN},
        {"(a{99}){99}", "a", MATCH_UNKNOWN},
        {"[a", "a", MATCH_UNKNOWN},
        {"(a", "a", MATCH_UNKNOWN},
        {"\\", "a", MATCH_UNKNOWN},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (pattern_try(text_of(rows[i].regex), false, rows[i].subject) !=
            rows[i].matched)
            fail_msg("%s and %s: not %d", rows[i].regex, rows[i].subject,
                     rows[i].matched);
}

static void letter_case_is_left_aside_where_it_is_asked_for(void **state)
{
    (void)state;
    assert_int_equal(pattern_try(TEXT("\\.JSON$"), true, "/a.json"), MATCH_YES);
    assert_int_equal(pattern_try(TEXT("\\.JSON$"), false, "/a.json"), MATCH_NO);
}

static void what_is_too_long_or_has_a_nul_is_not_known(void **state)
{
    char regex[1000];
    (void)state;
    memset(regex, '.', sizeof regex);
    assert_int_equal(pattern_try((struct text){regex, sizeof regex}, false, "a"),
                     MATCH_UNKNOWN);
    assert_int_equal(pattern_try((struct text){"a\0b", 3}, false, "a"), MATCH_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_of_nginx_match_as_pcre_does),
        cmocka_unit_test(letter_case_is_left_aside_where_it_is_asked_for),
        cmocka_unit_test(what_is_too_long_or_has_a_nul_is_not_known),
    };
    return cmocka_run_group_tests_name("nginx/pattern", tests, NULL, NULL);
}
