/* SPDX-License-Identifier: ISC */
/*
 * The marks by which servers are known. A new one is a line of `pages` or of `heads`: a
 * piece of its error page or a header that nobody else sends, the name, and the name of
 * its timeout.
 */
#include "hop.h"

#include <stdio.h>

struct hop {
    int lost; /* its status for a connection lost, where its timeout is 504; 0: the same,
               * or not known */
    const char *header, *mark;
    const char *name; /* NULL: as it says itself */
    const char *timeout;
};

#define NGINX                                                                            \
    "its proxy_read_timeout, or fastcgi_read_timeout where it is the one in front of "   \
    "fcgiwait (both 60 s unless set); nginx -T | fcgiwait --check-nginx - names the "    \
    "line; of several nginx in a row each looks like this"
#define APACHE                                                                           \
    "its ProxyTimeout, or timeout= of ProxyPass (else Timeout, 60 s unless set); "       \
    "it says 502, too, where who stands behind it closes the connection"
#define LIGHTTPD "the read-timeout of its proxy.server (60 s unless set)"
#define VARNISH                                                                          \
    "its first_byte_timeout (or between_bytes_timeout; both 60 s unless set); it says "  \
    "503, too, where who stands behind it closes the connection"
#define ENVOY "the timeout of its route (15 s unless set)"

/* In the page of an error, which passes through all the others as it is. The first that
 * fits counts. */
static const struct hop pages[] = {
    {502, NULL, "<hr><center>", NULL, NGINX}, /* and the name, to the next < */
    {0, NULL, "Guru Meditation", "Varnish", VARNISH},
    {502, NULL, "The server didn't respond in time.", "HAProxy, by its words",
     "its timeout server"},
    {502, NULL, "The server returned an invalid or incomplete response.",
     "HAProxy, by its words", "its timeout server"},
    {0, NULL, "No server is available to handle this request.", "HAProxy, by its words",
     "its timeout queue, or no server that it takes for healthy"},
    {0, NULL, "The gateway did not receive a timely response", "Apache, by its words",
     APACHE},
    {0, NULL, "The proxy server received an invalid", "Apache, by its words", APACHE},
    {500, NULL, "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n<!DOCTYPE html PUBLIC",
     "lighttpd, by its words", LIGHTTPD},
    {0, NULL, "upstream request timeout", "Envoy, by its words", ENVOY},
};

/* In a header, which proxies pass on or put theirs in its place. The first that fits
 * counts. */
static const struct hop heads[] = {
    {0, "Server", "Varnish", "Varnish", VARNISH},
    {0, "X-Varnish", "", "Varnish", VARNISH},
    {0, "CF-Ray", "", "Cloudflare",
     "the 100 s (524) that it waits for an origin, unless the plan has more"},
    {0, "X-Amz-Cf-Id", "", "Amazon CloudFront", "the origin's response timeout (30 s)"},
    {0, "Server", "awselb", NULL, "the load balancer's idle_timeout (60 s unless set)"},
    {0, "Server", "envoy", NULL, ENVOY},
    {502, "Server", "nginx", NULL, NGINX},
    {502, "Server", "openresty", NULL, "its proxy_read_timeout (60 s unless set)"},
    {0, "Server", "Apache", NULL, APACHE},
    {500, "Server", "lighttpd", NULL, LIGHTTPD},
    {0, "Server", "Caddy", NULL,
     "response_header_timeout of its reverse_proxy transport"},
    {0, "Server", "Microsoft-Azure", NULL,
     "the request time-out of its backend settings"},
    {0, "Via", "google", "Google's load balancer",
     "the timeout of its backend service (30 s unless set)"},
};

/* What follows the mark in the body; `at` NULL: it is not there. */
static struct text behind(const struct exchange *exchange, const char *mark)
{
    struct text body = exchange_body(exchange);
    size_t len = strlen(mark);
    const char *at = body.len > 0 ? memmem(body.at, body.len, mark, len) : NULL;
    struct text found = {0};
    if (at != NULL)
        found = (struct text){at + len, (size_t)(body.at + body.len - at) - len};
    return found;
}

static const struct hop *find_page(const struct exchange *exchange)
{
    for (size_t i = 0; exchange->status >= 400 && i < sizeof pages / sizeof *pages; i++)
        if (behind(exchange, pages[i].mark).at != NULL)
            return &pages[i];
    return NULL;
}

static const struct hop *find_head(const struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        const struct hop *hop = &heads[i];
        if (hop->mark[0] == '\0' ? exchange_has(exchange, hop->header)
                                 : exchange_says(exchange, hop->header, hop->mark))
            return hop;
    }
    return NULL;
}

static const char *name_of(struct text name, char text[HOP_TEXT])
{
    int len = name.len < HOP_TEXT ? (int)name.len : HOP_TEXT - 1;
    snprintf(text, HOP_TEXT, "%.*s", len, name.at);
    return text;
}

const char *hop_name(const struct exchange *exchange, char text[HOP_TEXT])
{
    const struct hop *page = find_page(exchange), *head = find_head(exchange);
    struct text server = exchange_header(exchange, "Server"), name;
    if (page != NULL && page->name == NULL) {
        struct text rest = behind(exchange, page->mark);
        if (text_cut(&rest, '<', &name) && name.len > 0)
            return name_of(name, text);
    }
    /* With its version, where both say the same. */
    if (page != NULL &&
        (head == NULL || head->name != NULL || strcmp(page->timeout, head->timeout) != 0))
        head = page;
    if (head != NULL && head->name != NULL)
        return head->name;
    return server.len == 0 ? HOP_NO_NAME : name_of(server, text);
}

#define NEAR(after, seconds)                                                             \
    ((after) > ((seconds)*NANOS_PER_SECOND - NANOS_PER_SECOND) &&                        \
     (after) < ((seconds)*NANOS_PER_SECOND + 2 * NANOS_PER_SECOND))

#define LEFT                                                                             \
    "no timeout of its own, to which it says 504: who stands behind it closed the "      \
    "connection, after a timeout of that one"

/* By who stands behind it. */
static bool was_left(const struct exchange *exchange, const struct hop *hop)
{
    return hop->lost != 0 && exchange->status == hop->lost;
}

const char *hop_timeout(const struct exchange *exchange, nanos after)
{
    const struct hop *page = find_page(exchange), *head = find_head(exchange);
    const struct hop *hop = page != NULL ? page : head;
    /* The head of a stream came through before it was cut: it is not of who cut it. */
    if (exchange->status >= 400 && hop != NULL)
        return was_left(exchange, hop) ? LEFT : hop->timeout;
    if (NEAR(after, 30))
        return "a timeout of 30 s, as HAProxy's configurations often have it, or a "
               "platform's router; nothing in it says whose";
    if (NEAR(after, 50))
        return "a timeout of 50 s, as HAProxy's packaged configuration has it for client "
               "and server; nothing in it says whose";
    if (NEAR(after, 60))
        return "a timeout of 60 s, the default of nginx, Apache and most load balancers; "
               "nothing in it says whose";
    if (NEAR(after, 350))
        return "the 350 s after which a network load balancer forgets a connection";
    return "somebody's timeout; nothing in it says whose";
}

bool hop_is_fcgiwait(const struct exchange *exchange)
{
    return exchange_says(exchange, "Content-Type", "application/problem+json");
}
