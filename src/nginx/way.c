/* SPDX-License-Identifier: ISC */
/*
 * Finds the ways that lead to fcgiwait, through proxies of the same dump as well. Found
 * ways move from one list to the other until no further one leads there.
 */
#include "way.h"

#include <stdio.h>

#include "fcgiwait/duration.h"
#include "guard.h"
#include "stranger.h"

#define OURS TEXT("fcgiwait")

const struct directive *root_of(const struct directive *directive)
{
    while (directive->parent != NULL)
        directive = directive->parent;
    return directive;
}

/* --- fastcgi_pass --- */

static bool is_named_ours(void *context, const struct address *address)
{
    (void)context;
    return value_contains(address->host, OURS);
}

static bool has_our_params(const struct directive *block)
{
    const struct directive *param = find_setting(block, TEXT("fastcgi_param"));
    for (; param != NULL; param = find_again(param))
        if (text_starts(directive_value(param, 1), TEXT("FCGIWAIT_")))
            return true;
    return false;
}

static bool is_by_name(const struct target *target)
{
    return value_contains(target->host, OURS) || target_each(target, is_named_ours, NULL);
}

static bool is_same(void *context, const struct address *address)
{
    return address_is_same(context, address);
}

static bool is_one_of(void *context, const struct address *address)
{
    return target_each(context, is_same, (void *)address);
}

static bool share_socket(struct way *a, struct way *b)
{
    return root_of(a->pass) == root_of(b->pass) &&
           (text_is(a->target.host, b->target.host) ||
            target_each(&a->target, is_one_of, &b->target));
}

/* `fastcgi_param FCGIWAIT_ACCESS publish;`, or a variable that somebody can make that. */
static const struct directive *publish_at(const struct directive *block)
{
    const struct directive *access = find_param_line(block, TEXT("FCGIWAIT_ACCESS"));
    return access != NULL && who_makes(block, directive_value(access, 2),
                                       TEXT("publish")) > WHO_NOBODY
               ? access
               : NULL;
}

/* Neither an endpoint nor the report of a write holds anybody. */
static nanos wait_at(const struct directive *block, nanos wait_max)
{
    nanos here;
    if (find_param(block, TEXT("FCGIWAIT_ENDPOINT")).len > 0 ||
        find_param(block, TEXT("FCGIWAIT_ORIGIN_STATUS")).len > 0)
        return 0;
    if (duration_parse(find_param(block, TEXT("FCGIWAIT_WAIT_MAX")), &here) &&
        here < wait_max)
        return here;
    return wait_max;
}

/* --- lists --- */

/* Every pass directive of the protocol that stands in a server. */
static struct way *passes_find(struct nginx_conf *conf, struct text protocol,
                               struct text name)
{
    struct way *first = NULL, **end = &first;
    for (struct directive *root = conf->roots; root != NULL; root = root->next)
        for (const struct directive *at = root; at != NULL; at = find_next(root, at)) {
            if (!directive_is(at, name) || find_around(at, TEXT("http")) == NULL ||
                find_around(at, TEXT("server")) == NULL)
                continue;
            struct way *way = arena_take(&conf->arena, sizeof *way);
            if (way == NULL)
                return first;
            way->pass = at;
            way->block = at->parent;
            way->server = find_around(at, TEXT("server"));
            way->target = target_of(at);
            way->protocol = protocol;
            *end = way;
            end = &way->next;
        }
    return first;
}

static struct way **end_of(struct way **list)
{
    while (*list != NULL)
        list = &(*list)->next;
    return list;
}

/* Moves those for which `leads` is true to the other list. True: there were some. */
static bool move(struct way **from, struct way **to,
                 bool (*leads)(struct way *way, struct way *found), struct way *found)
{
    bool any = false;
    while (*from != NULL) {
        struct way *way = *from;
        if (!leads(way, found)) {
            from = &way->next;
            continue;
        }
        *from = way->next;
        way->next = NULL;
        *end_of(to) = way;
        any = true;
    }
    return any;
}

static bool leads_itself(struct way *way, struct way *found)
{
    (void)found;
    return has_our_params(way->block) || is_by_name(&way->target);
}

static bool leads_by_name(struct way *way, struct way *found)
{
    (void)found;
    return is_by_name(&way->target);
}

static bool leads_with(struct way *way, struct way *found)
{
    for (; found != NULL; found = found->next)
        if (share_socket(way, found))
            return true;
    return false;
}

