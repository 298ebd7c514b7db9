/* SPDX-License-Identifier: ISC */
/* nginx_planted: one fault planted in a configuration in which everything is right. */
#ifndef TESTS_UNIT_NGINX_PLANTED_H
#define TESTS_UNIT_NGINX_PLANTED_H

#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/nginx_check.h"
#include "must.h"
#include "dump.h"

/* One change of the correct configuration. */
struct row {
    const char *from, *to; /* `from` stands in it once; NULL: no change */
    const char *rule;      /* the one finding's */
    const char *at;        /* stands in the line that it names; NULL: `to` does */
};

static const struct nginx_needs needs = {60 * NANOS_PER_SECOND, 10000,
                                         20 * NANOS_PER_SECOND};

static inline void find_line(const char *dump, const char *part, char file[128],
                             unsigned *line)
{
    const char *found = strstr(dump, part);
    must(found != NULL && strstr(found + 1, part) == NULL, "\"%s\" is not there once",
         part);
    *line = 0;
    for (const char *at = dump; at <= found; at = strchr(at, '\n') + 1) {
        ++*line;
        if (sscanf(at, "# configuration file %127[^:]:\n", file) == 1)
            *line = 0;
    }
}

/* The correct configuration with the row's change; free() it. */
static inline char *change(const struct row *row)
{
    size_t size = sizeof correct + 4096;
    char *dump = malloc(size);
    must(dump != NULL, "out of memory");
    if (row->from == NULL) {
        memcpy(dump, correct, sizeof correct);
        return dump;
    }
    const char *found = strstr(correct, row->from);
    must(found != NULL, "\"%s\" is not in the configuration", row->from);
    must(strstr(found + 1, row->from) == NULL, "\"%s\" is there twice", row->from);
    snprintf(dump, size, "%.*s%s%s", (int)(found - correct), correct, row->to,
             found + strlen(row->from));
    return dump;
}

static struct nginx_check *check_text(const char *dump)
{
    struct nginx_check *check = nginx_check_read(text_of(dump), "stdin", &needs);
    must(check != NULL, "out of memory");
    return check;
}

static inline void fail_with_report(const struct nginx_check *check,
                                    const struct row *row)
{
    nginx_check_report(check, stderr);
    fail_msg("\"%s\" -> \"%s\"", row->from, row->to);
}

static inline void only_this_is_found(const struct row *row)
{
    char *dump = change(row), file[128];
    unsigned line;
    struct nginx_check *check = check_text(dump);
    const struct finding *first = nginx_check_findings(check);
    find_line(dump, row->at != NULL ? row->at : row->to, file, &line);
    if (nginx_check_result(check) != NGINX_FINDINGS || first->next != NULL ||
        strcmp(first->rule, row->rule) != 0 || strcmp(first->file, file) != 0 ||
        first->line != line) {
        fprintf(stderr, "expected: %s at %s:%u; found:\n", row->rule, file, line);
        fail_with_report(check, row);
    }
    must(first->what[0] != '\0' && first->effect[0] != '\0' && first->instead[0] != '\0',
         "%s does not say everything", row->rule);
    nginx_check_free(&check);
    free(dump);
}

static inline void nothing_is_found(const struct row *row)
{
    char *dump = change(row);
    struct nginx_check *check = check_text(dump);
    if (nginx_check_result(check) != NGINX_GOOD)
        fail_with_report(check, row);
    nginx_check_free(&check);
    free(dump);
}

/* The line to write instead. */
static inline void is_proposed(const struct row *row, const char *instead)
{
    char *dump = change(row);
    struct nginx_check *check = check_text(dump);
    const struct finding *at = nginx_check_findings(check);
    while (at != NULL && strcmp(at->rule, row->rule) != 0)
        at = at->next;
    assert_non_null(at);
    assert_string_equal(at->instead, instead);
    nginx_check_free(&check);
    free(dump);
}

#define EACH(rows, function)                                                             \
    for (size_t i = 0; i < sizeof(rows) / sizeof *(rows); i++)                           \
    function(&(rows)[i])

#endif
