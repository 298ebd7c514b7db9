/* SPDX-License-Identifier: ISC */
/*
 * What streams show: whether their events come at once, by when they end; and how many
 * requests HTTP/2 lets stand side by side.
 */
#include "hop.h"
#include "judge.h"

#define SECONDS(span) ((double)(span) / (double)NANOS_PER_SECOND)

/* What comes later than this was kept back by somebody. */
#define LATE (2 * NANOS_PER_SECOND)

/* More than an answer of the same age takes longer: HAProxy lets small pieces of an
 * answer wait 200 ms for more. */
#define SOON (150 * NANOS_PER_MS)

#define AT_ONCE (500 * NANOS_PER_MS)

static const char gatherer[] =
    "somebody on the way gathers answers before passing them on (proxy_buffering, "
    "lighttpd's server.stream-response-body = 0, a compressing filter)";

static void tell_gathered(struct report *report, const struct exchange *stream)
{
    if (stream->body_at < 0)
        report_fault(report, "stream", "nothing of a stream arrives within %.1f s: %s",
                     SECONDS(stream->end_at), gatherer);
    else if (stream->event_at < 0)
        report_fault(report, "stream",
                     "the first byte of a stream arrives after %.1f s, and within %.1f s "
                     "no event, though there is one to tell at once: %s",
                     SECONDS(stream->body_at), SECONDS(stream->end_at), gatherer);
    else
        report_fault(report, "stream",
                     "the first byte of a stream arrives after %.1f s, the first event "
                     "after %.1f s: %s",
                     SECONDS(stream->body_at), SECONDS(stream->event_at), gatherer);
}

static void tell_good(struct report *report, const struct exchange *stream)
{
    struct text coding = exchange_header(stream, "Content-Encoding");
    report_good(report, "stream",
                "the first byte arrives after %.3f s, the first event after %.3f s, and "
                "it goes on for %.1f s",
                SECONDS(stream->body_at), SECONDS(stream->event_at),
                SECONDS(stream->end_at));
    if (coding.len > 0)
        report_note(report, "stream",
                    "streams are compressed (%.*s): each keeps a compressor of some 256k "
                    "where that is done",
                    (int)coding.len, coding.at);
}

/* Who closes a connection without a word says nothing of itself; but who cuts waits
 * has one timeout for both. */
static void tell_cut(struct report *report, const struct exchange *stream,
                     const struct exchange *cut_wait)
{
    nanos apart = cut_wait != NULL ? stream->end_at - cut_wait->end_at : 0;
    if (cut_wait != NULL && apart > -LATE && apart < LATE)
        report_fault(report, "stream",
                     "a stream is cut after %.1f s, most likely by what cuts waits, too: "
                     "in that time nothing is sent (stream.heartbeat, 20 s unless set)",
                     SECONDS(stream->end_at));
    else
        report_fault(report, "stream", "a stream is cut after %.1f s, most likely by %s",
                     SECONDS(stream->end_at), hop_timeout(stream, stream->end_at));
}

/* Of its own accord, as it looks. */
static bool has_ended(const struct exchange *stream)
{
    return stream->end == EXCHANGE_ANSWERED && stream->end_at < stream->patience - LATE;
}

static void tell_ended(struct report *report, const struct exchange *stream)
{
    report_note(
        report, "stream",
        "a stream ends after %.1f s as if it were whole: fcgiwait's stream.max, or "
        "somebody cuts it behind a proxy that speaks HTTP/1.0, where that can't "
        "be seen (nginx: proxy_http_version 1.1)",
        SECONDS(stream->end_at));
}

/* For another reason than a timeout: also where the connection is closed as soon as it is
 * asked for. */
static bool has_failed(const struct exchange *stream)
{
    return stream->end == EXCHANGE_FAILED || stream->end == EXCHANGE_UNTRUSTED ||
           (stream->end == EXCHANGE_CLOSED && stream->status == 0 &&
            stream->end_at - stream->sent_at < AT_ONCE);
}

bool judge_stream(struct report *report, const struct exchange *stream,
                  const struct exchange *cut_wait)
{
    char name[HOP_TEXT];
    bool late = stream->event_at < 0 || stream->event_at > LATE;
    if (has_failed(stream)) {
        report_fault(report, "stream", "a stream fails after %.1f s: %s",
                     SECONDS(stream->end_at), stream->failure);
    } else if (stream->status == 406) {
        report_note(report, "stream", "streams are not granted here (406)");
    } else if (stream->status == 200 && !exchange_is_stream(stream)) {
        report_note(report, "stream", "no streams here: a plain answer comes instead");
    } else if (stream->end == EXCHANGE_ANSWERED && stream->status != 200) {
        report_fault(report, "stream", "%d from %s instead of a stream", stream->status,
                     hop_name(stream, name));
    } else if (late && stream->end != EXCHANGE_CLOSED) {
        tell_gathered(report, stream);
    } else if (stream->end == EXCHANGE_CLOSED ||
               (has_ended(stream) && cut_wait != NULL)) {
        tell_cut(report, stream, cut_wait);
    } else if (has_ended(stream)) {
        tell_ended(report, stream);
    } else {
        tell_good(report, stream);
        return true;
    }
    return false;
}

/* Each counts from its own start. */
static nanos after_publish(const struct exchange *stream, const struct exchange *publish)
{
    nanos event = stream->start.at + stream->event_at;
    nanos published = publish->start.at + publish->end_at;
    return event > published ? event - published : 0;
}

void judge_stream_change(struct report *report, const struct exchange *stream,
                         const struct exchange *publish)
{
    nanos after = after_publish(stream, publish);
    char name[HOP_TEXT];
    if (!exchange_is_stream(stream))
        report_fault(report, "event", "%d from %s instead of a second stream",
                     stream->status, hop_name(stream, name));
    else if (stream->event_at < 0)
        report_fault(report, "event",
                     "a change does not come by a stream that is open, within %.1f s: %s",
                     SECONDS(stream->end_at), gatherer);
    else if (after > LATE)
        report_fault(report, "event",
                     "a change comes %.1f s late by a stream that is open: %s",
                     SECONDS(after), gatherer);
    else if (after > SOON)
        report_note(
            report, "event",
            "a change comes by an open stream, %.3f s after its POST is answered: "
            "somebody on the way lets it wait for more to send (HAProxy does "
            "without option http-no-delay)",
            SECONDS(after));
    else
        report_good(report, "event",
                    "a change comes by an open stream, %.3f s after its POST is answered",
                    SECONDS(after));
}

/* --- HTTP/2 --- */

static size_t count_on(struct exchange *const held[], size_t count, long port)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++)
        found += held[i]->port == port;
    return found;
}

void judge_side_by_side(struct report *report, struct exchange *const held[],
                        size_t count)
{
    size_t most = 0;
    for (size_t i = 0; i < count; i++) {
        size_t here = count_on(held, count, held[i]->port);
        if (held[i]->status != 304 || held[i]->end_at < held[i]->wait / 2)
            return; /* told of elsewhere, or a change has come: they were not held */
        most = here > most ? here : most;
    }
    if (most == count)
        report_good(report, "http2", "%zu requests wait side by side on one connection",
                    count);
    else
        report_fault(report, "http2",
                     "only %zu requests are let wait side by side on a connection "
                     "(http2_max_concurrent_streams; 128 are usual): a page that follows "
                     "more waits in line, since browsers open no second one",
                     most);
}
