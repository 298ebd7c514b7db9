/* SPDX-License-Identifier: ISC */
/*
 * What pages of another origin may read and send, as a browser judges it (the Fetch
 * standard): by the answer itself, and by what is asked before.
 */
#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#include "hop.h"
#include "judge.h"

#define ALLOW_ORIGIN "Access-Control-Allow-Origin"
#define EXPOSE_HEADERS "Access-Control-Expose-Headers"
#define ALLOW_HEADERS "Access-Control-Allow-Headers"

static struct text name_of(const char *header)
{
    struct text rest = text_of(header), name;
    return text_cut(&rest, ':', &name) ? name : (struct text){0};
}

static bool sends_cookie(const struct exchange *exchange)
{
    for (size_t i = 0; i < EXCHANGE_HEADERS && exchange->headers[i] != NULL; i++)
        if (text_is_like(name_of(exchange->headers[i]), TEXT("Cookie")))
            return true;
    return false;
}

bool judge_is_of_browser(const char *header)
{
    struct text name = name_of(header);
    return text_is_like(name, TEXT("Host")) || text_is_like(name, TEXT("User-Agent"));
}

/* What a page may send at any time, or a browser sends by itself. */
static bool needs_leave(const char *header)
{
    static const char *const free[] = {"Accept", "Accept-Language", "Content-Language",
                                       "Cookie", "Origin",          "Referer"};
    struct text name = name_of(header);
    for (size_t i = 0; i < sizeof free / sizeof *free; i++)
        if (text_is_like(name, text_of(free[i])))
            return false;
    return name.len > 0 && !judge_is_of_browser(header);
}

/* With a cookie `*` stands for nothing but itself, here and below (the Fetch standard,
 * "CORS protocol and credentials"). */
static bool allows(const struct exchange *exchange, const char *origin, bool cookie)
{
    struct text allowed = exchange_header(exchange, ALLOW_ORIGIN);
    struct text cookies = exchange_header(exchange, "Access-Control-Allow-Credentials");
    if (exchange_count(exchange, ALLOW_ORIGIN) != 1)
        return false;
    if (cookie)
        return text_is(allowed, text_of(origin)) && text_is(cookies, TEXT("true"));
    return text_is(allowed, TEXT("*")) || text_is(allowed, text_of(origin));
}

static bool covers(const struct exchange *exchange, const char *list, struct text name,
                   bool cookie)
{
    bool by_star = !cookie && !text_is_like(name, TEXT("Authorization"));
    return exchange_lists(exchange, list, name) ||
           (by_star && exchange_lists(exchange, list, TEXT("*")));
}

/* Whether the preflight lets a page send this. */
static bool lets_send(const struct exchange *preflight, const char *origin,
                      struct text name, bool cookie)
{
    return preflight->status / 100 == 2 && allows(preflight, origin, cookie) &&
           covers(preflight, ALLOW_HEADERS, name, cookie);
}

/* The first name of those asked with that a page may not send; no text: none. */
static struct text not_let_through(const struct exchange *get,
                                   const struct exchange *preflight, const char *origin,
                                   bool cookie)
{
    for (size_t i = 0; i < EXCHANGE_HEADERS && get->headers[i] != NULL; i++) {
        struct text name = name_of(get->headers[i]);
        if (needs_leave(get->headers[i]) && !lets_send(preflight, origin, name, cookie))
            return name;
    }
    return (struct text){0};
}

static void tell_not_let_in(struct report *report, const struct exchange *get,
                            const char *origin, bool cookie)
{
    size_t count = exchange_count(get, ALLOW_ORIGIN);
    if (count > 1)
        report_fault(report, "cors",
                     ALLOW_ORIGIN " arrives %zu times, and then no page may read this: "
                                  "nginx adds its own to the API's; proxy_hide_header "
                                  "takes the API's away",
                     count);
    else if (cookie)
        report_fault(
            report, "cors",
            "pages of %s may not read this with a cookie: that takes " ALLOW_ORIGIN
            " with this origin and no *, and "
            "Access-Control-Allow-Credentials: true",
            origin);
    else
        report_fault(report, "cors",
                     "no " ALLOW_ORIGIN " for %s: its pages may not read this", origin);
}

void judge_cors(struct report *report, const struct exchange *get,
                const struct exchange *preflight, const char *origin)
{
    char name[HOP_TEXT];
    bool cookie = sends_cookie(get);
    struct text held_back = not_let_through(get, preflight, origin, cookie);
    if (!allows(get, origin, cookie))
        tell_not_let_in(report, get, origin, cookie);
    else if (!covers(get, EXPOSE_HEADERS, TEXT("X-Polling-Index"), cookie))
        report_fault(report, "cors",
                     EXPOSE_HEADERS " does not name X-Polling-Index: pages of %s read "
                                    "the document and never its index",
                     origin);
    else if (held_back.len > 0)
        report_fault(
            report, "cors",
            "pages of %s may not send %.*s, and so not read this: OPTIONS, which "
            "a browser sends without it, is answered with %d by %s and does not "
            "allow it",
            origin, (int)held_back.len, held_back.at, preflight->status,
            hop_name(preflight, name));
    else if (!lets_send(preflight, origin, TEXT("Prefer"), cookie))
        report_note(report, "cors",
                    "pages of %s can poll with ?index= and wait=, but not with Prefer: "
                    "%d from %s does not allow it beforehand",
                    origin, preflight->status, hop_name(preflight, name));
    else
        report_good(report, "cors", "pages of %s can read, and wait by both ways",
                    origin);
}

/* --- what is asked before --- */

static int by_name(const void *a, const void *b)
{
    const struct text *one = a, *other = b;
    size_t len = one->len < other->len ? one->len : other->len;
    int order = strncasecmp(one->at, other->at, len);
    return order != 0 ? order : (one->len > other->len) - (one->len < other->len);
}

void judge_preflight(const char *const headers[EXCHANGE_HEADERS],
                     char line[JUDGE_PREFLIGHT])
{
    struct text names[EXCHANGE_HEADERS + 1] = {TEXT("prefer")};
    size_t count = 1, len;
    for (size_t i = 0; i < EXCHANGE_HEADERS && headers[i] != NULL; i++)
        if (needs_leave(headers[i]))
            names[count++] = name_of(headers[i]);
    qsort(names, count, sizeof *names, by_name);
    len = (size_t)sprintf(line, "Access-Control-Request-Headers: ");
    for (size_t i = 0; i < count && len + names[i].len + 2 < JUDGE_PREFLIGHT; i++) {
        if (i > 0 && text_is_like(names[i], names[i - 1]))
            continue;
        if (i > 0)
            line[len++] = ',';
        for (size_t j = 0; j < names[i].len; j++)
            line[len++] = (char)tolower((unsigned char)names[i].at[j]);
    }
    line[len] = '\0';
}
