/* SPDX-License-Identifier: ISC */
/*
 * What a request loses on its way to fcgiwait: its query, where a line writes the URI
 * anew, and its headers.
 */
#include "guard.h"
#include "rules.h"

static const struct text queries[] = {TEXT("args"), TEXT("query_string"),
                                      TEXT("request_uri"), TEXT("arg_index"), TEXT("")};

/* --- proxy_pass with a URI of its own --- */

/* What proxy_pass with a variable in it puts in the place of the client's URI: all of it.
 * Empty: nothing, or it can't be told. */
static struct text own_uri(const struct directive *pass)
{
    static const struct text paths[] = {TEXT("uri"), TEXT("document_uri"), TEXT("")};
    struct text value = directive_value(pass, 1), name, rest;
    size_t scheme = text_starts(value, TEXT("https://"))  ? 8
                    : text_starts(value, TEXT("http://")) ? 7
                                                          : 0;
    if (scheme == 0 || !value_contains(value, TEXT("$")))
        return TEXT("");
    text_skip(&value, scheme);
    for (; value.len > 0 && value.at[0] != '/'; text_skip(&value, 1)) {
        rest = value;
        if (value.at[0] != '$' || !value_next_variable(&rest, &name))
            continue;
        bool number = name.at[0] >= '0' && name.at[0] <= '9';
        struct text variable = {value.at, (size_t)(rest.at - value.at)};
        if (number || value_depends_on_any(variable, pass, paths))
            return value;
    }
    return value;
}

static void check_pass(struct nginx_check *check, const struct directive *pass)
{
    struct text uri = own_uri(pass), value = directive_value(pass, 1);
    if (uri.len == 0 || value_depends_on_any(uri, pass, queries))
        return;
    struct text host = {value.at, value.len - uri.len};
    bool same = text_is(uri, TEXT("$uri")) || text_is(uri, TEXT("$document_uri"));
    fault_report(
        check,
        &(struct fault){
            .rule = "lost_query",
            .at = pass,
            .what = say(check, "proxy_pass hands on %.*s, without the query",
                        (int)uri.len, uri.at),
            .effect =
                "index and wait of the query never arrive: polls are answered at once",
            .instead =
                same ? say(check, "proxy_pass %.*s$request_uri;", (int)host.len, host.at)
                     : say(check, "proxy_pass %.*s$is_args$args;", (int)value.len,
                           value.at)});
}

/* --- rewrite, set $args --- */

/* Whether what `rewrite` makes can come to the location. */
static bool comes_to(struct text made, struct text path)
{
    struct text start = value_start(made);
    return text_starts(path, start) || text_starts(start, path);
}

static void check_rewrite(struct nginx_check *check, const struct directive *rewrite)
{
    struct text made = directive_value(rewrite, 2);
    if (made.len == 0 || made.at[made.len - 1] != '?' || location_is_redirect(rewrite) ||
        value_depends_on_any(made, rewrite, queries))
        return;
    struct text flag = directive_value(rewrite, 3);
    made.len--;
    fault_report(
        check,
        &(struct fault){
            .rule = "lost_query",
            .at = rewrite,
            .what = "rewrite ends in \"?\", which takes the query away",
            .effect =
                "index and wait of the query never arrive: polls are answered at once",
            .instead =
                say(check, "rewrite %s %s%s%.*s;",
                    say_word(check, directive_value(rewrite, 1)), say_word(check, made),
                    flag.len > 0 ? " " : "", (int)flag.len, flag.at)});
}

static void check_set(struct nginx_check *check, const struct directive *set)
{
    if (!text_is(directive_value(set, 1), TEXT("$args")) ||
        value_depends_on_any(directive_value(set, 2), set, queries))
        return;
    struct text value = directive_value(set, 2);
    fault_report(
        check,
        &(struct fault){
            .rule = "lost_query",
            .at = set,
            .what = "set $args puts another query in the place of the client's",
            .effect =
                "index and wait of the query never arrive: polls are answered at once",
            .instead = value.len > 0
                           ? say(check, "set $args %s;",
                                 say_word(check, text_of(say(check, "%.*s&$args",
                                                             (int)value.len, value.at))))
                           : "(nothing: take the line away)"});
}

/* The lines of one block that run for the way's requests. */
static void check_lines(struct nginx_check *check, const struct way *way,
                        const struct directive *block)
{
    bool own = find_around(block, TEXT("location")) != NULL;
    struct text path = location_of(way->block).path;
    for (const struct directive *at = block->first; at != NULL; at = at->next) {
        if (directive_is(at, TEXT("rewrite")) &&
            (own || comes_to(directive_value(at, 2), path)))
            check_rewrite(check, at);
        if (directive_is(at, TEXT("set")))
            check_set(check, at);
    }
}

/* An `if` about another method has nothing to do with them. */
bool is_for_polls(const struct directive *condition)
{
    return !values_contain(condition, TEXT("request_method")) ||
           values_contain(condition, TEXT("GET"));
}

static void check_block(struct nginx_check *check, const struct way *way,
                        const struct directive *block)
{
    check_lines(check, way, block);
    const struct directive *at = find_inside(block, TEXT("if"));
    for (; at != NULL; at = find_again(at))
        if (is_for_polls(at))
            check_lines(check, way, at);
}

/* Rewrites of other locations that lead here. */
static void check_others(struct nginx_check *check, const struct way *way)
{
    struct text path = location_of(way->block).path;
    const struct directive *at = NULL;
    while ((at = location_next(way->server, at)) != NULL) {
        const struct directive *rewrite = find_inside(at, TEXT("rewrite"));
        for (; rewrite != NULL; rewrite = find_again(rewrite))
            if (path.len > 1 && text_starts(directive_value(rewrite, 2), path) &&
                !text_is(directive_value(rewrite, 3), TEXT("break")))
                check_rewrite(check, rewrite);
    }
}

void rule_lost_query(struct nginx_check *check, const struct way *way)
{
    if (way->wait == 0 ||
        text_is(find_param(way->block, TEXT("FCGIWAIT_ACCESS")), TEXT("publish")))
        return;
    if (way_is_proxy(way))
        check_pass(check, way->pass);
    check_block(check, way, way->block);
    check_block(check, way, way->server);
    check_others(check, way);
}

/* --- headers --- */

static bool hands_on_prefer(const struct way *way)
{
    const struct directive *set = find_setting(way->block, TEXT("proxy_set_header"));
    if (!way_is_proxy(way))
        return find_param_line(way->block, TEXT("HTTP_PREFER")) != NULL;
    while (set != NULL && !text_is_like(directive_value(set, 1), TEXT("Prefer")))
        set = find_again(set);
    return set != NULL;
}

void rule_lost_headers(struct nginx_check *check, const struct way *way)
{
    const struct directive *set =
        find_setting_of(way->block, way->protocol, "pass_request_headers");
    if (way->wait == 0 || way->publish != NULL || set == NULL || value_is_on(set) ||
        hands_on_prefer(way))
        return;
    const char *protocol = say_text(check, way->protocol);
    fault_report(check,
                 &(struct fault){
                     .rule = "lost_headers",
                     .at = set,
                     .what = say(check, "%s_pass_request_headers is off", protocol),
                     .effect =
                         "Prefer and If-None-Match never arrive: polls that use them are "
                         "answered at once",
                     .instead = say(check, "%s_pass_request_headers on;", protocol)});
}
