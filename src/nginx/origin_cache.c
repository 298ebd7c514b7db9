/* SPDX-License-Identifier: ISC */
/*
 * The cache over an API: one GET for everybody who is to have the same body. Its key has
 * to have all that the body depends on, and to fit the buffer that it is kept with. Users
 * are told apart in origin_user.c.
 */
#include "origin.h"

#define BUFFER_STANDARD 4096 /* nginx's default: a page */
#define KEY_LEAST 16384      /* bytes: a header of 8k, as nginx takes it, and the rest */

struct api origin_api(const struct directive *location)
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
            return (struct api){.pass = pass, .protocol = kinds[i].protocol};
    }
    return (struct api){.pass = NULL, .protocol = TEXT("")};
}

static bool key_depends(const struct directive *key, const struct directive *level,
                        const struct text *names)
{
    for (size_t i = 1; i < key->count; i++)
        if (value_depends_on_any(key->words[i], level, names))
            return true;
    return false;
}

/* --- buffers --- */

/* False, with the size, where it is not one. */
static bool read_buffer(const struct directive *location, const struct api *api,
                        uint64_t *size)
{
    const struct directive *set = origin_setting(location, api, "buffer_size");
    *size = BUFFER_STANDARD;
    return set == NULL || value_size(directive_value(set, 1), size);
}

/* The first of these lines in the location itself: nginx takes no second one. */
static const struct directive *own_buffers(const struct directive *location,
                                           const struct api *api)
{
    static const char *const names[] = {"buffer_size", "buffers", "busy_buffers_size"};
    const struct directive *first = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct directive *set = origin_setting(location, api, names[i]);
        if (set != NULL && set->parent == location &&
            (first == NULL || set->line < first->line))
            first = set;
    }
    return first;
}

/* Large enough for a key with two headers of 12k; empty where they are. The last one may
 * be set smaller on a level around: nginx then refuses to start. */
static const char *say_buffers(struct nginx_check *check,
                               const struct directive *location, const struct api *api)
{
    const char *protocol = say_text(check, api->protocol), *place = "";
    const struct directive *own = own_buffers(location, api);
    uint64_t size;
    if (!read_buffer(location, api, &size) || size >= KEY_LEAST)
        return "";
    if (own != NULL)
        place = say(check, " (in place of those of %s:%u)", own->file, own->line);
    return say(check, "%s_buffer_size 32k; %s_buffers 8 32k; %s_busy_buffers_size 64k;%s",
               protocol, protocol, protocol, place);
}

/* --- the key --- */

static const char no_cache_effect[] =
    "one change sends every waiting client to the API at once: its answers come late, or "
    "as 502 and 504";

static const struct text paths[] = {TEXT("uri"), TEXT("document_uri"),
                                    TEXT("request_uri"), TEXT("")};
static const struct text queries[] = {TEXT("args"), TEXT("query_string"),
                                      TEXT("request_uri"), TEXT("")};
static const struct text indexes[] = {ORIGIN_OUR_HEADER, TEXT("")};
static const struct text hosts[] = {TEXT("http_host"), TEXT("host"), TEXT("")};
static const struct text tokens[] = {TEXT("http_authorization"), TEXT("")};
static const struct text cookies[] = {TEXT("http_cookie"), TEXT("")};
static const struct text keys[] = {TEXT("http_x_api_key"), TEXT("")};
static const struct text other_tokens[] = {TEXT("http_x_auth_token"), TEXT("")};

static const char *what_key_lacks(const struct directive *key,
                                  const struct directive *location)
{
    if (key == NULL || !key_depends(key, location, indexes))
        return "index";
    if (!key_depends(key, location, paths))
        return "path";
    return key_depends(key, location, queries) ? NULL : "query";
}

/* The key as it stands. NULL: "". */
static const char *say_key(struct nginx_check *check, const struct directive *key)
{
    const char *whole = "";
    for (size_t i = 1; key != NULL && i < key->count; i++)
        whole = say(check, "%s%s%.*s", whole, i > 1 ? " " : "", (int)key->words[i].len,
                    key->words[i].at);
    return whole;
}

