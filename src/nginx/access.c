/* SPDX-License-Identifier: ISC */
/*
 * Rules about who may publish, and about parameters and headers that get lost between
 * nginx's levels. A rule never reports the same line twice: the check sees to that.
 */
#include "guard.h"
#include "rules.h"

static const char *say_who(struct nginx_check *check, const struct way *way,
                           enum guard guard)
{
    const char *location = say_location(check, way->block);
    if (way_is_proxy(way))
        return say(
            check,
            "%s leads to a location that may publish and lets in whoever comes from "
            "this machine: through this proxy, everybody",
            location);
    if (guard == GUARD_NONE)
        return say(check, "%s may publish, and is open to the world", location);
    return say(
        check,
        "%s may publish, and its server listens on this machine alone, but nothing "
        "else guards it: a proxy on this machine opens it to the world",
        location);
}

/* A publish location that anybody can get at: by itself, or through a proxy on the same
 * machine. */
void rule_open_publish(struct nginx_check *check, const struct way *way)
{
    enum guard guard = guard_at(way->block);
    enum guard needed = way_is_proxy(way) ? GUARD_LISTEN : GUARD_MACHINE;
    if (way->publish == NULL || guard >= needed)
        return;
    fault_report(check,
                 &(struct fault){.rule = "open_publish",
                                 .at = way_is_proxy(way) ? way->pass : way->publish,
                                 .once = way->block,
                                 .what = say_who(check, way, guard),
                                 .effect = "anybody can change or delete every document",
                                 .instead = "allow 127.0.0.1; allow ::1; deny all;"});
}

static const struct directive *param_in(const struct directive *level, struct text name)
{
    const struct directive *at = find_inside(level, TEXT("fastcgi_param"));
    while (at != NULL && !text_is(directive_value(at, 1), name))
        at = find_again(at);
    return at;
}

/* The parameter, where it is set around the level that the way's parameters come from,
 * and so does not reach it. */
static const struct directive *lost_param(const struct way *way, struct text name)
{
    const struct directive *own = find_setting(way->block, TEXT("fastcgi_param"));
    const struct directive *level = own != NULL ? own->parent : NULL;
    if (level == NULL || param_in(level, name) != NULL)
        return NULL;
    const struct directive *lost = NULL;
    for (level = level->parent; level != NULL && lost == NULL; level = level->parent)
        lost = param_in(level, name);
    return lost;
}

void rule_lost_params(struct nginx_check *check, const struct way *way)
{
    static const struct text names[] = {TEXT("QUERY_STRING"), TEXT("REQUEST_METHOD")};
    if (way->wait == 0 || way_is_proxy(way))
        return;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct directive *lost = lost_param(way, names[i]);
        if (lost == NULL)
            continue;
        struct text value = directive_value(lost, 2);
        fault_report(
            check,
            &(struct fault){
                .rule = "lost_params",
                .at = find_setting(way->block, TEXT("fastcgi_param")),
                .what = say(
                    check,
                    "%s has fastcgi_param lines of its own, and so inherits none: "
                    "%s of %s:%u is lost",
                    say_location(check, way->block), names[i].at, lost->file, lost->line),
                .effect = i == 0 ? "index and wait of the query never arrive: polls are "
                                   "answered at once"
                                 : "fcgiwait can't tell what is asked of it",
                .instead = say(check, "fastcgi_param %s %.*s;", names[i].at,
                               (int)value.len, value.at)});
        return;
    }
}

/* --- what becomes of the answer --- */

static const struct directive *list_with(const struct way *way, const char *name,
                                         struct text value)
{
    const struct directive *at = find_setting_of(way->block, way->protocol, name);
    for (; at != NULL; at = find_again(at))
        for (size_t i = 1; i < at->count; i++)
            if (text_is_like(at->words[i], value))
                return at;
    return NULL;
}

void rule_hidden_index(struct nginx_check *check, const struct way *way)
{
    const struct directive *hidden =
        list_with(way, "hide_header", TEXT("X-Polling-Index"));
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
        list_with(way, "ignore_headers", TEXT("X-Accel-Redirect"));
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
