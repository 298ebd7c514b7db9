/* SPDX-License-Identifier: ISC */
/*
 * The marks by which servers are known. A new one is a line of `hops`: a header or a
 * piece of the body that nobody else sends, the name, and the name of its timeout.
 */
#include "hop.h"

#include <stdio.h>

struct hop {
    const char *header, *mark; /* `header` NULL: the mark is in the body */
    const char *name;          /* NULL: as the header says it */
    const char *timeout;
};

/* The first that fits counts: proxies pass the Server header of others on. */
static const struct hop hops[] = {
    {"X-Varnish", "", "Varnish",
     "its first_byte_timeout (or between_bytes_timeout; both 60 s unless set)"},
    {"CF-Ray", "", "Cloudflare",
     "the 100 s (524) that it waits for an origin, unless the plan has more"},
    {"X-Amz-Cf-Id", "", "Amazon CloudFront", "the origin's response timeout (30 s)"},
    {"Server", "awselb", NULL, "the load balancer's idle_timeout (60 s unless set)"},
    {"Server", "envoy", NULL, "the timeout of its route (15 s unless set)"},
    {"Server", "nginx", NULL,
     "its proxy_read_timeout, or fastcgi_read_timeout where it is the one in front of "
     "fcgiwait (both 60 s unless set); nginx -T | fcgiwait --check-nginx - names the "
     "line"},
    {"Server", "openresty", NULL, "its proxy_read_timeout (60 s unless set)"},
    {"Server", "Apache", NULL,
     "its ProxyTimeout, or timeout= of ProxyPass (else Timeout, 60 s unless set)"},
    {"Server", "lighttpd", NULL,
     "the read-timeout of its proxy.server (60 s unless set)"},
    {"Server", "Caddy", NULL, "response_header_timeout of its reverse_proxy transport"},
    {"Server", "Microsoft-Azure", NULL, "the request time-out of its backend settings"},
    {"Via", "google", "Google's load balancer",
     "the timeout of its backend service (30 s unless set)"},
    {NULL, "The server didn't respond in time.", "HAProxy, by its words",
     "its timeout server"},
    {NULL, "No server is available to handle this request.", "HAProxy, by its words",
     "its timeout queue, or no server that it takes for healthy"},
    {NULL, "upstream request timeout", "Envoy, by its words",
     "the timeout of its route (15 s unless set)"},
};

static bool body_holds(const struct exchange *exchange, const char *mark)
{
    struct text body = exchange_body(exchange);
    return body.len > 0 && memmem(body.at, body.len, mark, strlen(mark)) != NULL;
}

static const struct hop *find(const struct exchange *exchange)
{
    for (size_t i = 0; i < sizeof hops / sizeof *hops; i++) {
        const struct hop *hop = &hops[i];
        if (hop->header == NULL    ? body_holds(exchange, hop->mark)
            : hop->mark[0] == '\0' ? exchange_has(exchange, hop->header)
                                   : exchange_says(exchange, hop->header, hop->mark))
            return hop;
    }
    return NULL;
}

const char *hop_name(const struct exchange *exchange, char text[HOP_TEXT])
{
    const struct hop *hop = find(exchange);
    struct text server = exchange_header(exchange, "Server");
    if (hop != NULL && hop->name != NULL)
        return hop->name;
    if (server.len == 0)
        return "a server that gives no name";
    int len = server.len < HOP_TEXT ? (int)server.len : HOP_TEXT - 1;
    snprintf(text, HOP_TEXT, "%.*s", len, server.at);
    return text;
}

#define NEAR(after, seconds)                                                             \
    ((after) > ((seconds)*NANOS_PER_SECOND - NANOS_PER_SECOND) &&                        \
     (after) < ((seconds)*NANOS_PER_SECOND + 2 * NANOS_PER_SECOND))

const char *hop_timeout(const struct exchange *exchange, nanos after)
{
    const struct hop *hop = find(exchange);
    if (exchange->status != 0 && hop != NULL)
        return hop->timeout;
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
