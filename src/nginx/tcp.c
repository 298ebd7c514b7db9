/* SPDX-License-Identifier: ISC */
/*
 * Servers of a stream block on the way: in front of nginx, or between nginx and fcgiwait.
 * They see bytes alone, and while a client waits, or between two heartbeats, there are
 * none.
 */
#include "rules.h"

#define PROXY_TIMEOUT_STANDARD (600 * NANOS_PER_SECOND) /* nginx's default */

/* One place that a server of the stream block passes connections to. */
struct relay {
    const struct directive *server, *pass;
    const struct way *way;
};

static bool leads(const struct relay *relay, struct text value)
{
    struct target target = {.host = value, .upstream = find_upstream(relay->pass, value)};
    return target_reaches(&target, relay->way->server);
}

static bool value_leads(void *context, struct text value)
{
    return leads(context, value);
}

/* Before nginx, or behind it. */
static bool is_on(const struct relay *relay)
{
    const struct way *way = relay->way;
    return value_each(relay->server, directive_value(relay->pass, 1), value_leads,
                      (void *)relay) ||
           (find_inside(relay->server, TEXT("listen")) != NULL &&
            target_reaches(&way->target, relay->server));
}

static void report(struct nginx_check *check, const struct relay *relay,
                   const struct directive *set, nanos timeout)
{
    const struct way *way = relay->way;
    bool cuts_waits = timeout <= way->wait;
    nanos silence = cuts_waits ? way->wait : check->needs.heartbeat;
    fault_report(
        check,
        &(struct fault){
            .rule = "stream_timeout",
            .at = set != NULL ? set : relay->pass,
            .what = say(check,
                        "proxy_timeout %s%s of a stream server on the way is not above "
                        "%s, %s",
                        set != NULL ? "" : "is not set, and its default of ",
                        say_seconds(check, timeout),
                        cuts_waits ? "the longest wait" : "stream.heartbeat",
                        say_seconds(check, silence)),
            .effect = cuts_waits ? "connections on which somebody waits are closed "
                                   "without an answer"
                                 : stream_is_cut,
            .instead = say(check, "proxy_timeout %llds;", seconds_above(silence))});
}

static void check_server(struct nginx_check *check, const struct way *way,
                         const struct directive *server)
{
    const struct directive *set = find_setting(server, TEXT("proxy_timeout"));
    const struct relay relay = {server, find_inside(server, TEXT("proxy_pass")), way};
    nanos timeout = PROXY_TIMEOUT_STANDARD;
    nanos beat = way_streams(way) ? check->needs.heartbeat : 0;
    if (relay.pass == NULL)
        return;
    if (read_time(check, set, &timeout) && (timeout <= way->wait || timeout <= beat) &&
        is_on(&relay))
        report(check, &relay, set, timeout);
}

void rule_stream_timeout(struct nginx_check *check, const struct way *way)
{
    if (way->wait == 0)
        return;
    for (const struct directive *root = check->conf.roots; root != NULL;
         root = root->next) {
        const struct directive *stream = find_inside(root, TEXT("stream"));
        const struct directive *server =
            stream != NULL ? find_inside(stream, TEXT("server")) : NULL;
        for (; server != NULL; server = find_again(server))
            check_server(check, way, server);
    }
}
