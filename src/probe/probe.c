/* SPDX-License-Identifier: ISC */
/*
 * What is asked, and in which order: first what is answered at once, one by one; then all
 * that takes its time, together. What the answers mean is judged in judge.c and
 * judge_wait.c.
 */
#include "probe.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "report.h"
#include "transfer.h"

#define PATIENCE (10 * NANOS_PER_SECOND) /* for an answer that has no wait */
#define TWINS (2 * NANOS_PER_SECOND)
#define BURST 20
#define SIDE_BY_SIDE NANOS_PER_SECOND
#define REDIRECTS 5
#define ASKED_MOST 96
#define TELL_EVERY (10 * NANOS_PER_SECOND)

struct probe {
    const struct probe_options *options;
    struct transfer *transfer;
    struct report report;
    char *url;      /* malloc'd: where redirects lead to */
    uint64_t index; /* of the first answer */
    bool is_http2, streams;
    char prefer[64], none_match[256], origin[512], leave[JUDGE_PREFLIGHT];
    struct exchange *asked[ASKED_MOST];
    size_t count;
    nanos told_at;
};

/* --- asking --- */

static char *url_with(const char *url, const char *query)
{
    char *whole;
    int len = (int)strcspn(url, "#"); /* a fragment is never sent */
    const char *join = query[0] == '\0'                        ? ""
                       : memchr(url, '?', (size_t)len) != NULL ? "&"
                                                               : "?";
    return asprintf(&whole, "%.*s%s%s", len, url, join, query) >= 0 ? whole : NULL;
}

static void add_header(struct exchange *exchange, const char *header)
{
    for (size_t i = 0; i < EXCHANGE_HEADERS - 1; i++)
        if (exchange->headers[i] == NULL) {
            exchange->headers[i] = header;
            return;
        }
}

/* Owned by the probe. Memory is not survived: nobody depends on this program. */
static struct exchange *new_bare(struct probe *probe, const char *method, const char *url,
                                 const char *query)
{
    struct exchange *exchange = calloc(1, sizeof *exchange);
    char *whole = url_with(url, query);
    if (exchange == NULL || whole == NULL || probe->count == ASKED_MOST) {
        fputs("fcgiwait: out of memory\n", stderr);
        exit(2);
    }
    exchange->url = whole;
    exchange->method = method;
    exchange->patience = PATIENCE;
    probe->asked[probe->count++] = exchange;
    return exchange;
}

/* With what the user has it send. */
static struct exchange *new_exchange(struct probe *probe, const char *method,
                                     const char *url, const char *query)
{
    struct exchange *exchange = new_bare(probe, method, url, query);
    for (size_t i = 0; i < PROBE_HEADERS && probe->options->headers[i] != NULL; i++)
        add_header(exchange, probe->options->headers[i]);
    return exchange;
}

static struct exchange *new_wait(struct probe *probe, nanos wait)
{
    char query[64];
    snprintf(query, sizeof query, "index=%" PRIu64 "&wait=%" PRId64 "ms", probe->index,
             wait / NANOS_PER_MS);
    struct exchange *exchange = new_exchange(probe, "GET", probe->url, query);
    exchange->wait = wait;
    exchange->patience = wait + PATIENCE;
    return exchange;
}

/* Without an index what is there is told at once. */
static struct exchange *new_stream(struct probe *probe, const char *query)
{
    struct exchange *exchange = new_exchange(probe, "GET", probe->url, query);
    add_header(exchange, "Accept: text/event-stream");
    exchange->unpacks = true;
    return exchange;
}

static void run(struct probe *probe, struct exchange *const exchanges[], size_t count,
                transfer_progress_fn *progress)
{
    if (transfer_run(probe->transfer, exchanges, count, progress, probe))
        return;
    fputs("fcgiwait: out of memory\n", stderr);
    exit(2);
}

static struct exchange *ask(struct probe *probe, struct exchange *exchange)
{
    run(probe, &exchange, 1, NULL);
    return exchange;
}

