/* SPDX-License-Identifier: ISC */
#include "fuzz.h"

#include "fcgiwait/nginx_check.h"

static bool is_line(struct text dump, unsigned line)
{
    size_t lines = 1;
    for (size_t i = 0; i < dump.len; i++)
        lines += dump.at[i] == '\n';
    return line > 0 && line <= lines;
}

static void check_findings(const struct nginx_check *check, struct text dump)
{
    const struct finding *at = nginx_check_findings(check);
    for (; at != NULL; at = at->next) {
        holds(at->file[0] != '\0' && is_line(dump, at->line));
        holds(at->what[0] != '\0' && at->effect[0] != '\0' && at->instead[0] != '\0');
    }
}

static char *report_of(struct text dump, enum nginx_checked *result)
{
    static const struct nginx_needs needs = {60 * NANOS_PER_SECOND, 10000,
                                             20 * NANOS_PER_SECOND};
    char *report = NULL;
    size_t len;
    struct nginx_check *check = nginx_check_read(dump, "stdin", &needs);
    FILE *out = open_memstream(&report, &len);
    if (check == NULL || out == NULL)
        exit(1);
    *result = nginx_check_result(check);
    if (*result != NGINX_NOT_UNDERSTOOD) {
        check_findings(check, dump);
        holds((*result == NGINX_GOOD) == (nginx_check_findings(check) == NULL));
    }
    nginx_check_report(check, out);
    fclose(out);
    nginx_check_free(&check);
    return report;
}

/* What is understood says something, and says the same with an empty line and a comment
 * behind it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text dump = {(const char *)data, size};
    enum nginx_checked result, again;
    char *report = report_of(dump, &result);
    holds(report[0] != '\0');
    if (result != NGINX_NOT_UNDERSTOOD) {
        struct text more = fuzz_joined(dump, TEXT("\n\n# {\n"));
        char *same = report_of(more, &again);
        holds(result == again && strcmp(report, same) == 0);
        free(same);
        free((char *)more.at);
    }
    free(report);
    return 0;
}
