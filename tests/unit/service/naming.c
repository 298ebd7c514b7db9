/* SPDX-License-Identifier: ISC */
/* Names that the API gives, and what they are called here. */
#include "service/naming.h"

#include "must.h"

static void both_names_of_what_was_written_tell_the_way(void **state)
{
    static const struct {
        const char *resource, *request_uri, *reference, *path;
    } rows[] = {
        {"/posts", "/posts", "5", "/5"},
        {"/posts", "/posts/", "5", "/posts/5"},
        {"/posts", NULL, "/posts/5", "/posts/5"},
        {"/posts", "http://api/posts?a=1", "/posts/5", "/posts/5"},
        {"/gr\xc3\xbc", "/gr%C3%BC/", "5", "/gr\xc3\xbc/5"},
        {"/host/posts", "/posts", "/posts/5", "/host/posts/5"},
        {"/host/posts", "/posts/", "5", "/host/posts/5"},
        {"/host/", "/", "/posts/5", "/host/posts/5"},
        {"/host/posts", "/posts", "http://api/", "/host/"},
        {"/posts", "/api/v1/posts", "/api/v1/posts/5", "/posts/5"},
        {"/posts", "/api/v1/posts", "/posts/5", "/posts/5"},
        {"/posts", "/api/v1/posts/", "5", "/posts/5"},
        {"/posts", "/api/v1/posts", "/api/v1", "/"},
        {"/posts", "/api/v1/posts", "/api/v12", "/api/v12"},
        {"/posts", "/elsewhere", "5", "/5"},
        {"/posts/1", "/elsewhere/x", "5", "/posts/5"},
        {"/posts", "//other/posts", "/posts/5", "/posts/5"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char room[256], out[256];
        struct naming naming;
        struct text path = TEXT("");
        naming_of(&naming, text_of(rows[i].resource), text_of(rows[i].request_uri),
                  TEXT("api"), room);
        assert_true(naming_resolve(&naming, text_of(rows[i].reference), out, &path));
        if (!text_is(path, text_of(rows[i].path)))
            fail_msg("row %zu: %.*s", i, (int)path.len, path.at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_names_of_what_was_written_tell_the_way),
    };
    return cmocka_run_group_tests_name("service/naming", tests, NULL, NULL);
}
