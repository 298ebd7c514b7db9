/* SPDX-License-Identifier: ISC */
/*
 * Whether the cache over an API keeps users apart. A client's token or cookie in its key
 * tells apart only those who are named to the API by it: who comes with a key of another
 * kind has neither. A user who is known to nginx tells apart everybody.
 */
#include "guess.h"
#include "origin.h"

/* What the cache has of who asks. */
struct users {
    const struct directive *location;
    bool known, tokens, cookies;
};

static bool is_token(struct text name)
{
    return text_is(name, TEXT("http_authorization"));
}

static bool is_cookie(struct text name)
{
    return text_is(name, TEXT("http_cookie")) || text_starts(name, TEXT("cookie_"));
}

/* What tells users apart, the words of auth_request included. */
static bool is_user(void *context, struct text name)
{
    static const struct text names[] = {TEXT("remote_user"), TEXT("http_x_api_key"),
                                        TEXT("http_x_auth_token")};
    const struct directive *set = find_setting(context, TEXT("auth_request_set"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_is(name, names[i]))
            return true;
    while (set != NULL && !value_names(directive_value(set, 1), name))
        set = find_again(set);
    return set != NULL || is_token(name) || is_cookie(name) ||
           text_starts(name, TEXT("jwt_")) || text_starts(name, TEXT("ssl_client"));
}

/* The same, and any header that may be a secret. */
static bool may_be_user(void *context, struct text name)
{
    return is_user(context, name) ||
           (text_starts(name, TEXT("http_")) && guess_source(name) == SOURCE_SECRET);
}

static bool is_known(void *context, struct text name)
{
    return is_user(context, name) && !is_token(name) && !is_cookie(name);
}

static bool may_be_known(void *context, struct text name)
{
    return may_be_user(context, name) && !is_token(name) && !is_cookie(name);
}

static bool is_token_of(void *context, struct text name)
{
    (void)context;
    return is_token(name);
}

static bool is_cookie_of(void *context, struct text name)
{
    (void)context;
    return is_cookie(name);
}

/* nginx takes $remote_user from the token, and $jwt_x from it or from a cookie. */
static bool is_left_out(void *context, struct text name)
{
    const struct users *users = context;
    bool by_jwt = text_starts(name, TEXT("jwt_"));
    bool by_token = is_token(name) || by_jwt || text_is(name, TEXT("remote_user"));
    return is_user((void *)users->location, name) && !users->known &&
           !(users->tokens && by_token) &&
           !(users->cookies && (is_cookie(name) || by_jwt));
}

static bool any_depends(const struct directive *set, const struct directive *level,
                        value_is_fn *is)
{
    for (size_t i = 1; set != NULL && i < set->count; i++)
        if (value_depends_where(set->words[i], level, is, (void *)level))
            return true;
    return false;
}

static void add_users(struct users *users, const struct directive *set,
                      value_is_fn *is_known_here)
{
    const struct directive *location = users->location;
    users->known = users->known || any_depends(set, location, is_known_here);
    users->tokens = users->tokens || any_depends(set, location, is_token_of);
    users->cookies = users->cookies || any_depends(set, location, is_cookie_of);
}

/* What is never kept where a user is known needs no key for him. */
static struct users users_of(const struct directive *location, const struct api *api)
{
    struct users users = {.location = location};
    add_users(&users, origin_setting(location, api, "cache_key"), may_be_known);
    add_users(&users, origin_setting(location, api, "no_cache"), is_known);
    return users;
}

static const struct directive *lines_of(const struct directive *location,
                                        const struct api *api)
{
    bool proxy = text_is(api->protocol, TEXT("proxy"));
    return origin_setting(location, api, proxy ? "set_header" : "param");
}

/* REMOTE_USER stands in each fastcgi_params. */
static bool leaves_out(const struct users *users, const struct directive *line,
                       struct text value)
{
    return !text_is(directive_value(line, 1), TEXT("REMOTE_USER")) &&
           value_depends_where(value, users->location, is_left_out, (void *)users);
}

bool user_is_left_out(const struct directive *location, const struct api *api)
{
    const struct users users = users_of(location, api);
    const struct directive *line = lines_of(location, api);
    while (line != NULL && !leaves_out(&users, line, directive_value(line, 2)))
        line = find_again(line);
    return line != NULL;
}

const char *user_say_key(struct nginx_check *check, const struct directive *location,
                         const struct api *api, const char *key)
{
    struct users users = users_of(location, api);
    const struct directive *line = lines_of(location, api);
    users.tokens = users.cookies = true;
    for (; line != NULL; line = find_again(line)) {
        struct text rest = directive_value(line, 2), name;
        while (value_next_variable(&rest, &name)) {
            struct text variable = text_of(say(check, "$%.*s", (int)name.len, name.at));
            if (leaves_out(&users, line, variable) && !value_mentions(text_of(key), name))
                key = say(check, "%s %s", key, variable.at);
        }
    }
    return key;
}

/* --- without a line nginx hands on all headers --- */

static bool takes_away(const struct directive *location, const struct api *api,
                       struct text header, struct text param)
{
    bool proxy = text_is(api->protocol, TEXT("proxy"));
    const struct directive *set = lines_of(location, api);
    while (set != NULL && !text_is_like(directive_value(set, 1), proxy ? header : param))
        set = find_again(set);
    return set != NULL;
}

bool user_may_be_learnt(const struct directive *location, const struct api *api)
{
    const struct directive *set = origin_setting(location, api, "pass_request_headers");
    const struct users users = users_of(location, api);
    return !users.known && !users.tokens && !users.cookies &&
           (set == NULL || value_is_on(set)) &&
           !(takes_away(location, api, TEXT("Authorization"),
                        TEXT("HTTP_AUTHORIZATION")) &&
             takes_away(location, api, TEXT("Cookie"), TEXT("HTTP_COOKIE")));
}
