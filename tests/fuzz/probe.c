/* SPDX-License-Identifier: ISC */
/* What the probe makes of an answer, whatever its head and its body say. */
#include "fuzz.h"

#include "probe/hop.h"
#include "probe/judge.h"

static void fill(struct exchange *exchange, struct text *rest)
{
    static const int statuses[] = {0, 200, 204, 304, 404, 406, 429, 503, 504};
    *exchange = (struct exchange){.method = "GET", .wait = 60 * NANOS_PER_SECOND};
    exchange->end = (enum exchange_end)(fuzz_byte(rest) % 6);
    exchange->status = statuses[fuzz_byte(rest) % (sizeof statuses / sizeof *statuses)];
    exchange->end_at = fuzz_byte(rest) * NANOS_PER_SECOND / 2;
    exchange->body_at = fuzz_byte(rest) * NANOS_PER_SECOND / 2 - 1;
    exchange->event_at = -1;
    exchange->head_len = rest->len < EXCHANGE_HEAD ? rest->len : EXCHANGE_HEAD;
    if (rest->len == 0) /* `at` may be NULL */
        return;
    memcpy(exchange->head, rest->at, exchange->head_len);
    exchange_take(exchange, rest->at, rest->len, exchange->body_at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct exchange exchange;
    struct exchange *const waits[] = {&exchange};
    struct report report = {0};
    struct text rest = {(const char *)data, size};
    uint64_t index = 17;
    char name[HOP_TEXT];
    fill(&exchange, &rest);
    holds(fuzz_within(exchange_header(&exchange, "ETag"),
                      (struct text){exchange.head, exchange.head_len}));
    holds(strlen(hop_name(&exchange, name)) < HOP_TEXT);
    judge_answer(&report, &exchange);
    judge_index(&report, &exchange, &index);
    judge_etag(&report, &exchange, index);
    judge_cache(&report, &exchange, &exchange);
    judge_gzip(&report, &exchange, index);
    judge_head(&report, &exchange, &exchange);
    judge_query(&report, &exchange, &exchange);
    judge_cors(&report, &exchange, &exchange, "https://a.example");
    judge_stream(&report, &exchange, judge_waits(&report, waits, 1, index));
    judge_stream_change(&report, &exchange, &exchange);
    for (size_t i = 0; i < report.count; i++)
        for (const char *at = report.lines[i].text; *at != '\0'; at++)
            holds((unsigned char)*at >= 0x20 && (unsigned char)*at < 0x7f);
    return 0;
}