static struct exchange *ask_with(struct probe *probe, const char *method,
                                 const char *header)
{
    struct exchange *exchange = new_exchange(probe, method, probe->url, "");
    if (header != NULL)
        add_header(exchange, header);
    return ask(probe, exchange);
}

/* --- what is answered at once --- */

/* What the headers tell is meant for the origin that was given. */
static bool may_follow(const struct probe *probe, const struct exchange *redirect)
{
    return redirect->status / 100 == 3 && redirect->redirect[0] != '\0' &&
           (!redirect->sends_away || probe->options->headers[0] == NULL);
}

/* The answer at the end of all redirects. */
static struct exchange *ask_first(struct probe *probe)
{
    struct exchange *first = ask_with(probe, "GET", NULL);
    for (int i = 0; i < REDIRECTS && may_follow(probe, first); i++) {
        judge_redirect(&probe->report, ask(probe, new_exchange(probe, "GET", probe->url,
                                                               "index=0&wait=0")));
        free(probe->url);
        probe->url = url_with(first->redirect, "");
        first = ask_with(probe, "GET", NULL);
    }
    return first;
}

static void ask_for_304(struct probe *probe, const struct exchange *first)
{
    struct text tag = exchange_header(first, "ETag");
    char ours[32];
    judge_query(&probe->report, ask(probe, new_wait(probe, 0)), first);
    snprintf(probe->prefer, sizeof probe->prefer, "Prefer: wait=0;index=%" PRIu64,
             probe->index);
    judge_prefer(&probe->report, ask_with(probe, "GET", probe->prefer), first);
    snprintf(ours, sizeof ours, "\"%" PRIu64 "\"", probe->index);
    if (!text_is(tag, text_of(ours)) || first->status != 200)
        return; /* an API's own condition is its own business */
    snprintf(probe->none_match, sizeof probe->none_match, "If-None-Match: %s", ours);
    judge_condition(&probe->report, ask_with(probe, "GET", probe->none_match), first);
}

static void ask_cors(struct probe *probe)
{
    struct exchange *get, *preflight;
    snprintf(probe->origin, sizeof probe->origin, "Origin: %s", probe->options->origin);
    get = ask_with(probe, "GET", probe->origin);
    judge_preflight(get->headers, probe->leave);
    preflight = new_bare(probe, "OPTIONS", probe->url, "");
    add_header(preflight, probe->origin);
    add_header(preflight, "Access-Control-Request-Method: GET");
    add_header(preflight, probe->leave);
    for (size_t i = 0; i < PROBE_HEADERS && probe->options->headers[i] != NULL; i++)
        if (judge_is_of_browser(probe->options->headers[i]))
            add_header(preflight, probe->options->headers[i]);
    judge_cors(&probe->report, get, ask(probe, preflight), probe->options->origin);
}

static void ask_burst(struct probe *probe)
{
    struct exchange *burst[BURST];
    for (size_t i = 0; i < BURST; i++)
        burst[i] = new_exchange(probe, "GET", probe->url, "");
    run(probe, burst, BURST, NULL);
    judge_burst(&probe->report, burst, BURST);
}

static void ask_side_by_side(struct probe *probe)
{
    struct exchange *held[BURST];
    for (size_t i = 0; i < BURST; i++)
        held[i] = new_wait(probe, SIDE_BY_SIDE);
    run(probe, held, BURST, NULL);
    judge_side_by_side(&probe->report, held, BURST);
}

/* False: there is nothing more to find out. */
static bool ask_at_once(struct probe *probe)
{
    struct report *report = &probe->report;
    struct exchange *first = ask_first(probe);
    if (!judge_answer(report, first))
        return false;
    probe->is_http2 = first->version == 20;
    struct exchange *again = ask_with(probe, "GET", NULL);
    judge_reuse(report, again);
    judge_cache(report, first, again);
    if (!judge_index(report, first, &probe->index))
        return false;
    judge_etag(report, first, probe->index);
    judge_head(report, ask_with(probe, "HEAD", NULL), first);
    judge_gzip(report, ask_with(probe, "GET", "Accept-Encoding: gzip"), probe->index);
    ask_for_304(probe, first);
    if (probe->options->origin != NULL)
        ask_cors(probe);
    return true;
}