/* --- proxy_pass to one of these servers --- */

static bool serves(const struct directive *entrance, struct text path)
{
    return location_of(entrance).kind == LOCATION_REGEX ||
           location_serving(find_around(entrance, TEXT("server")), path) == entrance;
}

/* Whether a path that begins so, or with more, is served by the way's location. */
static bool start_leads(struct text start, const struct directive *in)
{
    struct text back = location_of(in).path;
    return text_starts(back, start) || (text_starts(start, back) && serves(in, start));
}

/* Whether a rewrite within the block, or in an `if` of it, leads a path that begins with
 * `from` to the location. */
static bool rewrite_leads(const struct directive *block, struct text from,
                          const struct directive *in)
{
    for (const struct directive *at = block->first; at != NULL; at = at->next) {
        if (directive_is(at, TEXT("if")) && rewrite_leads(at, from, in))
            return true;
        if (!directive_is(at, TEXT("rewrite")) || location_is_redirect(at))
            continue;
        struct text start = value_start(directive_value(at, 2)); /* of what it makes */
        struct text taken = location_regex_start(directive_value(at, 1));
        if ((text_starts(taken, from) || text_starts(from, taken)) &&
            start_leads(start, in))
            return true;
    }
    return false;
}

/* The same for a path that is rewritten once more where it arrives. */
static bool arrives(const struct way *way, struct text start, const struct directive *in)
{
    const struct directive *serving = location_serving(way->server, start);
    return start_leads(start, in) || rewrite_leads(way->server, start, in) ||
           (serving != NULL && serving != in && rewrite_leads(serving, start, in));
}

/* Where a client's path comes to the proxy as it is, and goes on with another start. */
static bool path_is_served(const struct directive *out, const struct directive *in,
                           struct text start)
{
    char path[1024];
    struct text front = location_of(out).path, back = location_of(in).path;
    if (!text_starts(back, start))
        return true;
    int len = snprintf(path, sizeof path, "%.*s%.*s", (int)front.len, front.at,
                       (int)(back.len - start.len), back.at + start.len);
    return (size_t)len < sizeof path && serves(out, (struct text){path, (size_t)len});
}

/* Whether a path that the proxy passes on is served by the way's location. */
static bool path_leads(const struct way *proxy, const struct way *way)
{
    const struct directive *out = location_entrance(proxy->block);
    const struct directive *in = location_entrance(way->block);
    if (out == NULL || in == NULL)
        return false;
    struct text path = proxy->target.path;
    struct text start = path.len > 0 ? path : location_of(out).path;
    if (arrives(way, start, in) && path_is_served(out, in, start))
        return true;
    return path.len == 0 && (rewrite_leads(proxy->block, start, in) ||
                             rewrite_leads(proxy->server, start, in));
}

/* What is let in from this machine alone, this proxy lets in from everywhere, unless the
 * client's address comes with it. */
static bool opens(const struct way *found)
{
    return found->publish != NULL && guard_at(found->block) == GUARD_MACHINE &&
           find_setting(found->block, TEXT("set_real_ip_from")) == NULL;
}

static bool leads_on(struct way *way, struct way *found)
{
    for (; found != NULL; found = found->next) {
        if (!target_reaches(&way->target, found->server) || !path_leads(way, found))
            continue;
        if (found->wait > way->wait)
            way->wait = found->wait;
        if (opens(found))
            way->publish = found->publish;
    }
    return way->wait > 0;
}

struct way *ways_find(struct nginx_conf *conf, nanos wait_max)
{
    struct way *ways = NULL, *others, *sharing = NULL;
    others = passes_find(conf, TEXT("fastcgi"), TEXT("fastcgi_pass"));
    move(&others, &ways, leads_itself, NULL);
    move(&others, &sharing, leads_with, ways);
    *end_of(&ways) = sharing;
    for (struct way *way = ways; way != NULL; way = way->next) {
        way->wait = wait_at(way->block, wait_max);
        way->publish = publish_at(way->block);
    }
    others = passes_find(conf, TEXT("proxy"), TEXT("proxy_pass"));
    if (ways == NULL && move(&others, &ways, leads_by_name, NULL))
        for (struct way *way = ways; way != NULL; way = way->next)
            way->wait = wait_max;
    while (move(&others, &ways, leads_on, ways))
        ;
    return ways;
}
