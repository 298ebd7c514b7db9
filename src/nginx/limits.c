/* SPDX-License-Identifier: ISC */
/*
 * Limits of nginx below what waits: for one client, who may stand for a whole office, and
 * for all together.
 */
#include "rules.h"

#define CLIENT_LEAST 16  /* requests at once that one address should be granted */
#define CLIENT_AMPLE 100 /* what is proposed for it */
#define HUNDREDTHS 100   /* of a second: how close an answer and the next poll are */

/* Whose requests a zone counts together. */
enum counted { COUNTED_UNKNOWN, COUNTED_CLIENT, COUNTED_ALL };

static bool tells_clients_apart(void *context, struct text value)
{
    static const struct text starts[] = {TEXT("binary_remote_addr"),
                                         TEXT("remote_"),
                                         TEXT("realip_remote"),
                                         TEXT("proxy_protocol_addr"),
                                         TEXT("http_"),
                                         TEXT("cookie_"),
                                         TEXT("arg_"),
                                         TEXT("ssl_client"),
                                         TEXT("proxy_add_x_forwarded_for"),
                                         TEXT("connection"),
                                         TEXT("request_id"),
                                         TEXT("ssl_session_id")};
    struct text name;
    (void)context;
    while (value_next_variable(&value, &name))
        for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
            if (text_starts(name, starts[i]) && !text_is(name, TEXT("http_host")))
                return true;
    return false;
}

static bool is_of_all(void *context, struct text value)
{
    static const struct text names[] = {TEXT("server_name"), TEXT("host"),
                                        TEXT("http_host"),   TEXT("server_addr"),
                                        TEXT("server_port"), TEXT("uri"),
                                        TEXT("request_uri"), TEXT("document_uri"),
                                        TEXT("scheme"),      TEXT("request_method")};
    struct text name;
    bool known = true;
    (void)context;
    while (known && value_next_variable(&value, &name)) {
        known = false;
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            known = known || text_is(name, names[i]);
    }
    return known && value.len <= 1;
}

/* A map of addresses to keys keeps clients apart, too; an empty key counts nobody. */
static enum counted counted_by(const struct directive *zone)
{
    struct text key = directive_value(zone, 1), name;
    if (tells_clients_apart(NULL, key))
        return COUNTED_CLIENT;
    if (value_variable(key, &name) && value_map(zone, name) != NULL)
        return value_each(zone, key, tells_clients_apart, NULL) ? COUNTED_CLIENT
                                                                : COUNTED_UNKNOWN;
    return is_of_all(NULL, key) ? COUNTED_ALL : COUNTED_UNKNOWN;
}

/* "zone=NAME:10m" */
static struct text option(const struct directive *directive, struct text name)
{
    for (size_t i = 1; i < directive->count; i++) {
        struct text word = directive->words[i];
        if (text_starts(word, name)) {
            text_skip(&word, name.len);
            return word;
        }
    }
    return TEXT("");
}

static const struct directive *zone_of(const struct directive *limit, struct text kind,
                                       struct text name)
{
    const struct directive *http = find_around(limit, TEXT("http"));
    const struct directive *zone = http != NULL ? find_inside(http, kind) : NULL;
    for (; zone != NULL; zone = find_again(zone)) {
        struct text rest = option(zone, TEXT("zone=")), has;
        if (text_cut(&rest, ':', &has) && text_is(has, name))
            return zone;
    }
    return NULL;
}

static uint64_t needed_by(const struct nginx_check *check, enum counted counted)
{
    uint64_t all = (uint64_t)check->needs.max_waiting;
    if (counted == COUNTED_UNKNOWN)
        return 0;
    return counted == COUNTED_CLIENT && all > CLIENT_LEAST ? CLIENT_LEAST : all;
}

static uint64_t proposed_for(const struct nginx_check *check, enum counted counted)
{
    uint64_t all = (uint64_t)check->needs.max_waiting;
    return counted == COUNTED_CLIENT && all > CLIENT_AMPLE ? CLIENT_AMPLE : all;
}

static const char *say_whom(enum counted counted)
{
    return counted == COUNTED_CLIENT
               ? "clients behind one address, or one with several pages open"
               : "all clients together";
}

/* Readers wait; those who publish don't. */
static bool is_limited(const struct way *way)
{
    return way->wait > 0 && way->publish == NULL;
}