/* --- what takes its time --- */

static void tell_progress(void *context, nanos passed, size_t running)
{
    struct probe *probe = context;
    if (passed < probe->told_at + TELL_EVERY)
        return;
    probe->told_at = passed;
    fprintf(stderr, "fcgiwait: %lld s, and %zu still waiting\n",
            (long long)(passed / NANOS_PER_SECOND), running);
}

#define WAITS 4

static void ask_waits(struct probe *probe)
{
    nanos most = probe->options->wait, twins = TWINS < most ? TWINS : most;
    struct exchange *all[WAITS + 3];
    for (size_t i = 0; i < WAITS; i++) /* an eighth, a quarter, a half, all of it */
        all[i] = new_wait(probe, most >> (WAITS - 1 - i));
    struct exchange **twin = all + WAITS, **stream = twin + 2;
    twin[0] = new_wait(probe, twins);
    twin[1] = new_wait(probe, twins);
    *stream = new_stream(probe, "");
    (*stream)->patience = most;
    run(probe, all, WAITS + 3, tell_progress);
    const struct exchange *cut = judge_waits(&probe->report, all, WAITS, probe->index);
    judge_twins(&probe->report, twin[0], twin[1]);
    probe->streams = judge_stream(&probe->report, *stream, cut);
}

static void ask_publish(struct probe *probe)
{
    struct exchange *get = ask_with(probe, "GET", NULL);
    struct exchange *all[3], *wait, *publish, *stream = NULL;
    char query[64];
    if (!exchange_index(get, &probe->index))
        return;
    all[0] = wait = new_wait(probe, PATIENCE / 2);
    all[1] = publish = new_exchange(probe, "POST", probe->options->publish, "");
    if (probe->streams) {
        snprintf(query, sizeof query, "index=%" PRIu64, probe->index);
        all[2] = stream = new_stream(probe, query);
        stream->until_event = true;
        publish->after = stream;
    }
    run(probe, all, stream != NULL ? 3 : 2, NULL);
    if (judge_publish(&probe->report, publish, wait, ask_with(probe, "GET", NULL),
                      probe->index) &&
        stream != NULL)
        judge_stream_change(&probe->report, stream, publish);
}

/* --- all of it --- */

static void tell(const struct probe *probe, nanos took)
{
    const struct probe_options *options = probe->options;
    if (options->json)
        report_json(&probe->report, options->url, took, stdout);
    else
        report_table(&probe->report, options->url, took, stdout);
}

static void dispose(struct probe *probe)
{
    for (size_t i = 0; i < probe->count; i++) {
        free(probe->asked[i]->url);
        free(probe->asked[i]);
    }
    transfer_close(&probe->transfer);
    free(probe->url);
}

int probe_run(const struct probe_options *options)
{
    static struct probe probe;
    struct instant start = clock_now();
    probe.options = options;
    probe.transfer = transfer_open();
    probe.url = url_with(options->url, "");
    if (probe.transfer == NULL || probe.url == NULL) {
        fputs("fcgiwait: out of memory\n", stderr);
        exit(2);
    }
    bool whole = ask_at_once(&probe);
    if (whole) {
        ask_waits(&probe);
        if (options->publish != NULL)
            ask_publish(&probe);
        if (probe.is_http2)
            ask_side_by_side(&probe);
        ask_burst(&probe); /* last: it may use a limit up */
    }
    tell(&probe, clock_now().at - start.at);
    int status = fflush(stdout) != 0           ? 2
                 : probe.report.faults == 0    ? 0
                 : probe.asked[0]->status == 0 ? 2
                                               : 1;
    dispose(&probe);
    return status;
}
