/* SPDX-License-Identifier: ISC */
/*
 * What answers show that take their time: the wait that somebody cuts. All waits began
 * together, so that the first that is cut tells when.
 */
#include <inttypes.h>

#include "fcgiwait/duration.h"
#include "hop.h"
#include "judge.h"

#define SECONDS(span) ((double)(span) / (double)NANOS_PER_SECOND)

/* An answer that comes so much sooner than its wait ends was not held, or for less than
 * was asked for; so much later, and somebody kept it back. */
#define SOON (500 * NANOS_PER_MS)
#define LATE (2 * NANOS_PER_SECOND)

enum fate {
    FATE_HELD,    /* to its end */
    FATE_CHANGED, /* 200 with another index */
    FATE_CAPPED,  /* 304 too early: for less than was asked for */
    FATE_LATE,
    FATE_NOT_HELD,    /* answered at once */
    FATE_REFUSED,     /* by fcgiwait itself */
    FATE_TURNED_AWAY, /* by somebody else, at once */
    FATE_CUT,
    FATE_REPLACED /* something came at its end, but not the 304 */
};

/* A far connection, with TLS, takes its time by itself. */
static nanos time_of(const struct exchange *wait)
{
    return wait->end_at - wait->sent_at;
}

/* No timeout is as short as this. */
static bool was_turned_away(const struct exchange *wait)
{
    if (time_of(wait) >= SOON || time_of(wait) > wait->wait / 2)
        return false;
    if (wait->end != EXCHANGE_ANSWERED)
        return wait->end != EXCHANGE_TIMED_OUT;
    return wait->status >= 400 && wait->status != 404 && !hop_is_fcgiwait(wait);
}

static enum fate fate_of(const struct exchange *wait, uint64_t index)
{
    uint64_t now;
    if (was_turned_away(wait))
        return FATE_TURNED_AWAY;
    if (wait->end != EXCHANGE_ANSWERED)
        return FATE_CUT;
    if (wait->status == 200 || wait->status == 404)
        return exchange_index(wait, &now) && now != index ? FATE_CHANGED : FATE_NOT_HELD;
    if (wait->status != 304 && hop_is_fcgiwait(wait))
        return FATE_REFUSED;
    if (wait->status != 304)
        return wait->end_at < wait->wait - wait->wait / 10 ? FATE_CUT : FATE_REPLACED;
    if (wait->end_at > wait->wait + LATE)
        return FATE_LATE;
    if (time_of(wait) < SOON && wait->wait > 2 * SOON)
        return FATE_NOT_HELD;
    return wait->end_at < wait->wait - wait->wait / 10 - SOON ? FATE_CAPPED : FATE_HELD;
}

static const char *calls_itself(const struct exchange *exchange)
{
    char name[HOP_TEXT];
    bool has_name = strcmp(hop_name(exchange, name), HOP_NO_NAME) != 0;
    return has_name ? "a server that calls itself " : "";
}

static void tell_cut(struct report *report, const struct exchange *cut)
{
    char name[HOP_TEXT], wait[DURATION_TEXT];
    duration_format(cut->wait, wait);
    const char *who = hop_timeout(cut, cut->end_at);
    if (cut->end == EXCHANGE_TIMED_OUT)
        report_fault(
            report, "wait",
            "a wait of %s s has no end: nothing came within %.1f s, and nobody "
            "closed the connection; somebody on the way forgets connections that "
            "are silent (NAT, a firewall, a load balancer below HTTP)",
            wait, SECONDS(cut->end_at));
    else if (cut->end != EXCHANGE_ANSWERED)
        report_fault(
            report, "wait",
            "a wait of %s s is cut after %.1f s: the connection is closed without "
            "an answer, most likely by %s",
            wait, SECONDS(cut->end_at), who);
    else
        report_fault(report, "wait",
                     "a wait of %s s is cut after %.1f s: %d from %s%s, most likely %s",
                     wait, SECONDS(cut->end_at), cut->status, calls_itself(cut),
                     hop_name(cut, name), who);
}

static void tell_refused(struct report *report, const struct exchange *refused)
{
    struct text body = exchange_body(refused);
    report_fault(report, "wait",
                 "fcgiwait does not hold the request, but answers %d: %.*s",
                 refused->status, (int)body.len, body.at);
}

/* The one to tell of: of the first kind that there is, the soonest. */
static const struct exchange *soonest(struct exchange *const waits[], size_t count,
                                      uint64_t index, enum fate fate)
{
    const struct exchange *found = NULL;
    for (size_t i = 0; i < count; i++)
        if (fate_of(waits[i], index) == fate &&
            (found == NULL || waits[i]->end_at < found->end_at))
            found = waits[i];
    return found;
}

static void tell_turned_away(struct report *report, const struct exchange *one)
{
    static const char advice[] =
        "no timeout, but a limit (limit_conn, limit_req, a rate) or a server that is "
        "gone: several requests that wait are normal for a page";
    char name[HOP_TEXT];
    if (one->end == EXCHANGE_ANSWERED)
        report_fault(report, "wait",
                     "of several waits together one is turned away at once: %d by %s; %s",
                     one->status, hop_name(one, name), advice);
    else
        report_fault(report, "wait",
                     "of several waits together one is turned away at once, without an "
                     "answer: %s; %s",
                     one->failure, advice);
}

