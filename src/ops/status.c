/* SPDX-License-Identifier: ISC */
/*
 * Status and metrics, printed from the table of counters alone: a new counter is a line
 * of counters.def, and nothing here.
 */
#include "fcgiwait/status.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/text.h"

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
#define HISTOGRAM(field, help)
#define SIZES(field, help)
#include "fcgiwait/counters.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef SIZES
};

#define LINES (sizeof lines / sizeof *lines)

struct histogram_line {
    const char *name, *help, *unit;
    bool is_time; /* else a size */
    size_t at;    /* within struct counters */
};

static const struct histogram_line histograms[] = {
#define COUNTER(field, help)
#define GAUGE(field, help)
#define HISTOGRAM(field, help)                                                           \
    {#field, help, "seconds", true, offsetof(struct counters, field)},
#define SIZES(field, help)                                                               \
    {#field, help, "bytes", false, offsetof(struct counters, field)},
#include "fcgiwait/counters.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef SIZES
};

#define HISTOGRAMS (sizeof histograms / sizeof *histograms)

static int64_t value_of(const struct counters *counters, const struct line *line)
{
    return counter_read((const _Atomic int64_t *)((const char *)counters + line->at));
}

static const struct histogram *histogram_of(const struct counters *counters,
                                            const struct histogram_line *line)
{
    return (const struct histogram *)((const char *)counters + line->at);
}

static double seconds(nanos time)
{
    return (double)time / (double)NANOS_PER_SECOND;
}

/* Of a bucket, in the histogram's unit. */
static double bound_of(const struct histogram_line *line, size_t bucket)
{
    return line->is_time ? seconds(histogram_bound(bucket))
                         : (double)histogram_size_bound(bucket);
}

/* A quantile is the bound that it lies below; null: nothing was counted, or it lies above
 * them all. */
static void json_quantile(FILE *out, const char *name, const struct histogram_line *line,
                          const struct histogram *histogram, double share)
{
    size_t bucket = histogram_quantile(histogram, share);
    if (histogram_count(histogram) == 0 || bucket == HISTOGRAM_BOUNDS)
        fprintf(out, ",\"%s\":null", name);
    else
        fprintf(out, ",\"%s\":%.9g", name, bound_of(line, bucket));
}

static void json_histogram(FILE *out, const struct histogram_line *line,
                           const struct histogram *histogram)
{
    fprintf(out, ",\"%s_%s\":{\"count\":%" PRId64, line->name, line->unit,
            histogram_count(histogram));
    json_quantile(out, "p50", line, histogram, 0.5);
    json_quantile(out, "p99", line, histogram, 0.99);
    fputs(",\"buckets\":[", out);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++)
        fprintf(out, "[%.9g,%" PRId64 "],", bound_of(line, i),
                counter_read(&histogram->counts[i]));
    fprintf(out, "[null,%" PRId64 "]]}",
            counter_read(&histogram->counts[HISTOGRAM_BOUNDS]));
}

static void metrics_histogram(FILE *out, const struct histogram_line *line,
                              const struct histogram *histogram)
{
    char name[64];
    int64_t below = 0, sum = counter_read(&histogram->sum);
    snprintf(name, sizeof name, "fcgiwait_%s_%s", line->name, line->unit);
    fprintf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, line->help, name);
    for (size_t i = 0; i < HISTOGRAM_BOUNDS; i++) {
        below += counter_read(&histogram->counts[i]);
        fprintf(out, "%s_bucket{le=\"%.9g\"} %" PRId64 "\n", name, bound_of(line, i),
                below);
    }
    below += counter_read(&histogram->counts[HISTOGRAM_BOUNDS]);
    fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRId64 "\n", name, below);
    if (line->is_time)
        fprintf(out, "%s_sum %.9f\n", name, seconds(sum));
    else
        fprintf(out, "%s_sum %" PRId64 "\n", name, sum);
    fprintf(out, "%s_count %" PRId64 "\n", name, below);
}

/* A string of JSON: what the engine says of itself may be any bytes, and may be cut
 * within a character. */
static void json_string(FILE *out, const char *name, const char *value)
{
    struct text rest = text_of(value);
    fprintf(out, "\"%s\":\"", name);
    while (rest.len > 0) {
        unsigned char byte = (unsigned char)rest.at[0];
        size_t len = byte < 0x80 ? 1 : text_utf8(rest);
        if (len == 0)
            fputs("\\ufffd", out);
        else if (byte == '"' || byte == '\\' || text_is_control(rest.at[0]))
            fprintf(out, "\\u%04x", byte);
        else if (len == 2 && byte == 0xc2 && (unsigned char)rest.at[1] < 0xa0) /* C1 */
            fprintf(out, "\\u%04x", (unsigned char)rest.at[1]);
        else
            fwrite(rest.at, 1, len, out);
        text_skip(&rest, len > 0 ? len : 1);
    }
    fputc('"', out);
}

static void json_engine(FILE *out, const struct engine_report *engine)
{
    if (engine->type == NULL) {
        fputs(",\"engine\":null", out);
        return;
    }
    fputs(",\"engine\":{", out);
    json_string(out, "type", engine->type);
    fputc(',', out);
    json_string(out, "at", engine->where);
    fputc(',', out);
    json_string(out, "state", engine_state_name(engine->state));
    fputc(',', out);
    json_string(out, "why", engine->why);
    fprintf(out, ",\"lag_seconds\":%.3f}", seconds(engine->lag_time));
}

static void metrics_engine(FILE *out, const struct engine_report *engine)
{
    if (engine->type == NULL)
        return;
    fputs("# HELP fcgiwait_engine_state Which state the store's engine is in.\n"
          "# TYPE fcgiwait_engine_state gauge\n",
          out);
    for (int state = 0; state < ENGINE_STATES; state++)
        fprintf(out, "fcgiwait_engine_state{state=\"%s\"} %d\n", engine_state_name(state),
                state == (int)engine->state);
    fprintf(out,
            "# HELP fcgiwait_engine_lag_seconds Time since what is served was all that "
            "the store's engine had.\n"
            "# TYPE fcgiwait_engine_lag_seconds gauge\n"
            "fcgiwait_engine_lag_seconds %.3f\n",
            seconds(engine->lag_time));
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

char *status_json(const struct counters *counters, const struct engine_report *engine,
                  nanos uptime, size_t *len)
{
    char *text = NULL;
    FILE *out = open_memstream(&text, len);
    if (out == NULL)
        return NULL;
    fprintf(out, "{\"version\":\"%s\",\"uptime\":%" PRId64, PACKAGE_VERSION,
            uptime / NANOS_PER_SECOND);
    for (size_t i = 0; i < LINES; i++)
        fprintf(out, ",\"%s\":%" PRId64, lines[i].name, value_of(counters, &lines[i]));
    for (size_t i = 0; i < HISTOGRAMS; i++)
        json_histogram(out, &histograms[i], histogram_of(counters, &histograms[i]));
    json_engine(out, engine);
    fputs("}\n", out);
    return finish(out, &text);
}

char *metrics_text(const struct counters *counters, const struct engine_report *engine,
                   nanos uptime, size_t *len)
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
    for (size_t i = 0; i < HISTOGRAMS; i++)
        metrics_histogram(out, &histograms[i], histogram_of(counters, &histograms[i]));
    metrics_engine(out, engine);
    return finish(out, &text);
}
