/* SPDX-License-Identifier: ISC */
#include "fcgiwait/status.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef HAVE_CONFIG_H
#include <config.h>
#else
#define PACKAGE_VERSION "0"
#endif

struct line {
    const char *name, *help;
    bool counts; /* only grows */
    size_t at;   /* within struct counters */
};

static const struct line lines[] = {
#define COUNTER(field, help) {#field, help, true, offsetof(struct counters, field)},
#define GAUGE(field, help) {#field, help, false, offsetof(struct counters, field)},
#include "fcgiwait/counters.def"
#undef COUNTER
#undef GAUGE
};

#define LINES (sizeof lines / sizeof *lines)

static int64_t value_of(const struct counters *counters, const struct line *line)
{
    return counter_read((const _Atomic int64_t *)((const char *)counters + line->at));
}

static char *finish(FILE *out, char **text)
{
    bool bad = ferror(out);
    if (fclose(out) != 0 || bad) {
        free(*text);
        return NULL;
    }
    return *text;
}

char *status_json(const struct counters *counters, nanos uptime, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL)
        return NULL;
    fprintf(out, "{\"version\":\"%s\",\"uptime\":%" PRId64, PACKAGE_VERSION,
            uptime / NANOS_PER_SECOND);
    for (size_t i = 0; i < LINES; i++)
        fprintf(out, ",\"%s\":%" PRId64, lines[i].name, value_of(counters, &lines[i]));
    fputs("}\n", out);
    return finish(out, &text);
}

char *metrics_text(const struct counters *counters, nanos uptime, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL)
        return NULL;
    fprintf(out,
            "# HELP fcgiwait_info The version, as a label.\n"
            "# TYPE fcgiwait_info gauge\n"
            "fcgiwait_info{version=\"%s\"} 1\n"
            "# HELP fcgiwait_uptime_seconds Time since the start.\n"
            "# TYPE fcgiwait_uptime_seconds gauge\n"
            "fcgiwait_uptime_seconds %" PRId64 "\n",
            PACKAGE_VERSION, uptime / NANOS_PER_SECOND);
    for (size_t i = 0; i < LINES; i++) {
        const char *end = lines[i].counts ? "_total" : "";
        fprintf(out, "# HELP fcgiwait_%s%s %s\n", lines[i].name, end, lines[i].help);
        fprintf(out, "# TYPE fcgiwait_%s%s %s\n", lines[i].name, end,
                lines[i].counts ? "counter" : "gauge");
        fprintf(out, "fcgiwait_%s%s %" PRId64 "\n", lines[i].name, end,
                value_of(counters, &lines[i]));
    }
    return finish(out, &text);
}
