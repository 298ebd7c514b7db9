/* SPDX-License-Identifier: ISC */
/*
 * What fcgiwait is told of a request: the fastcgi_param lines of its location. All that
 * is wrong with them is one finding, because one line mends it: the include.
 */
#include "access.h"
#include "rules.h"

#define ALL_MOST 256 /* bytes of a list of names, in a message */

/* What is wrong with the parameters of one location. */
struct lack {
    char names[ALL_MOST]; /* of those that are wrong, with commas */
    unsigned count;
    bool query, path, type; /* what clients would see of it */
    const char *name;       /* the first of them, and what it should be */
    const char *value;
    const struct directive *lost;  /* the first that is set too far out to reach it */
    const struct directive *wrong; /* the first that is there, and has a bad value */
};

bool params_tell(const struct directive *level, struct text name)
{
    return find_param_line(level, name) != NULL;
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
    const struct directive *lost = NULL;
    for (const struct directive *level = own != NULL ? own->parent->parent : NULL;
         level != NULL && lost == NULL; level = level->parent)
        lost = param_in(level, name);
    return lost;
}

static void lacks(struct lack *lack, const struct way *way, const char *name,
                  const char *value)
{
    const struct directive *line = find_param_line(way->block, text_of(name));
    size_t len = strlen(lack->names);
    snprintf(lack->names + len, sizeof lack->names - len, "%s%s",
             lack->count > 0 ? ", " : "", name);
    if (lack->count++ == 0) {
        lack->name = name;
        lack->value = value;
    }
    if (lack->wrong == NULL)
        lack->wrong = line;
    if (lack->lost == NULL && line == NULL)
        lack->lost = lost_param(way, text_of(name));
}

/* --- the method, the query --- */

bool params_let_read(const struct way *way)
{
    struct text access = find_param(way->block, TEXT("FCGIWAIT_ACCESS"));
    return !text_is(access, TEXT("publish"));
}

/* Whether the value holds what the client asked for; where variables stand in it that
 * can't be followed, it may. */
static bool holds_query(void *context, struct text value)
{
    static const struct text known[] = {TEXT("query_string"),
                                        TEXT("args"),
                                        TEXT("request_uri"),
                                        TEXT("request"),
                                        TEXT("arg_index"),
                                        TEXT("arg_wait"),
                                        TEXT("")};
    static const struct text others[] = {TEXT("uri"), TEXT("document_uri"), TEXT("host"),
                                         TEXT("fastcgi_script_name"), TEXT("is_args")};
    const struct directive *level = context;
    struct text name;
    if (value_depends_on_any(value, level, known))
        return true;
    while (value_next_variable(&value, &name)) {
        bool other = text_starts(name, TEXT("arg_"));
        for (size_t i = 0; i < sizeof others / sizeof *others; i++)
            other = other || text_is(name, others[i]);
        if (!other)
            return true;
    }
    return false;
}

/* Waits and the API's own query come in it. */
static bool needs_query(const struct way *way)
{
    return way->wait > 0 && params_let_read(way) &&
           (!text_is(find_param(way->block, TEXT("FCGIWAIT_QUERY")), TEXT("off")) ||
            params_tell(way->block, TEXT("FCGIWAIT_ORIGIN")));
}

static void check_query(struct lack *lack, const struct way *way)
{
    struct text query = find_param(way->block, TEXT("QUERY_STRING"));
    if (!needs_query(way) ||
        value_each(way->block, query, holds_query, (void *)way->block))
        return;
    lacks(lack, way, "QUERY_STRING", "$query_string");
    lack->query = true;
}

static void check_method(struct lack *lack, const struct way *way)
{
    if (!params_tell(way->block, TEXT("REQUEST_METHOD")))
        lacks(lack, way, "REQUEST_METHOD", "$request_method");
}

/* --- the type of what is published --- */

static bool takes_documents(const struct way *way)
{
    const struct directive *location = find_around(way->block, TEXT("location"));
    const struct directive *limit =
        location != NULL ? find_inside(location, TEXT("limit_except")) : NULL;
    const struct directive *body =
        find_setting(way->block, TEXT("fastcgi_pass_request_body"));
    struct text method = find_param(way->block, TEXT("REQUEST_METHOD"));
    if (way->publish == NULL || params_tell(way->block, TEXT("FCGIWAIT_ORIGIN_STATUS")) ||
        (body != NULL && !value_is_on(body)))
        return false;
    if (limit != NULL && !values_have(limit, TEXT("PUT")) &&
        !values_have(limit, TEXT("PATCH")) && access_who(limit) == WHO_NOBODY)
        return false;
    return method.len == 0 || value_contains(method, TEXT("$")) ||
           text_is(method, TEXT("PUT")) || text_is(method, TEXT("PATCH"));
}

static void check_type(struct lack *lack, const struct way *way)
{
    if (!takes_documents(way) || params_tell(way->block, TEXT("CONTENT_TYPE")))
        return;
    lacks(lack, way, "CONTENT_TYPE", "$content_type");
    lack->type = true;
}

/* --- the path --- */