/* The variable in which the location keeps fcgiwait's index. Empty: there is none. */
static struct text index_kept(const struct directive *location)
{
    const struct directive *header = find_header(location, TEXT("X-Polling-Index"));
    struct text value = header != NULL ? directive_value(header, 2) : TEXT(""), name;
    return value_variable(value, &name) && !text_is(name, ORIGIN_OUR_HEADER) &&
                   value_depends(value, location, ORIGIN_OUR_HEADER)
               ? value
               : TEXT("");
}

/* Lines for what the key has, and what else an answer may depend on: the host and who
 * asks; with buffers that such a key fits. */
static const char *say_whole_key(struct nginx_check *check,
                                 const struct directive *location, const struct api *api)
{
    struct text kept = index_kept(location), protocol = api->protocol;
    const struct directive *key = origin_setting(location, api, "cache_key");
    const struct {
        struct text variable;
        const struct text *names;
    } parts[] = {
        {TEXT("$http_host"), hosts},
        {kept.len > 0 ? kept : TEXT("$polling_index"), indexes},
        {TEXT("$args"), queries},
        {TEXT("$uri"), paths},
        {TEXT("$http_authorization"), tokens},
        {TEXT("$http_cookie"), cookies},
        {TEXT("$http_x_api_key"), keys},
        {TEXT("$http_x_auth_token"), other_tokens},
    };
    const char *whole = say_key(check, key);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (key == NULL || !key_depends(key, location, parts[i].names))
            whole = say(check, "%s%s%.*s", whole, whole[0] != '\0' ? " " : "",
                        (int)parts[i].variable.len, parts[i].variable.at);
    whole = user_say_key(check, location, api, whole);
    bool has_index = kept.len > 0 || (key != NULL && key_depends(key, location, indexes));
    const char *buffers = say_buffers(check, location, api);
    return say(check, "%s%.*s_cache_key \"%s\";%s%s",
               has_index ? "" : "set $polling_index $upstream_http_x_polling_index; ",
               (int)protocol.len, protocol.at, whole, buffers[0] != '\0' ? " " : "",
               buffers);
}

static void check_key(struct nginx_check *check, const struct directive *location,
                      const struct api *api, const char *protocol)
{
    const struct directive *key = origin_setting(location, api, "cache_key");
    const char *lacks = what_key_lacks(key, location);
    if (lacks == NULL)
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "origin_cache_key",
            .at = key != NULL ? key : origin_setting(location, api, "cache"),
            .what =
                say(check, "%s_cache_key %s the %s", protocol,
                    key != NULL ? "lacks" : "is not set, and its default lacks", lacks),
            .effect =
                "clients get the document as it was before the change, or another one",
            .instead = say_whole_key(check, location, api)});
}

/* --- the Host --- */

static bool is_host_header(struct text name)
{
    return text_is_like(name, TEXT("Host")) ||
           text_is_like(name, TEXT("X-Forwarded-Host")) ||
           text_is_like(name, TEXT("Forwarded"));
}

/* Whether the API learns the client's Host: FastCGI and its like hand on all headers. */
static bool hands_on_host(const struct directive *location, const struct api *api)
{
    if (!text_is(api->protocol, TEXT("proxy"))) {
        const struct directive *own = find_param_line(location, TEXT("HTTP_HOST"));
        const struct directive *set =
            origin_setting(location, api, "pass_request_headers");
        return own != NULL
                   ? value_depends_on_any(directive_value(own, 2), location, hosts)
                   : set == NULL || value_is_on(set);
    }
    const struct directive *set = find_setting(location, TEXT("proxy_set_header"));
    for (; set != NULL; set = find_again(set))
        if (is_host_header(directive_value(set, 1)) &&
            value_depends_on_any(directive_value(set, 2), location, hosts))
            return true;
    return false;
}

static void check_host(struct nginx_check *check, const struct directive *location,
                       const struct api *api, const char *protocol)
{
    const struct directive *key = origin_setting(location, api, "cache_key");
    if (key == NULL || what_key_lacks(key, location) != NULL ||
        key_depends(key, location, hosts) || !hands_on_host(location, api))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "origin_cache_host",
            .at = key,
            .what = say(check, "%s_cache_key lacks the Host that is handed on to the API",
                        protocol),
            .effect = "where the API tells tenants by their Host, one gets the documents "
                      "of another",
            .instead = say(check, "%s_cache_key \"$http_host %s\";", protocol,
                           say_key(check, key))});
}

/* --- who asks --- */

