/* SPDX-License-Identifier: ISC */
/*
 * Servers of a stream block on the way: in front of nginx, or between nginx and fcgiwait.
 * They see bytes alone, and while a client waits there are none.
 */
#include "rules.h"

#include "fcgiwait/duration.h"

#define STANDARD_TIMEOUT (600 * NANOS_PER_SECOND) /* nginx's default */
#define TIMEOUT_ABOVE 15 /* seconds that it had better be above the wait */

/* One place that a server of the stream block passes connections to. */
struct passage {
    const struct directive *server, *pass;
    const struct way *way;
};

static bool leads(const struct passage *passage, struct text value)
{
    struct target target = {.host = value,
                            .upstream = find_upstream(passage->pass, value)};
    return target_reaches(&target, passage->way->server);
}

static bool value_leads(void *context, struct text value)
{
    return leads(context, value);
}

/* Before nginx, or behind it. */
static bool is_on(const struct passage *passage)
{
    const struct way *way = passage->way;
    return value_each(passage->server, directive_value(passage->pass, 1), value_leads,
                      (void *)passage) ||
           (find_inside(passage->server, TEXT("listen")) != NULL &&
            target_reaches(&way->target, passage->server));
}

static void report(struct nginx_check *check, const struct passage *passage,
                   const struct directive *set, nanos timeout)
{
    char has[DURATION_TEXT], wait[DURATION_TEXT];
    nanos longest = passage->way->wait;
    duration_format(timeout, has);
    duration_format(longest, wait);
    nanos whole = (longest + NANOS_PER_SECOND - 1) / NANOS_PER_SECOND;
    fault_report(
        check,
        &(struct fault){
            .rule = "stream_timeout",
            .at = set,
            .what = say(check,
                        "proxy_timeout %ss of a stream server on the way is not above "
                        "the longest wait, %ss",
                        has, wait),
            .effect = "connections on which somebody waits are closed without an answer",
            .instead =
                say(check, "proxy_timeout %llds;", (long long)whole + TIMEOUT_ABOVE)});
}

static void check_server(struct nginx_check *check, const struct way *way,
                         const struct directive *server)
{
    const struct directive *set = find_setting(server, TEXT("proxy_timeout"));
    const struct passage passage = {server, find_inside(server, TEXT("proxy_pass")), way};
    nanos timeout = STANDARD_TIMEOUT;
    if (set == NULL || passage.pass == NULL)
        return;
    if (!value_time(directive_value(set, 1), &timeout))
        nginx_conf_wrong(&check->conf, set->file, set->line, "this is not a time");
    else if (timeout <= way->wait && is_on(&passage))
        report(check, &passage, set, timeout);
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
