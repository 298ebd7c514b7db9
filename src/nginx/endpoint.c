/* SPDX-License-Identifier: ISC */
/*
 * The live page: what it tells of others is not for everybody, and without the query it
 * has no parts. Health, status and metrics are numbers alone: who may see those is their
 * owner's business.
 */
#include "guard.h"
#include "rules.h"
#include "stranger.h"

/* NULL: no page is given there. */
static const struct directive *page_at(const struct way *way)
{
    const struct directive *block = way->block;
    const struct directive *endpoint = find_param_line(block, TEXT("FCGIWAIT_ENDPOINT"));
    return endpoint != NULL && !way_is_proxy(way) &&
                   who_makes(block, directive_value(endpoint, 2), TEXT("page")) >
                       WHO_NOBODY
               ? endpoint
               : NULL;
}

void rule_open_page(struct nginx_check *check, const struct way *way)
{
    const struct directive *page = page_at(way);
    if (page == NULL || guard_at(way->block) > GUARD_NONE)
        return;
    fault_report(check,
                 &(struct fault){.rule = "open_page",
                                 .at = page,
                                 .what = say(check, "%s shows the live page to the world",
                                             say_location(check, way->block)),
                                 .effect = "anybody can see which paths others "
                                           "wait for, and how many they are",
                                 .instead = "allow 127.0.0.1; allow ::1; deny all;"});
}

void rule_page_query(struct nginx_check *check, const struct way *way)
{
    const struct directive *page = page_at(way);
    if (page == NULL || find_param(way->block, TEXT("QUERY_STRING")).len > 0)
        return;
    fault_report(
        check,
        &(struct fault){.rule = "page_query",
                        .at = page,
                        .what = say(check, "%s does not pass the query to the live page",
                                    say_location(check, way->block)),
                        .effect = "it stays without script, style and numbers",
                        .instead = "fastcgi_param QUERY_STRING $query_string;"});
}
