/* SPDX-License-Identifier: ISC */
/* The table and the JSON, whatever a server says of itself. */
#include "probe/report.h"

#include <stdlib.h>

#include "fcgiwait/json.h"
#include "must.h"

typedef void print_fn(const struct report *, const char *, nanos, FILE *);

static char *printed(print_fn *print, const struct report *report, const char *url)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    must(out != NULL, "no memory");
    print(report, url, 61500 * NANOS_PER_MS, out);
    fclose(out);
    return text;
}

static void faults_come_first(void **state)
{
    static struct report report;
    (void)state;
    report_good(&report, "answer", "%d", 200);
    report_note(&report, "stream", "none");
    report_fault(&report, "wait", "cut");
    char *text = printed(report_table, &report, "http://a/");
    assert_int_equal(report.faults, 1);
    assert_string_equal(text, "http://a/\n\n"
                              "fault  wait      cut\n"
                              "note   stream    none\n"
                              "good   answer    200\n"
                              "\n1 fault, in 61.5 s\n");
    free(text);
}

static void no_server_writes_to_the_terminal(void **state)
{
    static struct report report;
    (void)state;
    report_good(&report, "answer", "by %s",
                "\x1b]0;a\x07 \xc2\x9d"
                "52;c\x7f \x9b"
                "2J");
    char *text = printed(report_table, &report, "http://a/");
    assert_non_null(strstr(text, "\ngood   answer    by ?]0;a? ??52;c? ?2J\n"));
    free(text);
}

static void long_lines_are_broken_between_words(void **state)
{
    static struct report report;
    (void)state;
    for (int i = 0; i < 3; i++)
        report_good(&report, "answer", "%0*d %0*d", 60, 1, 60, 2);
    char *text = printed(report_table, &report, "http://a/");
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        assert_true(strlen(line) < 100);
    free(text);
}

static void any_bytes_make_json(void **state)
{
    static struct report report;
    struct json_error error;
    (void)state;
    report_fault(&report, "wait", "%s", "quote \" slash \\ \x1b[2J \xff\xfe end");
    char *text = printed(report_json, &report, "http://a/\"\n\xc3");
    if (!json_check(text_of(text), &error))
        fail_msg("at %zu, %s: %s", error.offset, error.what, text);
    assert_non_null(strstr(text, "\"seconds\":61.5,\"faults\":1,"));
    assert_non_null(strstr(text, "quote \\\" slash \\\\ ?[2J ?? end"));
    free(text);
}

static void a_report_has_an_end(void **state)
{
    static struct report report;
    (void)state;
    for (int i = 0; i < 2 * REPORT_MOST; i++)
        report_fault(&report, "wait", "%0*d", 3 * REPORT_TEXT, i);
    assert_int_equal(report.count, REPORT_MOST);
    assert_int_equal(report.faults, REPORT_MOST);
    assert_int_equal(strlen(report.lines[0].text), REPORT_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(faults_come_first),
        cmocka_unit_test(no_server_writes_to_the_terminal),
        cmocka_unit_test(long_lines_are_broken_between_words),
        cmocka_unit_test(any_bytes_make_json),
        cmocka_unit_test(a_report_has_an_end),
    };
    return cmocka_run_group_tests_name("probe/report", tests, NULL, NULL);
}
