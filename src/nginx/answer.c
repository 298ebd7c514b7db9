/* SPDX-License-Identifier: ISC */
/*
 * What becomes of fcgiwait's answer on its way back: headers that are hidden or replaced,
 * pages in the place of its answers, filters over its bodies.
 */
#include "origin.h"

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

/* --- pages in the place of its answers --- */

/* The line without 404. Empty: it is for nothing else. */
static const char *say_page(struct nginx_check *check, const struct directive *page)
{
    const char *line = "error_page";
    bool any = false;
    for (size_t i = 1; i < page->count; i++) {
        struct text word = page->words[i];
        if (text_is(word, TEXT("404")) && i + 1 < page->count)
            continue;
        any = any || (i + 1 < page->count && !text_starts(word, TEXT("=")));
        line = say(check, "%s %.*s", line, (int)word.len, word.at);
    }
    return any ? say(check, "%s;", line) : "";
}

static const char *say_pages(struct nginx_check *check, const struct directive *level)
{
    const char *lines = "";
    const struct directive *at = find_inside(level, TEXT("error_page"));
    for (; at != NULL; at = find_again(at)) {
        const char *line = say_page(check, at);
        lines = say(check, "%s%s%s", lines, lines[0] != '\0' && line[0] ? " " : "", line);
    }
    return lines;
}

/* Pages for other statuses stay: without one, EventSource gives up a full server. */
static void mend_page(struct nginx_check *check, const struct way *way,
                      const struct directive *page, struct fault *fault)
{
    const char *others = say_pages(check, page->parent);
    if (others[0] == '\0') {
        fault->instead = say(check, "%.*s_intercept_errors off;", (int)way->protocol.len,
                             way->protocol.at);
    } else if (page->parent != way->block) {
        fault->instead = say(check, "%s (in the location that polls come to)", others);
    } else {
        const char *line = say_page(check, page);
        fault->at = page;
        fault->instead = line[0] != '\0' ? line : "(nothing: take the line away)";
    }
}

/* error_page for 404, with fcgiwait's own answers intercepted. */
void rule_replaced_404(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_setting_of(way->block, way->protocol, "intercept_errors");
    const struct directive *page = find_page(way->block, TEXT("404"));
    if (way->wait == 0 || !value_is_on(set) || page == NULL)
        return;
    const struct directive *to =
        location_led_to(way->server, directive_value(page, page->count - 1));
    if (to != NULL && origin_carries_index(to, page))
        return;
    struct fault fault = {
        .rule = "replaced_404",
        .at = set,
        .what = say(check,
                    "%.*s_intercept_errors puts the error_page of %s:%u in the "
                    "place of fcgiwait's 404",
                    (int)way->protocol.len, way->protocol.at, page->file, page->line),
        .effect = "the 404 loses its index, and clients can't wait for the document to "
                  "appear"};
    mend_page(check, way, page, &fault);
    fault_report(check, &fault);
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
