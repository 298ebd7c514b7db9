/* SPDX-License-Identifier: ISC */
/*
 * What answers show that come at once. Sentences name what is seen first, then who it
 * most likely is, then what would help.
 */
#include "judge.h"

#include <inttypes.h>

#include "fcgiwait/etag.h"
#include "hop.h"

/* --- entity tags --- */

/* As fcgiwait writes it. */
static struct text tag_of(uint64_t index, char tag[ETAG_TEXT])
{
    return (struct text){tag, etag_format(index, tag)};
}

/* Whether it is made of the index, whoever has changed it since: the number stands first,
 * and by itself. */
static bool has_number(struct text tag, uint64_t index)
{
    char ours[ETAG_TEXT];
    struct text number = tag_of(index, ours);
    if (text_starts(tag, TEXT("W/")))
        text_skip(&tag, 2);
    if (text_starts(tag, TEXT("\"")))
        text_skip(&tag, 1);
    number = (struct text){number.at + 1, number.len - 2};
    return text_starts(tag, number) &&
           (tag.len == number.len ||
            (tag.at[number.len] != '\0' && strchr("\"-;:.", tag.at[number.len]) != NULL));
}

static bool is_ours(const struct exchange *exchange, uint64_t index)
{
    char ours[ETAG_TEXT];
    return text_is(exchange_header(exchange, "ETag"), tag_of(index, ours));
}

void judge_etag(struct report *report, const struct exchange *first, uint64_t index)
{
    struct text tag = exchange_header(first, "ETag");
    if (is_ours(first, index))
        report_good(report, "etag", "arrives as it was sent: %.*s", (int)tag.len, tag.at);
    else if (has_number(tag, index))
        report_fault(report, "etag",
                     "arrives changed, as %.*s: somebody on the way compresses or edits "
                     "answers, and If-Match of what is read here will fail",
                     (int)tag.len, tag.at);
    else if (tag.len > 0)
        report_note(report, "etag", "%.*s is the API's own: the index travels alone",
                    (int)tag.len, tag.at);
    else
        report_note(report, "etag",
                    "none arrives: right behind an API that has none; else somebody on "
                    "the way drops it");
}

void judge_gzip(struct report *report, const struct exchange *packed, uint64_t index)
{
    uint64_t now;
    if (exchange_index(packed, &now)) /* it may have changed */
        index = now;
    struct text tag = exchange_header(packed, "ETag");
    struct text coding = exchange_header(packed, "Content-Encoding");
    if (coding.len == 0)
        report_good(report, "gzip", "nothing is compressed for who would take it");
    else if (is_ours(packed, index))
        report_good(report, "gzip", "%.*s, and the ETag stays as it is", (int)coding.len,
                    coding.at);
    else if (text_starts(tag, TEXT("W/")) && has_number(tag, index))
        report_note(report, "gzip",
                    "%.*s makes the ETag a weak one: reading takes it all the same, "
                    "If-Match does not",
                    (int)coding.len, coding.at);
    else if (has_number(tag, index))
        report_fault(
            report, "gzip",
            "%.*s changes the ETag to %.*s, which is nobody's: with If-None-Match "
            "every poll is answered at once (Apache: DeflateAlterETag NoChange)",
            (int)coding.len, coding.at, (int)tag.len, tag.at);
    else
        report_note(report, "gzip", "%.*s, with an ETag that is not the index",
                    (int)coding.len, coding.at);
}

/* --- caches --- */

static bool is_hit(const struct exchange *exchange)
{
    uint64_t age;
    if (text_number(exchange_header(exchange, "Age"), UINT64_MAX, &age) && age > 0)
        return true;
    return exchange_says(exchange, "X-Cache", "hit") ||
           exchange_says(exchange, "X-Cache-Status", "hit") ||
           exchange_says(exchange, "CF-Cache-Status", "hit") ||
           exchange_says(exchange, "X-Varnish", " ");
}

void judge_cache(struct report *report, const struct exchange *first,
                 const struct exchange *again)
{
    char name[HOP_TEXT];
    if (is_hit(first) || is_hit(again))
        report_fault(
            report, "cache",
            "an answer came out of a cache, by its Age or its X- header; it names "
            "%s: readers get old documents with old indexes, and polls are not "
            "held. What fcgiwait answers must pass by every cache",
            hop_name(is_hit(first) ? first : again, name));
    else if (!exchange_says(first, "Cache-Control", "no-store"))
        report_note(
            report, "cache",
            "Cache-Control arrives without no-store: a browser may turn a 304 into "
            "a 200 of its own");
    else
        report_good(report, "cache",
                    "no answer shows signs of one, and no-store arrives");
}

void judge_reuse(struct report *report, const struct exchange *again)
{
    if (again->reused)
        report_good(report, "reuse", "a connection serves more than one request");
    else
        report_fault(report, "reuse",
                     "the connection is closed after each answer, so that every poll "
                     "makes a new one: somebody has no keepalive "
                     "(keepalive_timeout 0, option httpclose, KeepAlive Off)");
}

/* --- what clients send --- */

