/* SPDX-License-Identifier: ISC */
/*
 * Rules about the internal location in front of the API: that the index is carried over,
 * that crowds share one answer, that the cache's key has all that it needs.
 */
#include "origin.h"

#include "guard.h"

/* --- the index --- */

static const struct directive *index_header(const struct directive *location)
{
    return find_header(location, TEXT("X-Polling-Index"));
}

static bool is_always(const struct directive *header)
{
    return text_is(directive_value(header, 3), TEXT("always"));
}

/* The API's answer takes the place of fcgiwait's, so the index has to be kept by `set`.
 */
static bool is_carried(const struct directive *location, struct text value)
{
    if (value_mentions(value, ORIGIN_OUR_HEADER))
        return origin_api(location).pass == NULL;
    return value_depends(value, location, ORIGIN_OUR_HEADER);
}

/* nginx adds headers without "always" to these. */
static bool is_good(struct text status)
{
    static const struct text good = TEXT("200 201 204 206 301 302 303 304 307 308");
    return status.len == 3 && value_contains(good, status);
}

/* Whether the page is given as a good answer: with a status of its own (=200), or with
 * the one of its location (=). What that returns comes first. */
static bool page_is_good(const struct directive *page, const struct directive *location)
{
    const struct directive *back = find_inside(location, TEXT("return"));
    bool returned = back != NULL && is_good(directive_value(back, 1));
    struct text status = page->count > 3 ? page->words[page->count - 2] : TEXT("");
    if (!text_starts(status, TEXT("=")))
        return false;
    text_skip(&status, 1);
    return status.len == 0 ? returned : is_good(status) && (back == NULL || returned);
}

bool origin_carries_index(const struct directive *location, const struct directive *page)
{
    const struct directive *header = index_header(location);
    return header != NULL && (is_always(header) || page_is_good(page, location)) &&
           is_carried(location, directive_value(header, 2));
}

/* The lines to write where there is no such header, or in the place of the one there. */
static const char *say_index(struct nginx_check *check, const struct directive *location)
{
    static const char lines[] = "set $polling_index $upstream_http_x_polling_index; "
                                "add_header X-Polling-Index $polling_index always;";
    const struct directive *others = find_setting(location, TEXT("add_header"));
    if (others == NULL || others->parent == location || index_header(location) != NULL)
        return lines;
    return say(check,
               "%s (and the add_header lines of %s:%u once more: beside one of its own a "
               "location inherits none)",
               lines, others->file, others->line);
}

static void check_index(struct nginx_check *check, const struct directive *location)
{
    const struct directive *header = index_header(location);
    if (header == NULL && values_contain(find_setting(location, TEXT("more_set_headers")),
                                         TEXT("X-Polling-Index")))
        return;
    struct fault fault = {.rule = "origin_index",
                          .at = header != NULL ? header : location};
    fault.effect = "the client gets the document without its index, and can't wait for "
                   "the next one";
    fault.instead = say_index(check, location);
    if (header == NULL || !is_carried(location, directive_value(header, 2))) {
        fault.what = say(check, "%s loses fcgiwait's X-Polling-Index",
                         say_location(check, location));
        fault_report(check, &fault);
    } else if (!is_always(header)) {
        fault.what = "add_header X-Polling-Index without \"always\" is for good answers "
                     "alone";
        fault.effect = "a 404 of the API loses its index, and the client can't wait for "
                       "the document to appear";
        fault_report(check, &fault);
    }
}

/* --- pages in the place of the API's answers --- */

/* The page is in another location, which has to carry the index itself. */
static bool page_carries(const struct directive *page, const struct directive *location)
{
    const struct directive *at = location_led_to(find_around(location, TEXT("server")),
                                                 directive_value(page, page->count - 1));
    const struct directive *header = at != NULL ? index_header(at) : NULL;
    return header != NULL && (is_always(header) || page_is_good(page, at)) &&
           !value_mentions(directive_value(header, 2), ORIGIN_OUR_HEADER);
}

/* A 404 that nginx itself makes of a missing file needs no interception. */
static void check_pages(struct nginx_check *check, const struct directive *location)
{
    struct api api = origin_api(location);
    const struct directive *page = find_page(location, TEXT("404"));
    const struct directive *set =
        api.pass != NULL ? find_setting_of(location, api.protocol, "intercept_errors")
                         : NULL;
    if (page == NULL || (api.pass != NULL && !value_is_on(set)) ||
        page_carries(page, location))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "origin_error_page",
            .at = set != NULL ? set : page,
            .once = location,
            .what =
                say(check, "error_page of %s:%u takes the place of the API's 404 in %s",
                    page->file, page->line, say_location(check, location)),
            .effect =
                "the 404 loses its index, and clients can't wait for the document to "
                "appear",
            .instead = set != NULL ? say(check, "%.*s_intercept_errors off;",
                                         (int)api.protocol.len, api.protocol.at)
                                   : "error_page 500 /50x.html; (in this location: any "
                                     "error_page but for 404)"});
}

/* --- the locations --- */

static void check_origin(struct nginx_check *check, const struct directive *location,
                         const struct directive *polls)
{
    if (!guard_is_internal(location))
        fault_report(
            check,
            &(struct fault){
                .rule = "origin_internal",
                .at = location,
                .what = say(check, "%s is not internal", say_location(check, location)),
                .effect = "clients can go there by themselves: past what guards the "
                          "polls, and without an index",
                .instead = "internal;"});
    check_index(check, location);
    check_pages(check, location);
    cors_check(check, location);
    origin_check_cache(check, location, polls);
}

/* The location's own path, or that of one around it. */
static bool is_origin(const struct directive *location, struct text prefix)
{
    for (; location != NULL; location = location->parent)
        if (directive_is(location, TEXT("location")) &&
            location_is_under(location_of(location).path, prefix))
            return true;
    return false;
}

/* Up to its first variable, without a slash at the end. */
static struct text literal(struct text prefix)
{
    return location_folder(value_start(prefix));
}

static void report_nowhere(struct nginx_check *check, const struct way *way,
                           struct text prefix)
{
    fault_report(
        check, &(struct fault){.rule = "origin_missing",
                               .at = find_param_line(way->block, TEXT("FCGIWAIT_ORIGIN")),
                               .what = say(check, "there is no location for %.*s/",
                                           (int)prefix.len, prefix.at),
                               .effect = "the redirect to the API comes to another "
                                         "location, or to none: 404",
                               .instead = say(check,
                                              "location %.*s/ { internal; proxy_pass "
                                              "...; }",
                                              (int)prefix.len, prefix.at)});
}

void rule_origin(struct nginx_check *check, const struct way *way)
{
    struct text prefix = way_is_proxy(way)
                             ? TEXT("")
                             : literal(find_param(way->block, TEXT("FCGIWAIT_ORIGIN")));
    const struct directive *at = NULL;
    bool any = prefix.len == 0;
    if (any)
        return;
    while ((at = location_next(way->server, at)) != NULL)
        if (is_origin(at, prefix)) {
            check_origin(check, at, way->block);
            any = true;
        }
    const struct directive *serving = location_serving(way->server, prefix);
    if (!any && serving != NULL && guard_is_internal(serving))
        check_origin(check, serving, way->block);
    else if (!any)
        report_nowhere(check, way, prefix);
}
