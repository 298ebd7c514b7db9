/* SPDX-License-Identifier: ISC */
/* What the process says of itself: JSON, and the Prometheus text format (0.0.4). */
#include "fcgiwait/status.h"

#include <ctype.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "fcgiwait/json.h"
#include "must.h"

static const char *const names[] = {
#define COUNTER(field, help) #field,
#define GAUGE(field, help) #field,
#define HISTOGRAM(field, help)
#define SIZES(field, help)
#include "fcgiwait/counters.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef SIZES
};

static const bool grows[] = {
#define COUNTER(field, help) true,
#define GAUGE(field, help) false,
#define HISTOGRAM(field, help)
#define SIZES(field, help)
#include "fcgiwait/counters.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef SIZES
};

#define COUNT (sizeof names / sizeof *names)

static const struct engine_report no_engine;

/* Each counter at a value that tells its place. */
static void fill(struct counters *counters)
{
    _Atomic int64_t *all[] = {
#define COUNTER(field, help) &counters->field,
#define GAUGE(field, help) &counters->field,
#define HISTOGRAM(field, help)
#define SIZES(field, help)
#include "fcgiwait/counters.def"
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
#undef SIZES
    };
    for (size_t i = 0; i < COUNT; i++)
        counter_set(all[i], (int64_t)(1000 + i));
}

static void the_status_is_json_with_every_counter(void **state)
{
    static struct counters counters;
    struct json_error error;
    size_t len;
    (void)state;
    fill(&counters);
    char *text = status_json(&counters, &no_engine, 3661 * NANOS_PER_SECOND + 999, &len);
    must(text != NULL, "no memory");
    assert_int_equal(strlen(text), len);
    if (!json_check((struct text){text, len}, &error))
        fail_msg("at %zu, %s: %s", error.offset, error.what, text);
    assert_non_null(strstr(text, "\"version\":\""));
    assert_non_null(strstr(text, "\"uptime\":3661,"));
    for (size_t i = 0; i < COUNT; i++) {
        char member[128];
        snprintf(member, sizeof member, "\"%s\":%zu", names[i], 1000 + i);
        assert_non_null(strstr(text, member));
    }
    free(text);
}

static void the_largest_numbers_are_whole(void **state)
{
    static struct counters counters;
    size_t len;
    (void)state;
    counter_set(&counters.index, (INT64_C(1) << 53) - 1);
    counter_set(&counters.waiting, INT64_MIN);
    char *text = status_json(&counters, &no_engine, INT64_MAX, &len);
    must(text != NULL, "no memory");
    assert_non_null(strstr(text, "\"index\":9007199254740991"));
    assert_non_null(strstr(text, "\"waiting\":-9223372036854775808"));
    free(text);
}

/* HELP, TYPE, sample, in this order, for each name once. */
static const char *must_be_metric(const char *at)
{
    char help[64], type[64], kind[16], sample[128];
    int end = 0;
    must(sscanf(at, "# HELP %63[a-z0-9_] %*[^\n]\n%n", help, &end) == 1 && end > 0,
         "no HELP at %.80s", at);
    at += end;
    end = 0;
    must(sscanf(at, "# TYPE %63[a-z0-9_] %15[a-z]\n%n", type, kind, &end) == 2 && end > 0,
         "no TYPE at %.80s", at);
    at += end;
    const char *line_end = strchr(at, '\n');
    must(line_end != NULL, "no sample at %.80s", at);
    snprintf(sample, sizeof sample, "%.*s", (int)(line_end - at), at);
    assert_string_equal(help, type);
    assert_true(strcmp(kind, "counter") == 0 || strcmp(kind, "gauge") == 0);
    assert_true(strncmp(sample, type, strlen(type)) == 0);
    assert_true(sample[strlen(type)] == ' ' || sample[strlen(type)] == '{');
    /* promtool: counters end in _total, and nothing else does. */
    const char *total = strstr(type, "_total");
    assert_int_equal(total != NULL && strlen(total) == 6, strcmp(kind, "counter") == 0);
    assert_true(strncmp(type, "fcgiwait_", 9) == 0);
    assert_true(isdigit((unsigned char)line_end[-1]));
    return line_end + 1;
}

