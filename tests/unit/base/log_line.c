/* SPDX-License-Identifier: ISC */
/* Lines of the log, whatever bytes the message has. */
#include "base/log_line.h"

#include <stdlib.h>

#include "fcgiwait/json.h"
#include "must.h"

static struct log_said said(const char *message)
{
    return (struct log_said){.wall = INT64_C(1795651774123) * NANOS_PER_MS,
                             .program = "fcgiwait",
                             .pid = 17,
                             .level = "warn",
                             .message = message};
}

typedef size_t line_fn(char *, const struct log_said *);

static struct text made(line_fn *make, const char *message, char line[LOG_LINE_MOST])
{
    struct log_said what = said(message);
    size_t len = make(line, &what);
    must(len <= LOG_LINE_MOST, "%zu bytes", len);
    return (struct text){line, len};
}

static void a_line_can_be_read(void **state)
{
    char line[LOG_LINE_MOST];
    (void)state;
    struct text text = made(log_line_text, "number 7\n", line);
    assert_true(
        text_is(text, TEXT("2026-11-26T00:09:34.123Z fcgiwait[17]: warn: number 7?\n")));
    text = made(log_line_bare, "number 7\r", line);
    assert_true(text_is(text, TEXT("number 7?")));
}

static void a_line_of_json_has_the_same(void **state)
{
    char line[LOG_LINE_MOST];
    (void)state;
    struct text text = made(log_line_json, "say \"7\"\\", line);
    assert_true(text_is(text, TEXT("{\"time\":\"2026-11-26T00:09:34.123Z\","
                                   "\"program\":\"fcgiwait\",\"pid\":17,"
                                   "\"level\":\"warn\",\"message\":"
                                   "\"say \\\"7\\\"\\\\\"}\n")));
}

static void must_be_json(const char *message)
{
    char line[LOG_LINE_MOST];
    struct json_error error;
    struct text text = made(log_line_json, message, line);
    if (text.at[text.len - 1] != '\n' || memchr(text.at, '\n', text.len - 1) != NULL ||
        !json_check((struct text){text.at, text.len - 1}, &error))
        fail_msg("no line of JSON: %.*s", (int)text.len, text.at);
}

static void any_bytes_make_a_line_of_json(void **state)
{
    static const char *const odd[] = {
        "",         "\xc3\xbc",     "\xf0\x9f\x90\xa2", "\xc3",     "\xc0\xaf",
        "\xe0\x80", "\xe0\x80\x80", "\xed\xa0\x80",     "\xf4\x90", "\xf4\x90\x80\x80",
        "\xff",     "\x7f\x1b[2J",  "a\xe2\x82",        "\xf8\x88"};
    char bytes[3 * LOG_LINE_MOST];
    (void)state;
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
        must_be_json(odd[i]);
    for (unsigned seed = 1; seed <= 500; seed++) {
        srand(seed);
        size_t len = (size_t)rand() % sizeof bytes;
        for (size_t i = 0; i + 1 < len; i++)
            bytes[i] = (char)(rand() % 255 + 1);
        bytes[len > 0 ? len - 1 : 0] = '\0';
        must_be_json(bytes);
    }
}

/* Whole characters: what is cut is the message, not the line. */
static void long_messages_are_cut(void **state)
{
    static line_fn *const makes[] = {log_line_text, log_line_json, log_line_bare};
    char line[LOG_LINE_MOST], longest[3 * LOG_LINE_MOST];
    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(longest, '"', sizeof longest);
        for (size_t i = shift; i + 4 < sizeof longest; i += 4)
            memcpy(longest + i, "\xf0\x9f\x90\xa2", 4);
        longest[sizeof longest - 1] = '\0';
        must_be_json(longest);
        for (size_t i = 0; i < sizeof makes / sizeof *makes; i++)
            assert_true(made(makes[i], longest, line).len > LOG_LINE_MOST - 8);
    }
    memset(longest, '"', sizeof longest - 1);
    must_be_json(longest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_can_be_read),
        cmocka_unit_test(a_line_of_json_has_the_same),
        cmocka_unit_test(any_bytes_make_a_line_of_json),
        cmocka_unit_test(long_messages_are_cut),
    };
    return cmocka_run_group_tests_name("base/log_line", tests, NULL, NULL);
}
