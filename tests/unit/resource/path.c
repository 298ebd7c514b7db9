/* SPDX-License-Identifier: ISC */
#include "fcgiwait/path.h"

#include "must.h"

static void paths_of_segments_are_taken(void **state)
{
    static const char *const good[] = {
        "/",       "/a",    "/a/b/c",        "/a/",  "/a b",     "/gr\xc3\xbc\xc3\x9f",
        "/.../a",  "/..a",  "/.a/b.",        "/a..", "/%2e",     "/?#",
        "/a:b;c=", "/\xff", "/\xe2\x82\xac", "/-",   "/_origin",
    };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (path_check(text_of(good[i]), 1024) != NULL)
            fail_msg("%s: %s", good[i], path_check(text_of(good[i]), 1024));
}

/* Each complaint names its matter. */
static void what_names_no_resource_is_refused_with_the_reason(void **state)
{
    static const struct {
        struct text path;
        const char *about;
    } bad[] = {
        {TEXT(""), "slash"},
        {TEXT("a"), "slash"},
        {TEXT("*"), "slash"},
        {TEXT("http://a/b"), "slash"},
        {TEXT("//"), "empty"},
        {TEXT("//a"), "empty"},
        {TEXT("/a//b"), "empty"},
        {TEXT("/a//"), "empty"},
        {TEXT("/."), ". or .."},
        {TEXT("/.."), ". or .."},
        {TEXT("/./a"), ". or .."},
        {TEXT("/a/../b"), ". or .."},
        {TEXT("/a/."), ". or .."},
        {TEXT("/a/.."), ". or .."},
        {TEXT("/a/./"), ". or .."},
        {TEXT("/a\nb"), "control"},
        {TEXT("/\x1f"), "control"},
        {TEXT("/a\x7f"), "control"},
        {TEXT("/a\0b"), "control"},
        {TEXT("/\t"), "control"},
        {TEXT("/0123456789012345"), "longer"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *wrong = path_check(bad[i].path, 16);
        if (wrong == NULL)
            fail_msg("row %zu is taken", i);
        else if (strstr(wrong, bad[i].about) == NULL)
            fail_msg("row %zu: %s", i, wrong);
    }
}

static void the_limit_is_the_longest_path(void **state)
{
    (void)state;
    assert_null(path_check(TEXT("/0123456789"), 11));
    assert_non_null(path_check(TEXT("/0123456789"), 10));
    assert_null(path_check(TEXT("/"), 1));
    assert_non_null(path_check(TEXT("/"), 0));
}

static void a_path_lies_below_its_parents(void **state)
{
    static const char *const ways[][5] = {
        {"/a/b/c", "/a/b", "/a", "/", ""}, {"/a/", "/a", "/", "", ""},
        {"/a", "/", "", "", ""},           {"/", "", "", "", ""},
        {"/a/b/", "/a/b", "/a", "/", ""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct text path = text_of(ways[i][0]);
        for (size_t j = 1; j < 5; j++) {
            path = path_parent(path);
            if (!text_is(path, text_of(ways[i][j])))
                fail_msg("step %zu up from %s is %.*s", j, ways[i][0], (int)path.len,
                         path.at);
        }
    }
}

static void an_end_goes_on_below(void **state)
{
    static const char *const ends[] = {"a", "a/", "a/b", "...", "a.b/.c"};
    static const char *const others[] = {"",    "/",   "/a",   ".",     "..",  "a/..",
                                         "./a", "a//", "a//b", "a/./b", "a\n", "\x7f"};
    (void)state;
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (!path_is_end(text_of(ends[i])))
            fail_msg("%s is none", ends[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (path_is_end(text_of(others[i])))
            fail_msg("%s is one", others[i]);
    assert_false(path_is_end((struct text){"a\0b", 3}));
}

static void a_slash_at_the_end_can_be_left_out(void **state)
{
    static const char *const rows[][2] = {
        {"/a/b/", "/a/b"}, {"/a/b", "/a/b"}, {"/", "/"}, {"", ""}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_true(
            text_is(path_without_slash(text_of(rows[i][0])), text_of(rows[i][1])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_of_segments_are_taken),
        cmocka_unit_test(what_names_no_resource_is_refused_with_the_reason),
        cmocka_unit_test(the_limit_is_the_longest_path),
        cmocka_unit_test(a_path_lies_below_its_parents),
        cmocka_unit_test(an_end_goes_on_below),
        cmocka_unit_test(a_slash_at_the_end_can_be_left_out),
    };
    return cmocka_run_group_tests_name("resource/path", tests, NULL, NULL);
}