/* True where the answer can't show what is looked for, since the resource has changed. */
static bool has_changed(const struct exchange *exchange, const struct exchange *first)
{
    uint64_t before, now;
    return exchange->status != 304 && exchange_index(first, &before) &&
           exchange_index(exchange, &now) && before != now;
}

static const char not_seen[] = "the resource changed meanwhile: not seen";

void judge_head(struct report *report, const struct exchange *head,
                const struct exchange *first)
{
    char name[HOP_TEXT];
    uint64_t index;
    if (head->end == EXCHANGE_ANSWERED && head->status != first->status &&
        has_changed(head, first))
        report_note(report, "head", not_seen);
    else if (head->end != EXCHANGE_ANSWERED || head->status != first->status)
        report_fault(report, "head", "HEAD is answered with %d by %s, GET with %d",
                     head->status, hop_name(head, name), first->status);
    else if (!exchange_index(head, &index))
        report_fault(report, "head", "the answer to HEAD has no X-Polling-Index");
    else
        report_good(report, "head", "answered as GET is, without the body");
}

/* For a 304 that has come as something else. */
static bool judge_304(struct report *report, const char *subject,
                      const struct exchange *exchange, const struct exchange *first)
{
    char name[HOP_TEXT];
    if (exchange->end == EXCHANGE_ANSWERED && exchange->status == 304)
        return true;
    if (has_changed(exchange, first))
        report_note(report, subject, not_seen);
    else if (exchange->end != EXCHANGE_ANSWERED)
        report_fault(report, subject, "no answer: %s", exchange->failure);
    else if (exchange->status == 200 && exchange->body_len == 0 && first->body_len > 0)
        report_fault(
            report, subject,
            "a 304 arrives as 200 without a body, from %s: clients take an empty "
            "document for the new one",
            hop_name(exchange, name));
    else if (exchange->status != 200 && exchange->status != 404)
        report_fault(
            report, subject, "%d from %s instead of 304%s", exchange->status,
            hop_name(exchange, name),
            exchange_has(exchange, "X-Varnish")
                ? ": it takes no 304 where it sent no condition of its own; polls "
                  "have to pass it by: return (pass)"
                : "");
    else
        return false;
    return true;
}

void judge_query(struct report *report, const struct exchange *exchange,
                 const struct exchange *first)
{
    if (!judge_304(report, "query", exchange, first))
        report_fault(report, "query",
                     "index and wait of the query do not arrive: the present index is "
                     "answered as if there were none; a rewrite or a URI in proxy_pass "
                     "drops them on the way, or FCGIWAIT_QUERY has other names for them");
    else if (exchange->status == 304)
        report_good(report, "query", "?index= and wait= arrive: 304");
}

void judge_prefer(struct report *report, const struct exchange *exchange,
                  const struct exchange *first)
{
    if (!judge_304(report, "prefer", exchange, first))
        report_fault(
            report, "prefer",
            "the request header Prefer does not arrive: somebody on the way drops "
            "it; ?index= and wait= do without");
    else if (exchange->status == 304 && !exchange_has(exchange, "Preference-Applied"))
        report_note(report, "prefer",
                    "Prefer arrives, but no Preference-Applied comes back");
    else if (exchange->status == 304)
        report_good(report, "prefer", "Prefer arrives: 304");
}

void judge_condition(struct report *report, const struct exchange *exchange,
                     const struct exchange *first)
{
    if (!judge_304(report, "condition", exchange, first))
        report_fault(report, "condition",
                     "If-None-Match with the ETag that was just given is answered with "
                     "%d: somebody on the way drops it, or has changed the ETag",
                     exchange->status);
    else if (exchange->status == 304)
        report_good(report, "condition", "If-None-Match is answered with 304");
}

void judge_burst(struct report *report, struct exchange *const burst[], size_t count)
{
    char name[HOP_TEXT];
    for (size_t i = 0; i < count; i++) {
        const struct exchange *exchange = burst[i];
        if (exchange->end == EXCHANGE_ANSWERED && exchange->status < 400)
            continue;
        if (exchange->end == EXCHANGE_ANSWERED && exchange->status == 404)
            continue;
        if (exchange->end != EXCHANGE_ANSWERED)
            report_fault(report, "limits",
                         "of %zu requests at once one had no answer: %s", count,
                         exchange->failure);
        else
            report_fault(
                report, "limits",
                "of %zu requests at once one was refused with %d by %s: its limit "
                "(limit_req, limit_conn, a rate) is lower than what a page with "
                "some resources asks for",
                count, exchange->status, hop_name(exchange, name));
        return;
    }
    size_t connections = 0;
    for (size_t i = 0; i < count; i++)
        connections += !burst[i]->reused;
    if (burst[0]->version < 20)
        report_good(report, "limits", "%zu requests at once are all answered", count);
    else
        report_good(report, "limits",
                    "%zu requests at once are all answered, side by side on %s%s", count,
                    connections <= 1 ? "one connection" : "several connections",
                    connections <= 1 ? ""
                                     : ": HTTP/2 allows few streams on each "
                                       "(http2_max_concurrent_streams)");
}
