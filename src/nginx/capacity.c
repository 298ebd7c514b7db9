/* SPDX-License-Identifier: ISC */
/*
 * Rules about numbers: connections, open files, kept connections. What is needed is
 * reckoned from max_waiting, and said with the number that would do.
 */
#include "guard.h"
#include "rules.h"

#define CONNECTIONS_STANDARD 512 /* nginx's default of worker_connections */
#define FILES_STANDARD 1024      /* the usual limit of who starts nginx */
#define STEP 1024

/* Each waiting client takes its own connection and the one to fcgiwait, and one worker
 * may get them all. */
static uint64_t needed(const struct nginx_check *check)
{
    return 2 * (uint64_t)check->needs.max_waiting;
}

/* Some more than that, in a round number. */
static uint64_t ample(const struct nginx_check *check)
{
    return (needed(check) / STEP + 1) * STEP;
}

/* False: it is no number, and the check has ended as not understood. */
static bool read_number(struct nginx_check *check, const struct directive *set,
                        uint64_t otherwise, uint64_t *value)
{
    *value = otherwise;
    if (set == NULL || text_number(directive_value(set, 1), INT64_MAX, value))
        return true;
    return nginx_conf_wrong(&check->conf, set->file, set->line, "this is not a number");
}

void rule_worker_connections(struct nginx_check *check, const struct way *way)
{
    const struct directive *root = root_of(way->pass);
    const struct directive *events = find_inside(root, TEXT("events"));
    const struct directive *set =
        events != NULL ? find_inside(events, TEXT("worker_connections")) : NULL;
    uint64_t has;
    if (way->wait == 0 || !read_number(check, set, CONNECTIONS_STANDARD, &has) ||
        has >= needed(check))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "worker_connections",
            .at = set != NULL      ? set
                  : events != NULL ? events
                                   : root,
            .what = say(check,
                        "worker_connections %s%llu: max_waiting of %lld clients take "
                        "%llu, two each, and one worker may get most of them",
                        set != NULL ? "" : "is not set, and its default is ",
                        (unsigned long long)has, (long long)check->needs.max_waiting,
                        (unsigned long long)needed(check)),
            .effect = "when they are used up, clients that wait or come are cut off "
                      "without an answer",
            .instead = say(check, "worker_connections %llu;",
                           (unsigned long long)ample(check))});
}

void rule_open_files(struct nginx_check *check, const struct way *way)
{
    const struct directive *root = root_of(way->pass);
    const struct directive *set = find_inside(root, TEXT("worker_rlimit_nofile"));
    uint64_t has;
    if (way->wait == 0 || !read_number(check, set, FILES_STANDARD, &has) ||
        has >= needed(check))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "worker_rlimit_nofile",
            .at = set != NULL ? set : root,
            .what = say(check,
                        "worker_rlimit_nofile %s%llu: max_waiting of %lld clients take "
                        "%llu descriptors, and one worker may get most of them",
                        set != NULL ? "" : "is not set, and the usual limit is ",
                        (unsigned long long)has, (long long)check->needs.max_waiting,
                        (unsigned long long)needed(check)),
            .effect =
                "when they are used up, clients can't connect, and polls get 500 or "
                "502",
            .instead = say(check, "worker_rlimit_nofile %llu;",
                           (unsigned long long)(ample(check) + ample(check) / 2))});
}

/* --- connections that are kept --- */

static bool is_ours(const struct way *way)
{
    return way->wait > 0 && !way_is_proxy(way);
}

static const char opened_anew[] =
    "each poll opens a new connection; when one change answers all who wait, they come "
    "back at once and can overflow the socket's listen queue: 502";

static bool is_proposed_in(const struct nginx_check *check, const struct way *way,
                           const char *name)
{
    const struct proposal *at = check->proposals;
    while (at != NULL && !(at->name != NULL && strcmp(at->name, name) == 0 &&
                           find_realm(at->server) == find_realm(way->server)))
        at = at->next;
    return at != NULL;
}

static bool is_pass(const struct directive *directive)
{
    static const struct text names[] = {TEXT("fastcgi_pass"),   TEXT("proxy_pass"),
                                        TEXT("uwsgi_pass"),     TEXT("scgi_pass"),
                                        TEXT("memcached_pass"), TEXT("grpc_pass")};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (directive_is(directive, names[i]))
            return true;
    return false;
}

/* The upstream would take its place, or nginx refuse it for the port that stands there.
 */
static bool is_host(const struct way *way, struct text name)
{
    const struct directive *realm = find_realm(way->pass);
    for (const struct directive *at = realm; at != NULL; at = find_next(realm, at)) {
        struct text rest = directive_value(at, 1), host;
        if (!is_pass(at) || rest.len == 0)
            continue;
        const char *scheme = memmem(rest.at, rest.len, "://", strlen("://"));
        if (scheme != NULL)
            text_skip(&rest, (size_t)(scheme - rest.at) + strlen("://"));
        text_cut(&rest, '/', &host);
        rest = host;
        text_cut(&rest, ':', &host);
        if (text_is_like(host, name))
            return true;
    }
    return false;
}

