/* SPDX-License-Identifier: ISC */
/*
 * What becomes of fcgiwait's answer on its way back: headers that are hidden or replaced,
 * pages in the place of its answers, filters over its bodies.
 */
#include "guard.h"
#include "rules.h"

/* --- headers that fcgiwait sends --- */

void rule_hidden_index(struct nginx_check *check, const struct way *way)
{
    const struct directive *hidden =
        way_lists(way, "hide_header", TEXT("X-Polling-Index"));
    if (way->wait == 0 || hidden == NULL)
        return;
    fault_report(
        check, &(struct fault){.rule = "hidden_index",
                               .at = hidden,
                               .what = "X-Polling-Index is hidden from clients",
                               .effect = "clients get documents without their index, and "
                                         "can't wait for the next ones",
                               .instead = "(nothing: take the line away)"});
}

void rule_ignored_redirect(struct nginx_check *check, const struct way *way)
{
    const struct directive *ignored =
        way_lists(way, "ignore_headers", TEXT("X-Accel-Redirect"));
    if (ignored == NULL || way_is_proxy(way) ||
        find_param(way->block, TEXT("FCGIWAIT_ORIGIN")).len == 0)
        return;
    fault_report(
        check, &(struct fault){.rule = "ignored_redirect",
                               .at = ignored,
                               .what = "X-Accel-Redirect is ignored, with which fcgiwait "
                                       "sends nginx to the API",
                               .effect = "clients get 200 without a document",
                               .instead = "(nothing: take the line away)"});
}

/* error_page for 404, with fcgiwait's own answers intercepted. */
void rule_replaced_404(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_setting_of(way->block, way->protocol, "intercept_errors");
    const struct directive *page = find_setting(way->block, TEXT("error_page"));
    while (page != NULL && !values_contain(page, TEXT("404")))
        page = find_again(page);
    if (way->wait == 0 || !value_is_on(set) || page == NULL)
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "replaced_404",
            .at = set,
            .what = say(check,
                        "%.*s_intercept_errors puts the error_page of %s:%u in the "
                        "place of fcgiwait's 404",
                        (int)way->protocol.len, way->protocol.at, page->file, page->line),
            .effect =
                "the 404 loses its index, and clients can't wait for the document to "
                "appear",
            .instead = say(check, "%.*s_intercept_errors off;", (int)way->protocol.len,
                           way->protocol.at)});
}

/* --- what caches and browsers are told --- */

static bool is_no_store(void *context, struct text value)
{
    (void)context;
    return value_contains(value, TEXT("no-store")) || value_contains(value, TEXT("$"));
}

/* `add_header Cache-Control no-store` beside it makes good what is taken away. */
static bool says_no_store(const struct directive *block)
{
    const struct directive *header = find_header(block, TEXT("Cache-Control"));
    return header != NULL &&
           value_each(block, directive_value(header, 2), is_no_store, NULL);
}

static bool is_kept(struct text value)
{
    return !text_is(value, TEXT("off"));
}

/* Of what `expires` takes from a map, what holds for anything, or for JSON. */
static bool expires_json(const struct directive *expires)
{
    struct text value = directive_value(expires, expires->count - 1), name;
    if (!value_variable(value, &name))
        return is_kept(value);
    const struct directive *map = value_map(expires, name);
    if (map == NULL)
        return is_kept(find_variable(expires, value));
    const struct directive *standard = find_inside(map, TEXT("default"));
    if (standard != NULL && is_kept(directive_value(standard, 1)))
        return true;
    for (const struct directive *row = map->first; row != NULL; row = row->next)
        if (value_is_row(row) && value_contains(row->words[0], TEXT("json")) &&
            is_kept(directive_value(row, 1)))
            return true;
    return false;
}

void rule_expires(struct nginx_check *check, const struct way *way)
{
    const struct directive *expires = find_setting(way->block, TEXT("expires"));
    if (way->wait == 0 || expires == NULL || !expires_json(expires) ||
        says_no_store(way->block))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "expires",
            .at = expires,
            .what =
                "expires puts its own Cache-Control in the place of fcgiwait's no-store",
            .effect =
                "browsers and caches keep what they got: a poll is answered with an "
                "old document, or its 304 as a document",
            .instead = "expires off; (in the location that polls come to)"});
}