/* --- limit_conn --- */

static void check_conn(struct nginx_check *check, const struct directive *limit)
{
    struct text name = directive_value(limit, 1);
    const struct directive *zone = zone_of(limit, TEXT("limit_conn_zone"), name);
    enum counted counted = zone != NULL ? counted_by(zone) : COUNTED_UNKNOWN;
    uint64_t has;
    if (!text_number(directive_value(limit, 2), INT64_MAX, &has) ||
        has >= needed_by(check, counted))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "limit_conn",
            .at = limit,
            .what = say(check, "limit_conn lets %llu of %s wait at once",
                        (unsigned long long)has, say_whom(counted)),
            .effect =
                "a request that waits counts for as long as it waits: the next gets "
                "503 at once, and asks again",
            .instead = say(check, "limit_conn %.*s %llu;", (int)name.len, name.at,
                           (unsigned long long)proposed_for(check, counted))});
}

void rule_limit_conn(struct nginx_check *check, const struct way *way)
{
    const struct directive *limit = find_setting(way->block, TEXT("limit_conn"));
    if (!is_limited(way) ||
        value_is_on(find_setting(way->block, TEXT("limit_conn_dry_run"))))
        return;
    for (; limit != NULL; limit = find_again(limit))
        check_conn(check, limit);
}

/* --- limit_req --- */

/* Requests that come within a moment and are not refused. */
static uint64_t granted(const struct directive *limit, const struct directive *zone)
{
    uint64_t burst, rate;
    struct text rest = option(zone, TEXT("rate=")), number;
    if (!text_number(option(limit, TEXT("burst=")), INT32_MAX, &burst))
        burst = 0;
    if (!text_cut(&rest, 'r', &number) || !text_number(number, INT32_MAX, &rate))
        rate = 0;
    return burst + (value_contains(rest, TEXT("s")) ? rate / HUNDREDTHS : 0);
}

static void check_req(struct nginx_check *check, const struct directive *limit)
{
    struct text name = option(limit, TEXT("zone="));
    const struct directive *zone = zone_of(limit, TEXT("limit_req_zone"), name);
    enum counted counted = zone != NULL ? counted_by(zone) : COUNTED_UNKNOWN;
    if (counted == COUNTED_UNKNOWN || granted(limit, zone) >= needed_by(check, counted))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "limit_req",
            .at = limit,
            .what = say(check, "limit_req is below what %s ask within a moment",
                        say_whom(counted)),
            .effect =
                "one change answers all who wait, and they come back at once: those "
                "above the burst get 503",
            .instead =
                say(check, "limit_req zone=%.*s burst=%llu nodelay;", (int)name.len,
                    name.at, (unsigned long long)proposed_for(check, counted))});
}

void rule_limit_req(struct nginx_check *check, const struct way *way)
{
    const struct directive *limit = find_setting(way->block, TEXT("limit_req"));
    if (!is_limited(way) ||
        value_is_on(find_setting(way->block, TEXT("limit_req_dry_run"))))
        return;
    for (; limit != NULL; limit = find_again(limit))
        check_req(check, limit);
}

/* --- max_conns --- */

void rule_max_conns(struct nginx_check *check, const struct way *way)
{
    const struct directive *upstream = way->target.upstream;
    const struct directive *server =
        upstream != NULL ? find_inside(upstream, TEXT("server")) : NULL;
    uint64_t needed = (uint64_t)check->needs.max_waiting, has;
    if (way->wait == 0)
        return;
    for (; server != NULL; server = find_again(server)) {
        if (!text_number(option(server, TEXT("max_conns=")), INT64_MAX, &has) ||
            has == 0 || has >= needed)
            continue;
        struct text address = directive_value(server, 1);
        fault_report(
            check,
            &(struct fault){
                .rule = "max_conns",
                .at = server,
                .what = say(check, "max_conns=%llu is below max_waiting, %llu",
                            (unsigned long long)has, (unsigned long long)needed),
                .effect =
                    "each request that waits takes a connection: when they are used "
                    "up, everybody else gets 502",
                .instead =
                    say(check, "server %.*s; (or max_conns=%llu)", (int)address.len,
                        address.at, (unsigned long long)needed)});
    }
}