/* fcgiwait, fcgiwait_2, ...: one that neither is there nor was proposed. */
static const char *new_name(struct nginx_check *check, const struct way *way)
{
    const char *name = "fcgiwait";
    for (unsigned number = 2;
         find_upstream(way->pass, text_of(name)) != NULL ||
         is_proposed_in(check, way, name) || is_host(way, text_of(name));
         number++)
        name = say(check, "fcgiwait_%u", number);
    return name;
}

/* Through the upstream that is there or was proposed for the address, or a new one. */
static const char *say_upstream(struct nginx_check *check, const struct way *way,
                                struct proposal *proposal)
{
    const struct directive *there = target_upstream(&way->target, way->pass);
    struct text host = way->target.host;
    if (there != NULL)
        return say(check, "fastcgi_pass %s;", say_text(check, directive_value(there, 1)));
    for (const struct proposal *at = check->proposals; at != NULL; at = at->next)
        if (at->name != NULL && text_is(at->host, host) &&
            find_realm(at->server) == find_realm(way->server))
            return say(check, "fastcgi_pass %s; (the upstream that is proposed above)",
                       at->name);
    proposal->name = new_name(check, way);
    return say(check,
               "upstream %s { server %.*s; keepalive %lld; } and here: fastcgi_pass %s;",
               proposal->name, (int)host.len, host.at,
               (long long)check->needs.max_waiting, proposal->name);
}

/* Once for each server. */
static const char *propose(struct nginx_check *check, const struct way *way)
{
    struct proposal *proposal = check->proposals;
    while (proposal != NULL && proposal->server != way->server)
        proposal = proposal->next;
    if (proposal != NULL)
        return NULL;
    proposal = arena_take(&check->conf.arena, sizeof *proposal);
    if (proposal == NULL)
        return NULL;
    *proposal = (struct proposal){.server = way->server, .host = way->target.host};
    const char *instead = say_upstream(check, way, proposal);
    proposal->next = check->proposals;
    check->proposals = proposal;
    return instead;
}

void rule_direct(struct nginx_check *check, const struct way *way)
{
    struct text host = way->target.host;
    if (!is_ours(way) || way->target.upstream != NULL || value_contains(host, TEXT("$")))
        return;
    const char *instead = propose(check, way);
    if (instead == NULL)
        return;
    fault_report(check, &(struct fault){
                            .rule = "direct",
                            .at = way->pass,
                            .once = way->server,
                            .what = say(check,
                                        "%.*s is no upstream, so that connections to it "
                                        "can't be kept",
                                        (int)host.len, host.at),
                            .effect = opened_anew,
                            .instead = instead});
}

void rule_keepalive(struct nginx_check *check, const struct way *way)
{
    const struct directive *upstream = way->target.upstream;
    if (!is_ours(way) || upstream == NULL ||
        find_inside(upstream, TEXT("keepalive")) != NULL)
        return;
    struct text name = directive_value(upstream, 1);
    fault_report(check,
                 &(struct fault){.rule = "keepalive",
                                 .at = upstream,
                                 .what = say(check, "upstream %.*s has no keepalive",
                                             (int)name.len, name.at),
                                 .effect = opened_anew,
                                 .instead = say(check, "keepalive %lld;",
                                                (long long)check->needs.max_waiting)});
}

void rule_keep_conn(struct nginx_check *check, const struct way *way)
{
    const struct directive *upstream = way->target.upstream;
    const struct directive *set = find_setting(way->block, TEXT("fastcgi_keep_conn"));
    if (!is_ours(way) || value_is_on(set) || upstream == NULL ||
        find_inside(upstream, TEXT("keepalive")) == NULL)
        return;
    struct fault fault = fault_of("keep_conn", set, way);
    fault.what = "the upstream has keepalive, but fastcgi_keep_conn is not on, and "
                 "fcgiwait closes after each answer";
    fault.effect = opened_anew;
    fault.instead = "fastcgi_keep_conn on;";
    fault_report(check, &fault);
}

/* --- connections of a browser --- */

static const char *say_values(struct nginx_check *check, const struct directive *set)
{
    const char *values = "";
    for (size_t i = 1; i < set->count; i++) {
        struct text value = directive_value(set, i);
        values = say(check, "%s %.*s", values, (int)value.len, value.at);
    }
    return values;
}

/* Browsers speak HTTP/2 over TLS alone. */
void rule_http1(struct nginx_check *check, const struct way *way)
{
    if (!way_streams(way) || guard_is_internal(way->block))
        return;
    const struct directive *listen = find_inside(way->server, TEXT("listen"));
    for (; listen != NULL; listen = find_again(listen)) {
        if (!values_have(listen, TEXT("ssl")) || listen_has(listen, TEXT("http2")) ||
            value_is_on(find_setting(way->server, TEXT("http2"))))
            continue;
        const char *values = say_values(check, listen);
        fault_report(
            check,
            &(struct fault){
                .rule = "http1",
                .at = listen,
                .what = say(check, "listen%s speaks HTTP/1.1 alone", values),
                .effect = "a browser opens six connections to a site, for all its tabs "
                          "together: six streams or waits take them all, and whatever "
                          "else the pages ask for stands still",
                .instead = say(check, "listen%s http2; (from nginx 1.25.1 on: http2 on;)",
                               values)});
    }
}
