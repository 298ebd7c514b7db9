/* SPDX-License-Identifier: ISC */
/*
 * What the first answer shows: who gives it, and whether it is fcgiwait's. Where it is
 * not, the rest has no use.
 */
#include "judge.h"

#include <inttypes.h>

#include "hop.h"

#define SECONDS(span) ((double)(span) / (double)NANOS_PER_SECOND)

static const char *version_name(const struct exchange *exchange)
{
    switch (exchange->version) {
    case 10:
        return "HTTP/1.0";
    case 11:
        return "HTTP/1.1";
    case 20:
        return "HTTP/2";
    case 30:
        return "HTTP/3";
    default:
        return "HTTP";
    }
}

/* What would help with a first answer of this status. */
static const char *advice(const struct exchange *first)
{
    struct text body = exchange_body(first);
    static const char https[] = "plain HTTP request was sent to HTTPS port";
    if (first->status == 401 || first->status == 403)
        return "; --header gives what lets a client in";
    if (first->status == 502 || first->status == 503 || first->status == 504)
        return ": who stands behind it does not answer, fcgiwait or a server on the way "
               "to it; the error log of the one that says this names it";
    if (body.len > 0 && memmem(body.at, body.len, https, sizeof https - 1) != NULL)
        return ": https:// is spoken there";
    return "";
}

static void tell_no_answer(struct report *report, const struct exchange *first)
{
    if (first->end == EXCHANGE_UNTRUSTED)
        report_fault(report, "answer",
                     "clients do not trust the certificate: %s; CURL_CA_BUNDLE=FILE has "
                     "the probe trust those in a file",
                     first->failure);
    else
        report_fault(report, "answer", "nobody answers: %s%s", first->failure,
                     strstr(first->failure, "wrong version number") != NULL
                         ? "; it may be http:// that is spoken there"
                         : "");
}

bool judge_answer(struct report *report, const struct exchange *first)
{
    char name[HOP_TEXT];
    if (first->end != EXCHANGE_ANSWERED) {
        tell_no_answer(report, first);
        return false;
    }
    if (first->status / 100 == 3 && first->sends_away && first->headers[0] != NULL) {
        report_fault(report, "answer",
                     "%d from %s leads to another origin, to which --header is not "
                     "taken: probe %s",
                     first->status, hop_name(first, name), first->redirect);
        return false;
    }
    if (first->status != 200 && first->status != 404) {
        report_fault(report, "answer", "%d from %s, where 200 or 404 is meant%s",
                     first->status, hop_name(first, name), advice(first));
        return false;
    }
    report_good(report, "answer", "%d from %s after %.3f s, by %s%s", first->status,
                hop_name(first, name), SECONDS(first->end_at), version_name(first),
                first->version <= 11
                    ? "; browsers keep six connections to a host, so six "
                      "requests of a page can wait"
                    : "");
    return true;
}

bool judge_index(struct report *report, const struct exchange *first, uint64_t *index)
{
    char name[HOP_TEXT];
    size_t count = exchange_count(first, "X-Polling-Index");
    if (exchange_index(first, index)) {
        if (count > 1)
            report_fault(report, "index",
                         "X-Polling-Index arrives %zu times: pages read all of them as "
                         "one, which is no index; somebody on the way adds it where it "
                         "is (add_header)",
                         count);
        else
            report_good(report, "index", "X-Polling-Index arrives: %" PRIu64, *index);
        if (first->status == 404)
            report_note(report, "index",
                        "nothing is there yet (404): it can be waited for, but a wrong "
                        "path looks the same");
        return true;
    }
    if (first->status == 404 && !hop_is_fcgiwait(first))
        report_fault(report, "index",
                     "this 404 is not fcgiwait's, but of %s: no location leads from this "
                     "path to fcgiwait",
                     hop_name(first, name));
    else
        report_fault(
            report, "index",
            "no X-Polling-Index arrives, so nobody can wait: somebody on the way "
            "drops it (proxy_hide_header, fastcgi_hide_header, an origin location "
            "that does not carry it over), or it is not fcgiwait that answers here");
    return false;
}

/* Asked with ?index=0. */
void judge_redirect(struct report *report, const struct exchange *asked)
{
    const char *location = asked->redirect;
    char name[HOP_TEXT];
    if (strstr(location, "index=0") != NULL)
        report_note(report, "redirect", "%d from %s to %s: each poll is asked twice",
                    asked->status, hop_name(asked, name), location);
    else
        report_fault(
            report, "redirect",
            "%d from %s to %s, without the query: index and wait are lost on the "
            "way; ask there at once, or let the redirect keep the query",
            asked->status, hop_name(asked, name), location);
}
