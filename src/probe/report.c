/* SPDX-License-Identifier: ISC */
/*
 * Lines are gathered first and printed at the end, the faults before the rest, as a
 * table or as JSON. What a server said of itself may stand in them, so all but ASCII that
 * is printed is masked on the way in: some terminals take C1 controls, in UTF-8, too.
 */
#include "report.h"

#include <stdarg.h>

#include "fcgiwait/duration.h"

static void add(struct report *report, const char *subject, enum verdict_of verdict,
                const char *format, va_list args)
{
    if (report->count == REPORT_MOST)
        return;
    struct line *line = &report->lines[report->count++];
    line->subject = subject;
    line->verdict = verdict;
    report->faults += verdict == LOOKED_FAULT;
    vsnprintf(line->text, sizeof line->text, format, args);
    for (char *at = line->text; *at != '\0'; at++)
        if (text_is_control(*at) || (unsigned char)*at >= 0x80)
            *at = '?';
}

#define REPORT_FUNCTION(name, verdict)                                                   \
    void name(struct report *report, const char *subject, const char *format, ...)       \
    {                                                                                    \
        va_list args;                                                                    \
        va_start(args, format);                                                          \
        add(report, subject, verdict, format, args);                                     \
        va_end(args);                                                                    \
    }

REPORT_FUNCTION(report_good, LOOKED_GOOD)
REPORT_FUNCTION(report_fault, LOOKED_FAULT)
REPORT_FUNCTION(report_note, LOOKED_NOTE)

static const char *const words[] = {
    [LOOKED_GOOD] = "good", [LOOKED_FAULT] = "fault", [LOOKED_NOTE] = "note"};

/* --- for people --- */

#define WIDTH 96
#define INDENT 17

/* Broken between words; the first line is indented already. */
static void print_text(const char *text, FILE *out)
{
    size_t at = INDENT;
    while (*text != '\0') {
        size_t len = 0;
        while (text[len] != '\0' && text[len] != ' ')
            len++;
        if (at > INDENT && at + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", INDENT, "");
            at = INDENT;
        } else if (at > INDENT) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)len, text);
        at += len;
        text += len;
        while (*text == ' ')
            text++;
    }
    fputc('\n', out);
}

static void print_lines(const struct report *report, enum verdict_of verdict, FILE *out)
{
    for (size_t i = 0; i < report->count; i++) {
        const struct line *line = &report->lines[i];
        if (line->verdict != verdict)
            continue;
        fprintf(out, "%-6s %-9s ", words[verdict], line->subject);
        print_text(line->text, out);
    }
}

void report_table(const struct report *report, const char *url, nanos took, FILE *out)
{
    char seconds[DURATION_TEXT];
    duration_format(took, seconds);
    fprintf(out, "%s\n\n", url);
    print_lines(report, LOOKED_FAULT, out);
    print_lines(report, LOOKED_NOTE, out);
    print_lines(report, LOOKED_GOOD, out);
    fprintf(out, "\n%zu fault%s, in %s s\n", report->faults,
            report->faults == 1 ? "" : "s", seconds);
}

/* --- for scripts --- */

static void print_string(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char byte = (unsigned char)*text;
        if (byte == '"' || byte == '\\')
            fprintf(out, "\\%c", byte);
        else if (byte < 0x20 || byte >= 0x7f) /* what it means is not known here */
            fputc('?', out);
        else
            fputc(byte, out);
    }
    fputc('"', out);
}

void report_json(const struct report *report, const char *url, nanos took, FILE *out)
{
    char seconds[DURATION_TEXT];
    duration_format(took, seconds);
    fputs("{\"url\":", out);
    print_string(url, out);
    fprintf(out, ",\"seconds\":%s,\"faults\":%zu,\"checks\":[", seconds, report->faults);
    for (size_t i = 0; i < report->count; i++) {
        const struct line *line = &report->lines[i];
        fprintf(out, "%s{\"check\":\"%s\",\"verdict\":\"%s\",\"says\":", i > 0 ? "," : "",
                line->subject, words[line->verdict]);
        print_string(line->text, out);
        fputc('}', out);
    }
    fputs("]}\n", out);
}
