/* SPDX-License-Identifier: ISC */
/* References in headers, and the paths that they name. */
#include "fcgiwait/uri.h"

#include "must.h"

struct row {
    const char *base, *reference, *path; /* NULL: none of this host's */
};

static void must_name(const struct row *row)
{
    char out[1024];
    struct text path = TEXT("");
    bool named = uri_path(text_of(row->reference), text_of(row->base),
                          TEXT("api.example.com:8080"), out, &path);
    if (named != (row->path != NULL) || (named && !text_is(path, text_of(row->path))))
        fail_msg("\"%s\" at \"%s\" names \"%.*s\"", row->reference, row->base,
                 (int)path.len, path.at);
}

static void every_form_of_a_reference_is_resolved(void **state)
{
    static const struct row rows[] = {
        {"/posts", "/posts/5", "/posts/5"},
        {"/posts", "posts/5", "/posts/5"},
        {"/posts", "5", "/5"},
        {"/posts/", "5", "/posts/5"},
        {"/posts/", "./5", "/posts/5"},
        {"/posts/5", ".", "/posts/"},
        {"/posts/5", "..", "/"},
        {"/posts/5/x", "../6", "/posts/6"},
        {"/posts", "../../../5", "/5"},
        {"/posts", "", "/posts"},
        {"/posts", "?page=2", "/posts"},
        {"/posts", "#top", "/posts"},
        {"/posts", "/posts/5?a=/b#c?d", "/posts/5"},
        {"/posts", " /posts/5\t", "/posts/5"},
        {"/posts", "http://api.example.com/posts/5", "/posts/5"},
        {"/posts", "HTTPS://API.EXAMPLE.COM/posts/5", "/posts/5"},
        {"/posts", "https://api.example.com:443/posts/5", "/posts/5"},
        {"/posts", "https://me:word@api.example.com/posts/5", "/posts/5"},
        {"/posts", "//api.example.com/posts/5", "/posts/5"},
        {"/posts", "//api.example.com", "/"},
        {"/posts", "http://api.example.com?a=1", "/"},
        {"/posts", "/gr%C3%BC%c3%9fe",
         "/gr\xc3\xbc\xc3\x9f"
         "e"},
        {"/posts", "/a%2Fb", "/a/b"},
        {"/posts", "/a%3Fb%23c", "/a?b#c"},
        {"/posts", "/a%252Fb", "/a%2Fb"},
        {"/posts", "/a+b", "/a+b"},
        {"/posts", "/a/%2e%2E/b", "/b"},
        {"/posts", "/a//b///c/", "/a/b/c/"},
        {"/a%b", "5", "/5"},
        {"/a%b/c", "5", "/a%b/5"},
        /* RFC 3986 section 5.4 */
        {"/b/c/d;p", "g", "/b/c/g"},
        {"/b/c/d;p", "g/", "/b/c/g/"},
        {"/b/c/d;p", ";x", "/b/c/;x"},
        {"/b/c/d;p", "./", "/b/c/"},
        {"/b/c/d;p", "../..", "/"},
        {"/b/c/d;p", "../../../g", "/g"},
        {"/b/c/d;p", "/./g", "/g"},
        {"/b/c/d;p", "g.", "/b/c/g."},
        {"/b/c/d;p", "..g", "/b/c/..g"},
        {"/b/c/d;p", "./g/.", "/b/c/g/"},
        {"/b/c/d;p", "g;x=1/../y", "/b/c/y"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        must_name(&rows[i]);
}

static void what_another_host_has_is_not_named(void **state)
{
    static const struct row rows[] = {
        {"/posts", "http://other.example.com/posts/5", NULL},
        {"/posts", "//other/posts/5", NULL},
        {"/posts", "http://api.example.com@other/posts/5", NULL},
        {"/posts", "http://api.example.com.evil/posts/5", NULL},
        {"/posts", "http:///posts/5", NULL},
        {"/posts", "mailto:me@api.example.com", NULL},
        {"/posts", "urn:isbn:5", NULL},
        {"/posts", "http:posts/5", NULL},
        {"/posts", "ftp://api.example.com/posts/5", NULL},
        {"/posts", "/a%", NULL},
        {"/posts", "/a%2", NULL},
        {"/posts", "/a%zz", NULL},
        {"/posts", "/a%00", NULL},
        {"/posts", "/a%0A", NULL},
        {"", "5", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        must_name(&rows[i]);
}

static void the_host_may_be_an_address_or_unknown(void **state)
{
    char out[64];
    struct text path;
    (void)state;
    assert_true(
        uri_path(TEXT("http://[::1]:3000/a"), TEXT("/"), TEXT("[::1]:80"), out, &path));
    assert_false(uri_path(TEXT("http://[::2]/a"), TEXT("/"), TEXT("[::1]"), out, &path));
    assert_false(uri_path(TEXT("http://a/a"), TEXT("/"), TEXT(""), out, &path));
    assert_false(uri_path(TEXT("///a"), TEXT("/"), TEXT(""), out, &path));
    assert_true(uri_path(TEXT("/a"), TEXT("/"), TEXT(""), out, &path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_form_of_a_reference_is_resolved),
        cmocka_unit_test(what_another_host_has_is_not_named),
        cmocka_unit_test(the_host_may_be_an_address_or_unknown),
    };
    return cmocka_run_group_tests_name("http/uri", tests, NULL, NULL);
}
