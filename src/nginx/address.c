/* SPDX-License-Identifier: ISC */
/*
 * Addresses as nginx reads them. Two are the same where the same socket is meant,
 * whatever the spelling; names are not looked up.
 */
#include "address.h"

#define HTTPS_PORT 443
#define PORT_MOST 65535

static struct text without(struct text value, size_t start)
{
    text_skip(&value, start);
    return value;
}

static bool is_any(struct text host)
{
    return host.len == 0 || text_is(host, TEXT("*")) || text_is(host, TEXT("0.0.0.0")) ||
           text_is(host, TEXT("[::]"));
}

static bool is_loopback(struct text host)
{
    return text_starts(host, TEXT("127.")) || text_is(host, TEXT("[::1]")) ||
           text_is_like(host, TEXT("localhost"));
}

/* Where the port's colon stands; the length where there is none. */
static size_t find_colon(struct text value)
{
    size_t at = value.len;
    while (at > 0 && value.at[at - 1] != ':' && value.at[at - 1] != ']')
        at--;
    return at > 0 && value.at[at - 1] == ':' ? at - 1 : value.len;
}

struct address address_parse(struct text value, uint64_t port)
{
    struct address address = {.port = port};
    if (text_starts(value, TEXT("unix:"))) {
        address.is_unix = true;
        address.host = without(value, strlen("unix:"));
    } else if (text_number(value, PORT_MOST, &address.port)) {
        address.host = TEXT("");
    } else {
        size_t colon = find_colon(value);
        address.host = (struct text){value.at, colon};
        if (colon < value.len)
            text_number(without(value, colon + 1), PORT_MOST, &address.port);
        if (is_any(address.host))
            address.host = TEXT("");
    }
    return address;
}

bool address_is_local(const struct address *address)
{
    return address->is_unix || is_loopback(address->host);
}

bool address_is_same(const struct address *a, const struct address *b)
{
    return a->is_unix == b->is_unix && a->port == b->port && text_is(a->host, b->host);
}

bool address_reaches(const struct address *to, const struct address *on)
{
    if (to->is_unix || on->is_unix)
        return to->is_unix && on->is_unix && text_is(to->host, on->host);
    if (to->port != on->port)
        return false;
    if (is_loopback(to->host))
        return on->host.len == 0 || is_loopback(on->host);
    return text_is_like(to->host, on->host);
}

/* --- pass directives --- */

static bool take_start(struct text *value, struct text start)
{
    if (!text_starts(*value, start))
        return false;
    text_skip(value, start.len);
    return true;
}

/* Where the host ends: at the path, or at a variable that holds it. The path of a unix
 * socket ends at a colon. */
static size_t host_length(struct text rest)
{
    bool is_unix = text_starts(rest, TEXT("unix:"));
    size_t len = is_unix ? strlen("unix:") : text_starts(rest, TEXT("$"));
    while (len < rest.len && rest.at[len] != (is_unix ? ':' : '/') && rest.at[len] != '$')
        len++;
    return len;
}

static void cut_proxy(struct target *target, struct text rest)
{
    if (!take_start(&rest, TEXT("http://")) && take_start(&rest, TEXT("https://")))
        target->port = HTTPS_PORT;
    size_t len = host_length(rest);
    target->host = (struct text){rest.at, len};
    target->path = without(rest, len);
    take_start(&target->path, TEXT(":"));
    target->path = value_start(target->path); /* then there may be anything */
}

struct target target_of(const struct directive *pass)
{
    struct text value = find_variable(pass, directive_value(pass, 1));
    struct target target = {.host = value, .port = HTTP_PORT};
    if (directive_is(pass, TEXT("proxy_pass")))
        cut_proxy(&target, value);
    target.host = find_variable(pass, target.host);
    target.upstream = find_upstream(pass, target.host);
    return target;
}

/* The first value of each directive of that name in the block. */
static bool each_value(const struct directive *block, struct text name,
                       address_each_fn *each, void *context)
{
    const struct directive *at = find_inside(block, name);
    for (; at != NULL; at = find_again(at)) {
        struct address address = address_parse(directive_value(at, 1), HTTP_PORT);
        if (each(context, &address))
            return true;
    }
    return false;
}

bool target_each(const struct target *target, address_each_fn *each, void *context)
{
    if (value_contains(target->host, TEXT("$")))
        return false;
    if (target->upstream != NULL)
        return each_value(target->upstream, TEXT("server"), each, context);
    struct address address = address_parse(target->host, target->port);
    return each(context, &address);
}

static bool is_its_own(void *context, const struct address *address)
{
    return address_is_same(context, address);
}

static bool is_server_of(void *context, const struct address *address)
{
    return each_value(context, TEXT("server"), is_its_own, (void *)address);
}

const struct directive *target_upstream(const struct target *target,
                                        const struct directive *pass)
{
    const struct directive *realm = find_realm(pass);
    const struct directive *upstream =
        realm != NULL ? find_inside(realm, TEXT("upstream")) : NULL;
    while (upstream != NULL && !target_each(target, is_server_of, (void *)upstream))
        upstream = find_again(upstream);
    return upstream;
}

bool listen_each(const struct directive *server, address_each_fn *each, void *context)
{
    static const struct address standard = {.host = TEXT(""), .port = HTTP_PORT};
    return find_inside(server, TEXT("listen")) != NULL
               ? each_value(server, TEXT("listen"), each, context)
               : each(context, &standard);
}

bool listen_has(const struct directive *listen, struct text word)
{
    const struct directive *realm = find_realm(listen);
    for (const struct directive *at = realm; at != NULL; at = find_next(realm, at))
        if (directive_is(at, TEXT("listen")) && values_have(at, word) &&
            text_is(directive_value(at, 1), directive_value(listen, 1)))
            return true;
    return false;
}

static bool is_listened_on(void *context, const struct address *address)
{
    return address_reaches(context, address);
}

static bool is_reached(void *context, const struct address *address)
{
    return listen_each(context, is_listened_on, (void *)address);
}

bool target_reaches(const struct target *target, const struct directive *server)
{
    return target_each(target, is_reached, (void *)server);
}
