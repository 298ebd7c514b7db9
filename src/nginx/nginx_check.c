/* SPDX-License-Identifier: ISC */
/*
 * The check as a whole: the table of rules, and the findings in the order of the file. A
 * new rule is a function in one of the rule files and a line here.
 */
#include "fcgiwait/nginx_check.h"

#include <stdlib.h>

#include "rules.h"

#define PATTERNS_MOST 20000

typedef void rule_fn(struct nginx_check *check, const struct way *way);

/* By file, as in rules.h. */
static rule_fn *const rules[] = {
    rule_read_timeout,
    rule_client_abort,
    rule_next_upstream,
    rule_shutdown_timeout,
    rule_stream_timeout,
    rule_cache,
    rule_cache_lock,
    rule_worker_connections,
    rule_open_files,
    rule_direct,
    rule_keepalive,
    rule_keep_conn,
    rule_http1,
    rule_limit_conn,
    rule_limit_req,
    rule_max_conns,
    rule_open_publish,
    rule_open_page,
    rule_page_query,
    rule_lost_params,
    rule_lost_resource,
    rule_lost_query,
    rule_lost_headers,
    rule_php,
    rule_unknown_param,
    rule_stream_buffering,
    rule_stream_front,
    rule_stream_gzip,
    rule_heartbeat,
    rule_below,
    rule_takeover,
    rule_hidden_index,
    rule_ignored_redirect,
    rule_replaced_404,
    rule_expires,
    rule_hidden_cache_control,
    rule_filters,
    rule_cors,
    rule_origin,
};

/* --- the check --- */

static void report_no_way(struct nginx_check *check)
{
    fault_report(
        check,
        &(struct fault){
            .rule = "no_way",
            .at = check->conf.roots,
            .what =
                "no location leads to fcgiwait: none sets an FCGIWAIT_ parameter, and "
                "no fastcgi_pass names a socket or an upstream with \"fcgiwait\" in it",
            .effect = "nothing could be checked; an nginx in front of the one that has "
                      "fcgiwait needs proxy_read_timeout above wait.max, too",
            .instead = "fastcgi_pass fcgiwait; (or, in front, proxy_pass to an upstream "
                       "whose name has \"fcgiwait\" in it)"});
}

static void run(struct nginx_check *check)
{
    check->ways = ways_find(&check->conf, check->needs.wait_max);
    if (check->ways == NULL)
        report_no_way(check);
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        for (const struct way *way = check->ways; way != NULL; way = way->next)
            rules[i](check, way);
    if (check->conf.arena.failed)
        nginx_conf_wrong(&check->conf, check->conf.roots->file, 1,
                         "more than can be checked");
}

struct nginx_check *nginx_check_read(struct text dump, const char *name,
                                     const struct nginx_needs *needs)
{
    struct nginx_check *check = calloc(1, sizeof *check);
    if (check == NULL)
        return NULL;
    check->needs = *needs;
    check->end = &check->first;
    check->patterns_left = PATTERNS_MOST;
    if (nginx_conf_read(&check->conf, dump, name))
        run(check);
    return check;
}

enum nginx_checked nginx_check_result(const struct nginx_check *check)
{
    if (check->conf.wrong[0] != '\0')
        return NGINX_NOT_UNDERSTOOD;
    return check->first != NULL ? NGINX_FINDINGS : NGINX_GOOD;
}

const struct finding *nginx_check_findings(const struct nginx_check *check)
{
    return check->first;
}

const struct finding *nginx_check_notes(const struct nginx_check *check)
{
    return check->notes;
}

/* --- for people --- */

static size_t count_ways(const struct nginx_check *check)
{
    size_t count = 0;
    for (const struct way *way = check->ways; way != NULL; way = way->next)
        count++;
    return count;
}

static void print_finding(const struct finding *finding, FILE *out)
{
    fprintf(out, "%s:%u: %s\n    effect:  %s\n    instead: %s\n", finding->file,
            finding->line, finding->what, finding->effect, finding->instead);
}

void nginx_check_report(const struct nginx_check *check, FILE *out)
{
    size_t count = 0;
    if (check->conf.wrong[0] != '\0') {
        fprintf(out, "%s\n", check->conf.wrong);
        return;
    }
    for (const struct finding *at = check->first; at != NULL; at = at->next) {
        print_finding(at, out);
        count++;
    }
    for (const struct finding *at = check->notes; at != NULL; at = at->next)
        fprintf(out, "%s:%u: note: %s\n", at->file, at->line, at->what);
    fprintf(out, "%zu location%s to fcgiwait, %zu finding%s\n", count_ways(check),
            count_ways(check) == 1 ? " leads" : "s lead", count, count == 1 ? "" : "s");
}

void nginx_check_free(struct nginx_check **pointer)
{
    struct nginx_check *check = *pointer;
    *pointer = NULL;
    if (check == NULL)
        return;
    nginx_conf_free(&check->conf);
    free(check);
}