static void check_user(struct nginx_check *check, const struct directive *location,
                       const struct api *api, const char *protocol)
{
    const struct directive *key = origin_setting(location, api, "cache_key");
    if (key == NULL || what_key_lacks(key, location) != NULL)
        return;
    struct fault fault = {.rule = "origin_cache_user", .at = key};
    if (user_is_left_out(location, api)) {
        fault.what =
            say(check, "%s_cache_key lacks the user who is named to the API", protocol);
        fault.effect = "one user gets the answer that is for another";
        fault.instead = say_whole_key(check, location, api);
        fault_report(check, &fault);
    } else if (user_may_be_learnt(location, api)) {
        fault.what =
            say(check,
                "%s_cache_key holds nothing of who asks: right where all get the same; "
                "else add $http_authorization, $http_cookie, $http_x_api_key and "
                "$http_x_auth_token",
                protocol);
        fault_note(check, &fault);
    }
}

/* --- a key that does not fit --- */

/* With a longer key nginx caches nothing, and says so as an alert. */
static void check_buffer(struct nginx_check *check, const struct directive *location,
                         const struct api *api, const char *protocol)
{
    static const struct text large[] = {TEXT("http_authorization"), TEXT("http_cookie"),
                                        TEXT("")};
    const struct directive *key = origin_setting(location, api, "cache_key");
    const struct directive *set = origin_setting(location, api, "buffer_size");
    uint64_t size;
    if (key == NULL || !key_depends(key, location, large) ||
        !read_buffer(location, api, &size) || size >= KEY_LEAST)
        return;
    fault_report(
        check,
        &(struct fault){.rule = "origin_cache_buffer",
                        .at = set != NULL ? set : key,
                        .what = say(check,
                                    "%s_cache_key holds a header that may have 8k, and "
                                    "%s_buffer_size, with which it is kept, is %lluk",
                                    protocol, protocol, (unsigned long long)(size >> 10)),
                        .effect = no_cache_effect,
                        .instead = say_buffers(check, location, api)});
}

/* --- what keeps nothing --- */

/* An answer that is not gathered is not kept. */
static void check_buffering(struct nginx_check *check, const struct directive *location,
                            const struct api *api, const char *protocol)
{
    const struct directive *set = origin_setting(location, api, "buffering");
    if (set == NULL || value_is_on(set))
        return;
    fault_report(check,
                 &(struct fault){.rule = "origin_cache_buffering",
                                 .at = set,
                                 .once = location,
                                 .what = say(check,
                                             "%s_buffering is not on in %s: its cache "
                                             "keeps nothing",
                                             protocol, say_location(check, location)),
                                 .effect = no_cache_effect,
                                 .instead = say(check,
                                                "%s_buffering on; (in this "
                                                "location)",
                                                protocol)});
}

/* --- all of it --- */

void origin_check_cache(struct nginx_check *check, const struct directive *location,
                        const struct directive *polls)
{
    struct api api = origin_api(location);
    api.polls = polls;
    if (api.pass == NULL)
        return;
    const char *protocol = say_text(check, api.protocol);
    const struct directive *cache = origin_setting(location, &api, "cache");
    const struct directive *lock = origin_setting(location, &api, "cache_lock");
    struct fault fault = {.rule = "origin_cache", .effect = no_cache_effect};
    if (cache == NULL || text_is(directive_value(cache, 1), TEXT("off"))) {
        fault.at = cache != NULL ? cache : api.pass;
        fault.what =
            say(check, "%s has no %s_cache", say_location(check, location), protocol);
        fault.instead =
            say(check,
                "%s_cache ZONE; %s_cache_lock on; %s_cache_valid 200 404 1s; "
                "%s",
                protocol, protocol, protocol, say_whole_key(check, location, &api));
        fault_report(check, &fault);
        return;
    }
    check_key(check, location, &api, protocol);
    check_host(check, location, &api, protocol);
    check_user(check, location, &api, protocol);
    check_buffer(check, location, &api, protocol);
    check_buffering(check, location, &api, protocol);
    if (!value_is_on(lock)) {
        fault.rule = "origin_cache_lock";
        fault.at = lock != NULL ? lock : cache;
        fault.what = say(check, "%s_cache_lock is not on", protocol);
        fault.instead = say(check, "%s_cache_lock on;", protocol);
        fault_report(check, &fault);
    }
    if (origin_setting(location, &api, "cache_valid") == NULL) {
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