/* False: none of them went wrong. */
static bool tell_wrong(struct report *report, struct exchange *const waits[],
                       size_t count, uint64_t index)
{
    const struct exchange *one;
    char name[HOP_TEXT];
    if ((one = soonest(waits, count, index, FATE_TURNED_AWAY)) != NULL)
        tell_turned_away(report, one);
    else if ((one = soonest(waits, count, index, FATE_CUT)) != NULL)
        tell_cut(report, one);
    else if ((one = soonest(waits, count, index, FATE_REPLACED)) != NULL)
        report_fault(
            report, "wait",
            "at the end of a wait, after %.1f s, %d from %s takes the place of the "
            "304",
            SECONDS(one->end_at), one->status, hop_name(one, name));
    else if ((one = soonest(waits, count, index, FATE_REFUSED)) != NULL)
        tell_refused(report, one);
    else if ((one = soonest(waits, count, index, FATE_NOT_HELD)) != NULL)
        report_fault(report, "wait",
                     "the present index is not held: %d after %.1f s from %s, with the "
                     "same index; a cache answers, or index and wait do not arrive",
                     one->status, SECONDS(one->end_at), hop_name(one, name));
    else if ((one = soonest(waits, count, index, FATE_LATE)) != NULL)
        report_fault(report, "wait",
                     "a wait of %.1f s ends after %.1f s: somebody on the way keeps "
                     "requests or answers back (a queue, one connection for many)",
                     SECONDS(one->wait), SECONDS(one->end_at));
    else
        return false;
    return true;
}

const struct exchange *judge_waits(struct report *report, struct exchange *const waits[],
                                   size_t count, uint64_t index)
{
    const struct exchange *longest = waits[count - 1], *one;
    char wait[DURATION_TEXT];
    duration_format(longest->wait, wait);
    if (tell_wrong(report, waits, count, index))
        return soonest(waits, count, index, FATE_TURNED_AWAY) != NULL
                   ? NULL
                   : soonest(waits, count, index, FATE_CUT);
    if ((one = soonest(waits, count, index, FATE_CAPPED)) != NULL)
        report_note(report, "wait",
                    "waits end after %.1f s with 304, whatever longer one is asked for: "
                    "wait.max of fcgiwait, or FCGIWAIT_WAIT_MAX",
                    SECONDS(one->end_at));
    else if (fate_of(longest, index) == FATE_CHANGED)
        report_note(
            report, "wait",
            "the resource changed after %.1f s, so that a wait of %s s could not be "
            "seen to its end; a quieter resource would show more",
            SECONDS(longest->end_at), wait);
    else
        report_good(report, "wait", "held for %.1f s of %s s, and 304 arrives as 304",
                    SECONDS(longest->end_at), wait);
    return NULL;
}

void judge_twins(struct report *report, const struct exchange *a,
                 const struct exchange *b)
{
    nanos later = a->end_at > b->end_at ? a->end_at : b->end_at;
    if (a->end != EXCHANGE_ANSWERED || b->end != EXCHANGE_ANSWERED || a->status != 304 ||
        b->status != 304)
        return; /* told of elsewhere */
    if (later > a->wait + a->wait / 2 + SOON)
        report_fault(
            report, "twins",
            "of two equal requests the second waits for the answer to the first "
            "(%.1f s instead of %.1f s): a cache on the way sends one at a time; "
            "polls have to pass it by (proxy_cache_lock, Varnish without return (pass))",
            SECONDS(later), SECONDS(a->wait));
    else
        report_good(report, "twins", "two equal requests wait side by side");
}

/* --- a change --- */

bool judge_publish(struct report *report, const struct exchange *publish,
                   const struct exchange *wait, const struct exchange *get,
                   uint64_t index)
{
    char name[HOP_TEXT];
    uint64_t made, told, got;
    if (publish->end != EXCHANGE_ANSWERED || publish->status / 100 != 2) {
        report_fault(report, "publish", "the publish URL answers %d, from %s",
                     publish->status, hop_name(publish, name));
        return false;
    }
    bool knows = exchange_index(publish, &made);
    if (knows && fate_of(wait, index) == FATE_CHANGED && exchange_index(wait, &told) &&
        told > index && told < made) {
        report_note(report, "publish",
                    "the resource changed before that, which ended the wait: not seen");
        return false;
    }
    if (wait->end != EXCHANGE_ANSWERED || !exchange_index(wait, &told) ||
        wait->status == 304 || (knows && told < made)) {
        report_fault(
            report, "publish",
            "a change does not end the wait for it: %d after %.1f s; the publish "
            "URL is of another resource, or of another fcgiwait",
            wait->status, SECONDS(wait->end_at));
        return false;
    }
    if (!exchange_index(get, &got) || got < told)
        report_fault(report, "publish",
                     "after a change a plain GET still gives the state before it: "
                     "somebody on the way caches what fcgiwait answers");
    else
        report_good(report, "publish", "a change ends the wait for it");
    return true;
}
