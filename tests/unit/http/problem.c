/* SPDX-License-Identifier: ISC */
#include "fcgiwait/problem.h"

#include <stdio.h>

#include "fcgiwait/json.h"
#include "must.h"

static void render(int status, const char *detail, char text[PROBLEM_TEXT])
{
    struct json_error error;
    struct problem problem = {status, detail};
    size_t len = problem_render(&problem, text);
    assert_int_equal(len, strlen(text));
    if (!json_check((struct text){text, len}, &error))
        fail_msg("%s at %zu: %s", text, error.offset, error.what);
}

static void a_problem_says_what_is_wrong(void **state)
{
    char text[PROBLEM_TEXT];
    (void)state;
    render(404, "No \"such\" \\ thing.", text);
    assert_string_equal(
        text, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
              "\"detail\":\"No \\\"such\\\" \\\\ thing.\"}\n");
}

static void every_status_that_is_sent_has_its_phrase(void **state)
{
    static const struct {
        int status;
        const char *title;
    } rows[] = {
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {507, "Insufficient Storage"},
        {299, "Error"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(problem_title(rows[i].status), rows[i].title);
}

static void bytes_beyond_ascii_become_question_marks(void **state)
{
    char text[PROBLEM_TEXT];
    (void)state;
    render(400, "a\nb\tc\x7f\xc3\xa4\x01", text);
    assert_non_null(strstr(text, "\"detail\":\"a?b?c????\"}"));
    render(400, "", text);
    assert_non_null(strstr(text, "\"detail\":\"\"}"));
}

/* The cut may fall on an escape of two characters. */
static void a_detail_of_any_length_leaves_whole_json(void **state)
{
    static const char *const letters[] = {"x", "\"", "\\", "x\""};
    (void)state;
    for (size_t i = 0; i < sizeof letters / sizeof *letters; i++)
        for (size_t len = 0; len < 2 * PROBLEM_TEXT; len++) {
            char detail[2 * PROBLEM_TEXT + 1], text[PROBLEM_TEXT];
            for (size_t j = 0; j < len; j++)
                detail[j] = letters[i][j % strlen(letters[i])];
            detail[len] = '\0';
            render(500, detail, text);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_problem_says_what_is_wrong),
        cmocka_unit_test(every_status_that_is_sent_has_its_phrase),
        cmocka_unit_test(bytes_beyond_ascii_become_question_marks),
        cmocka_unit_test(a_detail_of_any_length_leaves_whole_json),
    };
    return cmocka_run_group_tests_name("http/problem", tests, NULL, NULL);
}