static void the_metrics_are_prometheus_text(void **state)
{
    static struct counters counters;
    size_t len, metrics = 0;
    (void)state;
    fill(&counters);
    char *text = metrics_text(&counters, &no_engine, 3661 * NANOS_PER_SECOND, &len);
    must(text != NULL, "no memory");
    assert_int_equal(strlen(text), len);
    const char *histograms = strstr(text, "# HELP fcgiwait_delivery_seconds ");
    assert_non_null(histograms);
    for (const char *at = text; at < histograms; metrics++)
        at = must_be_metric(at);
    assert_int_equal(metrics, COUNT + 2);
    assert_non_null(strstr(text, "\nfcgiwait_uptime_seconds 3661\n"));
    for (size_t i = 0; i < COUNT; i++) {
        char sample[128];
        snprintf(sample, sizeof sample, "\nfcgiwait_%s%s %zu\n", names[i],
                 grows[i] ? "_total" : "", 1000 + i);
        assert_non_null(strstr(text, sample));
    }
    free(text);
}

static void times_are_told_as_cumulative_buckets(void **state)
{
    static struct counters counters;
    size_t len;
    (void)state;
    histogram_add(&counters.delivery, NANOS_PER_MS);
    histogram_add(&counters.delivery, 2 * NANOS_PER_MS);
    histogram_add(&counters.delivery, 20 * NANOS_PER_SECOND);
    char *text = metrics_text(&counters, &no_engine, 0, &len);
    must(text != NULL, "no memory");
    const char *want = "# TYPE fcgiwait_delivery_seconds histogram\n"
                       "fcgiwait_delivery_seconds_bucket{le=\"0.0005\"} 0\n"
                       "fcgiwait_delivery_seconds_bucket{le=\"0.001\"} 1\n"
                       "fcgiwait_delivery_seconds_bucket{le=\"0.0025\"} 2\n";
    assert_non_null(strstr(text, want));
    assert_non_null(strstr(text, "fcgiwait_delivery_seconds_bucket{le=\"10\"} 2\n"
                                 "fcgiwait_delivery_seconds_bucket{le=\"+Inf\"} 3\n"
                                 "fcgiwait_delivery_seconds_sum 20.003000000\n"
                                 "fcgiwait_delivery_seconds_count 3\n"));
    free(text);
    text = status_json(&counters, &no_engine, 0, &len);
    must(text != NULL, "no memory");
    assert_non_null(
        strstr(text, "\"delivery_seconds\":{\"count\":3,\"p50\":0.0025,\"p99\":null,"
                     "\"buckets\":[[0.0005,0],[0.001,1],[0.0025,1],"));
    assert_non_null(strstr(text, "[10,0],[null,1]]}"));
    assert_non_null(
        strstr(text, "\"publish_seconds\":{\"count\":0,\"p50\":null,\"p99\":null,"));
    free(text);
}

static void sizes_have_bounds_of_their_own(void **state)
{
    static struct counters counters;
    size_t len;
    (void)state;
    histogram_add_size(&counters.feed, 0);
    histogram_add_size(&counters.feed, 4096);
    histogram_add_size(&counters.feed, 4097);
    histogram_add_size(&counters.feed, (size_t)1 << 40);
    char *text = metrics_text(&counters, &no_engine, 0, &len);
    must(text != NULL, "no memory");
    assert_non_null(strstr(text, "# TYPE fcgiwait_feed_bytes histogram\n"
                                 "fcgiwait_feed_bytes_bucket{le=\"1\"} 1\n"));
    assert_non_null(strstr(text, "\nfcgiwait_feed_bytes_bucket{le=\"4096\"} 2\n"
                                 "fcgiwait_feed_bytes_bucket{le=\"16384\"} 3\n"));
    assert_non_null(strstr(text, "\nfcgiwait_feed_bytes_bucket{le=\"67108864\"} 3\n"
                                 "fcgiwait_feed_bytes_bucket{le=\"+Inf\"} 4\n"
                                 "fcgiwait_feed_bytes_sum 1099511635969\n"
                                 "fcgiwait_feed_bytes_count 4\n"));
    free(text);
    text = status_json(&counters, &no_engine, 0, &len);
    must(text != NULL, "no memory");
    assert_non_null(
        strstr(text, "\"feed_bytes\":{\"count\":4,\"p50\":4096,\"p99\":null,"));
    free(text);
}