/* Variables that say nothing of the path, as far as these are used here. */
static bool is_pathless(struct text name)
{
    static const struct text names[] = {
        TEXT("document_root"), TEXT("realpath_root"), TEXT("server_name"), TEXT("host"),
        TEXT("http_host"),     TEXT("scheme"),        TEXT("server_port"),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_is(name, names[i]))
            return true;
    return false;
}

static bool holds_path(void *context, struct text value)
{
    struct text name;
    (void)context;
    while (value_next_variable(&value, &name))
        if (!is_pathless(name))
            return true;
    return false;
}

static bool varies(const struct way *way, struct text value)
{
    return value_each(way->block, value, holds_path, NULL);
}

bool params_hold_path(struct text value, const struct directive *level)
{
    static const struct text names[] = {TEXT("uri"), TEXT("document_uri"),
                                        TEXT("request_uri"), TEXT("fastcgi_script_name"),
                                        TEXT("")};
    return value_depends_on_any(value, level, names);
}

/* fastcgi_split_path_info leaves the end of the path to PATH_INFO. */
static bool loses_end(const struct way *way, struct text script)
{
    return find_setting(way->block, TEXT("fastcgi_split_path_info")) != NULL &&
           value_mentions(script, TEXT("fastcgi_script_name"));
}

static bool is_one_page(struct text script)
{
    return script.len > 0 && !value_contains(script, TEXT("$")) &&
           value_contains(script, TEXT(".php"));
}

static void check_path(struct lack *lack, const struct way *way)
{
    const struct directive *level = way->block;
    struct text script = find_param(level, TEXT("SCRIPT_NAME"));
    struct text info = find_param(level, TEXT("PATH_INFO"));
    if (params_tell(level, TEXT("FCGIWAIT_RESOURCE")))
        return;
    bool varied = varies(way, script) || varies(way, info);
    bool exact = location_of(level).kind == LOCATION_EXACT;
    bool told = script.len > 0 || info.len > 0;
    if (is_one_page(script) || !(varied || (exact && told)))
        lacks(lack, way, "SCRIPT_NAME", "$fastcgi_script_name");
    else if (params_hold_path(script, level) && params_hold_path(info, level))
        lacks(lack, way, "PATH_INFO", "\"\"");
    else if (loses_end(way, script) && info.len == 0)
        lacks(lack, way, "PATH_INFO", "$fastcgi_path_info");
    else
        return;
    lack->path = true;
}

/* --- what is said of it --- */

static const char *say_lack(struct nginx_check *check, const struct way *way,
                            const struct lack *lack)
{
    const char *location = say_location(check, way->block);
    if (find_setting(way->block, TEXT("fastcgi_param")) == NULL)
        return say(check, "%s has no fastcgi_param at all", location);
    if (lack->lost != NULL)
        return say(check,
                   "%s has fastcgi_param lines of its own, and so inherits none: %s of "
                   "%s:%u is lost",
                   location, lack->names, lack->lost->file, lack->lost->line);
    if (lack->wrong != NULL) {
        struct text value = directive_value(lack->wrong, 2);
        return say(check, "%s tells fcgiwait %s not as the client sent it: \"%.*s\"",
                   location, lack->names, (int)value.len, value.at);
    }
    return say(check, "%s does not tell fcgiwait %s", location, lack->names);
}

static const char *effect_of(const struct lack *lack)
{
    if (lack->path)
        return "fcgiwait can't tell one document from another: clients get 404, another "
               "document, or no change";
    if (lack->type && lack->count == 1)
        return "JSON that is put is given to readers as application/octet-stream, and "
               "no PATCH is taken: 415";
    return lack->query ? "index and wait of the query never arrive: polls are answered "
                         "at once"
                       : "fcgiwait can't tell what is asked of it";
}

/* One line that is lost or wrong is written again; more are one include. */
static const char *instead_of(struct nginx_check *check, const struct lack *lack)
{
    if (lack->count == 1)
        return say(check, "fastcgi_param %s %s;", lack->name, lack->value);
    if (lack->wrong == NULL)
        return "include fastcgi_params;";
    struct text name = directive_value(lack->wrong, 1);
    return say(check, "include fastcgi_params; (and fastcgi_param %.*s of %s:%u goes)",
               (int)name.len, name.at, lack->wrong->file, lack->wrong->line);
}

static const struct directive *place_of(const struct way *way, const struct lack *lack)
{
    const struct directive *own = find_setting(way->block, TEXT("fastcgi_param"));
    if (lack->wrong != NULL)
        return lack->wrong;
    return own != NULL ? own : way->pass;
}

void rule_lost_params(struct nginx_check *check, const struct way *way)
{
    struct lack lack = {.count = 0};
    if (way_is_proxy(way) || params_tell(way->block, TEXT("FCGIWAIT_ENDPOINT")))
        return;
    check_method(&lack, way);
    check_query(&lack, way);
    check_path(&lack, way);
    check_type(&lack, way);
    if (lack.count == 0)
        return;
    const struct directive *own = find_setting(way->block, TEXT("fastcgi_param"));
    fault_report(check, &(struct fault){.rule = "lost_params",
                                        .at = place_of(way, &lack),
                                        .once = own != NULL ? own : way->block,
                                        .what = say_lack(check, way, &lack),
                                        .effect = effect_of(&lack),
                                        .instead = instead_of(check, &lack)});
}