void rule_hidden_cache_control(struct nginx_check *check, const struct way *way)
{
    const struct directive *hidden = way_lists(way, "hide_header", TEXT("Cache-Control"));
    if (way->wait == 0 || hidden == NULL || says_no_store(way->block))
        return;
    fault_report(
        check, &(struct fault){.rule = "hidden_cache_control",
                               .at = hidden,
                               .what = "fcgiwait's Cache-Control is hidden from clients",
                               .effect = "browsers keep what they got, and take a 304 "
                                         "or a 404 for the document's state later on",
                               .instead = "(nothing: take the line away)"});
}

/* --- pages on other hosts (CORS) --- */

static bool exposes(void *context, struct text value)
{
    char lower[256];
    (void)context;
    size_t len = value.len < sizeof lower ? value.len : sizeof lower;
    for (size_t i = 0; i < len; i++) {
        char c = value.at[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    struct text folded = {lower, len};
    return value_contains(folded, TEXT("x-polling-index")) ||
           value_contains(value, TEXT("$")) || text_is(value, TEXT("*"));
}

static bool is_exposed(const struct directive *block)
{
    const struct directive *header =
        find_header(block, TEXT("Access-Control-Expose-Headers"));
    return header != NULL && value_each(block, directive_value(header, 2), exposes, NULL);
}

static void check_cors(struct nginx_check *check, const struct directive *block)
{
    const struct directive *origin =
        find_header(block, TEXT("Access-Control-Allow-Origin"));
    if (origin == NULL || is_exposed(block))
        return;
    const struct directive *header =
        find_header(block, TEXT("Access-Control-Expose-Headers"));
    fault_report(
        check,
        &(struct fault){
            .rule = "cors_index",
            .at = header != NULL ? header : origin,
            .what = "pages on other hosts may read the answers, but not X-Polling-Index",
            .effect =
                "such a page gets documents without their index, and can't wait for "
                "the next ones",
            .instead =
                "add_header Access-Control-Expose-Headers \"X-Polling-Index, ETag, "
                "Preference-Applied, Retry-After\" always;"});
}

static bool returns(const struct directive *block)
{
    return find_inside(block, TEXT("return")) != NULL;
}

static bool any_exposes(const struct nginx_check *check)
{
    for (const struct way *at = check->ways; at != NULL; at = at->next)
        if (is_exposed(at->block))
            return true;
    return false;
}

void rule_cors(struct nginx_check *check, const struct way *way)
{
    if (way->wait == 0 || way->publish != NULL ||
        (way_is_proxy(way) && any_exposes(check)))
        return;
    check_cors(check, way->block);
    const struct directive *at = find_inside(way->block, TEXT("if"));
    for (; at != NULL; at = find_again(at))
        if (find_inside(at, TEXT("add_header")) != NULL && is_for_polls(at) &&
            !returns(at))
            check_cors(check, at);
}

/* --- filters --- */

static bool is_over_json(const struct directive *block, struct text types)
{
    const struct directive *set = find_setting(block, types);
    return values_have(set, TEXT("*")) || values_have(set, TEXT("application/json"));
}

static void check_filters(struct nginx_check *check, const struct directive *block)
{
    const struct directive *sub = find_setting(block, TEXT("sub_filter"));
    const struct directive *ssi = find_setting(block, TEXT("ssi"));
    struct fault fault = {.effect =
                              "documents are changed on their way and lose their "
                              "ETag and length: who polls by ETag gets each at once"};
    if (sub != NULL && is_over_json(block, TEXT("sub_filter_types"))) {
        fault.rule = "sub_filter";
        fault.at = find_setting(block, TEXT("sub_filter_types"));
        fault.what =
            say(check, "sub_filter of %s:%u lies over JSON", sub->file, sub->line);
        fault.instead = "sub_filter_types text/html;";
        fault_report(check, &fault);
    }
    if (value_is_on(ssi) && is_over_json(block, TEXT("ssi_types"))) {
        fault.rule = "ssi";
        fault.at = ssi;
        fault.what = "ssi lies over JSON";
        fault.instead = "ssi off;";
        fault_report(check, &fault);
    }
}

void rule_filters(struct nginx_check *check, const struct way *way)
{
    if (way->wait > 0)
        check_filters(check, way->block);
}