#define THREADS 4
#define TIMES 20000

static void *add_ones(void *context)
{
    struct counters *counters = context;
    for (int i = 0; i < TIMES; i++) {
        counter_add(&counters->requests, 1);
        counter_add(&counters->waiting, i % 2 == 0 ? 1 : -1);
    }
    return NULL;
}

static void no_thread_loses_another_ones_count(void **state)
{
    static struct counters counters;
    pthread_t threads[THREADS];
    (void)state;
    for (int i = 0; i < THREADS; i++)
        must(pthread_create(&threads[i], NULL, add_ones, &counters) == 0, "no thread");
    for (int i = 0; i < 10; i++) { /* read meanwhile */
        size_t len;
        free(status_json(&counters, &no_engine, 0, &len));
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(counter_read(&counters.requests), THREADS * TIMES);
    assert_int_equal(counter_read(&counters.waiting), 0);
}

/* Its words are a stranger's. */
static void the_engine_is_told_with_its_state(void **state)
{
    static struct counters counters;
    struct engine_report engine = {
        .type = "redis",
        .where = "here:1",
        .state = ENGINE_SLOW,
        .why = "no \"answer\"\n\\ \xff f\xc3\xbcr\xc2\x9d \xe2\x82",
        .lag_time = 1500 * NANOS_PER_MS};
    struct json_error error;
    size_t len;
    (void)state;
    char *text = status_json(&counters, &engine, 0, &len);
    must(text != NULL, "no memory");
    assert_true(json_check((struct text){text, len}, &error));
    assert_non_null(strstr(
        text, "\"engine\":{\"type\":\"redis\",\"at\":\"here:1\",\"state\":\"slow\","
              "\"why\":\"no \\u0022answer\\u0022\\u000a\\u005c \\ufffd f\xc3\xbcr\\u009d "
              "\\ufffd\\ufffd\","
              "\"lag_seconds\":1.500}"));
    free(text);
    text = metrics_text(&counters, &engine, 0, &len);
    must(text != NULL, "no memory");
    assert_non_null(strstr(text, "\nfcgiwait_engine_state{state=\"slow\"} 1\n"));
    assert_non_null(strstr(text, "\nfcgiwait_engine_state{state=\"good\"} 0\n"));
    assert_non_null(strstr(text, "\nfcgiwait_engine_lag_seconds 1.500\n"));
    free(text);
}

static void a_store_without_an_engine_has_no_state(void **state)
{
    static struct counters counters;
    size_t len;
    (void)state;
    char *text = status_json(&counters, &no_engine, 0, &len);
    must(text != NULL, "no memory");
    assert_non_null(strstr(text, "\"engine\":null"));
    free(text);
    text = metrics_text(&counters, &no_engine, 0, &len);
    must(text != NULL, "no memory");
    assert_null(strstr(text, "engine_state"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_status_is_json_with_every_counter),
        cmocka_unit_test(sizes_have_bounds_of_their_own),
        cmocka_unit_test(the_engine_is_told_with_its_state),
        cmocka_unit_test(a_store_without_an_engine_has_no_state),
        cmocka_unit_test(the_largest_numbers_are_whole),
        cmocka_unit_test(the_metrics_are_prometheus_text),
        cmocka_unit_test(times_are_told_as_cumulative_buckets),
        cmocka_unit_test(no_thread_loses_another_ones_count),
    };
    return cmocka_run_group_tests_name("ops/status", tests, NULL, NULL);
}
