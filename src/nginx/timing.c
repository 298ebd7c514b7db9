/* SPDX-License-Identifier: ISC */
/*
 * Rules about what ends a wait: timeouts and repeated requests. Each looks at one
 * way and knows the longest wait that comes along it.
 */
#include "rules.h"

/* A request that is repeated this soon comes no later than anybody bears. */
#define REPEAT_WITHIN (5 * NANOS_PER_SECOND)

/* --- read timeout --- */

/* The longest wait of all ways that the same line (or the same lack of one) rules. */
static nanos longest_wait(struct nginx_check *check, const struct way *way,
                          const struct directive *set)
{
    nanos longest = way->wait;
    for (const struct way *at = check->ways; at != NULL; at = at->next)
        if (text_is(at->protocol, way->protocol) &&
            find_setting_of(at->block, at->protocol, "read_timeout") == set &&
            (set != NULL || at->server == way->server) && at->wait > longest)
            longest = at->wait;
    return longest;
}

void rule_read_timeout(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_setting_of(way->block, way->protocol, "read_timeout");
    nanos timeout = READ_TIMEOUT_STANDARD;
    if (!read_time(check, set, &timeout) || way->wait == 0 || timeout > way->wait)
        return;
    nanos wait = longest_wait(check, way, set);
    const char *protocol = say_text(check, way->protocol);
    struct fault fault = fault_of("read_timeout", set, way);
    fault.what =
        say(check, "%s_read_timeout %s is not above the longest wait, %s", protocol,
            say_read_timeout(check, set, timeout), say_seconds(check, wait));
    fault.effect =
        timeout < wait
            ? say(check, "a client that waits longer than %s gets 504 and no answer",
                  say_seconds(check, timeout))
            : "a client gets 504 instead of its 304, exactly when nothing has changed";
    nanos silence = /* between two heartbeats of a stream, too */
        way_streams(way) && check->needs.heartbeat > wait ? check->needs.heartbeat : wait;
    fault.instead =
        say(check, "%s_read_timeout %llds;", protocol, seconds_above(silence));
    fault_report(check, &fault);
}

/* --- a client that goes away --- */

void rule_client_abort(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_setting_of(way->block, way->protocol, "ignore_client_abort");
    if (way->wait == 0 || !value_is_on(set))
        return;
    const char *protocol = say_text(check, way->protocol);
    fault_report(
        check,
        &(struct fault){
            .rule = "client_abort",
            .at = set,
            .what = say(check, "%s_ignore_client_abort is on", protocol),
            .effect = "a client that goes away keeps its place until its wait ends; with "
                      "max_waiting of them, others get 503",
            .instead = say(check, "%s_ignore_client_abort off;", protocol)});
}

/* --- requests that are repeated --- */

static size_t count_servers(const struct directive *upstream)
{
    size_t count = 0;
    const struct directive *server =
        upstream != NULL ? find_inside(upstream, TEXT("server")) : NULL;
    for (; server != NULL; server = find_again(server))
        count += !values_have(server, TEXT("down"));
    return count;
}

/* nginx repeats on another server, as often as next_upstream_tries says; and after an
 * error on a connection that was kept, once more whatever that says, on the same server
 * if there is no other. */
static bool is_repeated(const struct way *way, const struct directive *set)
{
    const struct directive *tries =
        find_setting_of(way->block, way->protocol, "next_upstream_tries");
    const struct directive *upstream = way->target.upstream;
    bool error = set == NULL || values_have(set, TEXT("error"));
    bool timeout = set == NULL || values_have(set, TEXT("timeout"));
    bool once = tries != NULL && text_is(directive_value(tries, 1), TEXT("1"));
    bool others = count_servers(upstream) > 1 && !once;
    bool kept = upstream != NULL && find_inside(upstream, TEXT("keepalive")) != NULL;
    return (error && (others || kept)) || (timeout && others);
}

void rule_next_upstream(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_setting_of(way->block, way->protocol, "next_upstream");
    const struct directive *end =
        find_setting_of(way->block, way->protocol, "next_upstream_timeout");
    nanos within = 0;
    if (!read_time(check, end, &within) || way->wait == 0 ||
        (within > 0 && within <= REPEAT_WITHIN) || !is_repeated(way, set))
        return;
    const char *protocol = say_text(check, way->protocol);
    struct fault fault = fault_of("next_upstream", set, way);
    fault.what = say(check,
                     set != NULL ? "%s_next_upstream repeats held requests"
                                 : "%s_next_upstream is not set, and its default of "
                                   "\"error timeout\" repeats held requests",
                     protocol);
    fault.effect = "a request that is lost while it is held is held once more, from the "
                   "start: the client's answer comes later than the wait it asked for";
    fault.instead = say(check, "%s_next_upstream off;", protocol);
    fault_report(check, &fault);
}

/* --- a reload --- */

/* Unset, an old worker goes on until its last client has its answer. */
void rule_shutdown_timeout(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_inside(root_of(way->pass), TEXT("worker_shutdown_timeout"));
    nanos timeout, wait = way->wait;
    if (way->wait == 0 || set == NULL || !read_time(check, set, &timeout))
        return;
    for (const struct way *at = check->ways; at != NULL; at = at->next)
        wait = at->wait > wait ? at->wait : wait;
    if (timeout > wait)
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "shutdown_timeout",
            .at = set,
            .what =
                say(check, "worker_shutdown_timeout %s is not above the longest wait, %s",
                    say_seconds(check, timeout), say_seconds(check, wait)),
            .effect = "a reload of nginx cuts off those who wait, without an answer",
            .instead =
                say(check, "worker_shutdown_timeout %llds;", seconds_above(wait))});
}
