/* SPDX-License-Identifier: ISC */
/*
 * Rules about the internal location in front of the API: that the index is carried over,
 * that crowds share one answer, that the cache's key has all that it needs.
 */
#include "guard.h"
#include "rules.h"

#define OUR_HEADER TEXT("upstream_http_x_polling_index")

/* What an origin location passes requests on with, and what its cache is called. */
struct api {
    const struct directive *pass; /* NULL: files */
    struct text protocol;
};

static struct api api_of(const struct directive *location)
{
    static const struct {
        struct text pass, protocol;
    } kinds[] = {
        {TEXT("proxy_pass"), TEXT("proxy")},
        {TEXT("fastcgi_pass"), TEXT("fastcgi")},
        {TEXT("uwsgi_pass"), TEXT("uwsgi")},
        {TEXT("scgi_pass"), TEXT("scgi")},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct directive *pass = find_inside(location, kinds[i].pass);
        if (pass != NULL)
            return (struct api){pass, kinds[i].protocol};
    }
    return (struct api){NULL, TEXT("")};
}

/* --- the key --- */

static bool key_depends(const struct directive *key, const struct directive *level,
                        const struct text *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 1; j < key->count; j++)
            if (value_depends(key->words[j], level, names[i]))
                return true;
    return false;
}

/* --- the index --- */

static const struct directive *index_header(const struct directive *location)
{
    const struct directive *header = find_setting(location, TEXT("add_header"));
    while (header != NULL &&
           !text_is_like(directive_value(header, 1), TEXT("X-Polling-Index")))
        header = find_again(header);
    return header;
}

/* The API's answer takes the place of fcgiwait's, so the index has to be kept by `set`.
 */
static bool is_carried(const struct directive *location, struct text value)
{
    if (value_mentions(value, OUR_HEADER))
        return api_of(location).pass == NULL;
    return value_depends(value, location, OUR_HEADER);
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
    fault.instead = "set $polling_index $upstream_http_x_polling_index; add_header "
                    "X-Polling-Index $polling_index always;";
    if (header == NULL || !is_carried(location, directive_value(header, 2))) {
        fault.what = say(check, "%s loses fcgiwait's X-Polling-Index",
                         say_location(check, location));
        fault_report(check, &fault);
    } else if (!text_is(directive_value(header, 3), TEXT("always"))) {
        fault.what = "add_header X-Polling-Index without \"always\" is for good answers "
                     "alone";
        fault.effect = "a 404 of the API loses its index, and the client can't wait for "
                       "the document to appear";
        fault_report(check, &fault);
    }
}

/* --- the micro-cache --- */

static const char no_cache_effect[] =
    "one change sends every waiting client to the API at once: its answers come late, or "
    "as 502 and 504";

static const char *what_key_lacks(const struct directive *key,
                                  const struct directive *location)
{
    static const struct text paths[] = {TEXT("uri"), TEXT("document_uri"),
                                        TEXT("request_uri")};
    static const struct text queries[] = {TEXT("args"), TEXT("query_string"),
                                          TEXT("request_uri")};
    static const struct text indexes[] = {OUR_HEADER};
    if (key == NULL || !key_depends(key, location, indexes, 1))
        return "index";
    if (!key_depends(key, location, paths, 3))
        return "path";
    return key_depends(key, location, queries, 3) ? NULL : "query";
}

static const struct directive *cache_setting(const struct directive *location,
                                             const struct api *api, const char *name)
{
    return find_setting_of(location, api->protocol, name);
}

static void check_key(struct nginx_check *check, const struct directive *location,
                      const struct api *api, const char *protocol)
{
    const struct directive *key = cache_setting(location, api, "cache_key");
    const char *lacks = what_key_lacks(key, location);
    if (lacks == NULL)
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "origin_cache_key",
            .at = key != NULL ? key : cache_setting(location, api, "cache"),
            .what =
                say(check, "%s_cache_key %s the %s", protocol,
                    key != NULL ? "lacks" : "is not set, and its default lacks", lacks),
            .effect =
                "clients get the document as it was before the change, or another one",
            .instead = say(check,
                           "set $polling_index $upstream_http_x_polling_index; "
                           "%s_cache_key \"$polling_index $args $uri\";",
                           protocol)});
}

static void check_cache(struct nginx_check *check, const struct directive *location)
{
    struct api api = api_of(location);
    if (api.pass == NULL)
        return;
    const char *protocol = say(check, "%.*s", (int)api.protocol.len, api.protocol.at);
    const struct directive *cache = cache_setting(location, &api, "cache");
    const struct directive *lock = cache_setting(location, &api, "cache_lock");
    struct fault fault = {.rule = "origin_cache", .effect = no_cache_effect};
    if (cache == NULL || text_is(directive_value(cache, 1), TEXT("off"))) {
        fault.at = cache != NULL ? cache : api.pass;
        fault.what =
            say(check, "%s has no %s_cache", say_location(check, location), protocol);
        fault.instead = say(check,
                            "%s_cache ZONE; %s_cache_lock on; %s_cache_valid 200 404 1s; "
                            "%s_cache_key \"$polling_index $args $uri\";",
                            protocol, protocol, protocol, protocol);
        fault_report(check, &fault);
        return;
    }
    check_key(check, location, &api, protocol);
    if (!value_is_on(lock)) {
        fault.rule = "origin_cache_lock";
        fault.at = lock != NULL ? lock : cache;
        fault.what = say(check, "%s_cache_lock is not on", protocol);
        fault.instead = say(check, "%s_cache_lock on;", protocol);
        fault_report(check, &fault);
    }
    if (cache_setting(location, &api, "cache_valid") == NULL) {
        fault.rule = "origin_cache_valid";
        fault.at = cache;
        fault.what = say(check,
                         "%s_cache_valid is not set: nothing is cached, unless the API "
                         "says for how long",
                         protocol);
        fault.instead = say(check, "%s_cache_valid 200 404 1s;", protocol);
        fault_report(check, &fault);
    }
}

/* --- the locations --- */

static void check_origin(struct nginx_check *check, const struct directive *location)
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
    check_cache(check, location);
}

static bool is_under(struct text path, struct text prefix)
{
    return text_starts(path, prefix) &&
           (path.len == prefix.len || path.at[prefix.len] == '/');
}

/* The location's own path, or that of one around it. */
static bool is_origin(const struct directive *location, struct text prefix)
{
    for (; location != NULL; location = location->parent)
        if (directive_is(location, TEXT("location")) &&
            is_under(location_of(location).path, prefix))
            return true;
    return false;
}

/* Up to its first variable, without a slash at the end. */
static struct text literal(struct text prefix)
{
    struct text rest = prefix, start = TEXT("");
    text_cut(&rest, '$', &start);
    if (start.len > 0 && start.at[start.len - 1] == '/')
        start.len--;
    return start;
}

static void report_nowhere(struct nginx_check *check, const struct way *way,
                           struct text prefix)
{
    const struct directive *at = find_setting(way->block, TEXT("fastcgi_param"));
    while (!text_is(directive_value(at, 1), TEXT("FCGIWAIT_ORIGIN")))
        at = find_again(at);
    fault_report(check,
                 &(struct fault){.rule = "origin_missing",
                                 .at = at,
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
            check_origin(check, at);
            any = true;
        }
    const struct directive *serving = location_serving(way->server, prefix);
    if (!any && serving != NULL && guard_is_internal(serving))
        check_origin(check, serving);
    else if (!any)
        report_nowhere(check, way, prefix);
}
