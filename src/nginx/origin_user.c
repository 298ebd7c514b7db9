/* SPDX-License-Identifier: ISC */
/*
 * Whether the cache over an API keeps users apart. What a client writes himself, such as
 * his token, tells apart only those who are named to the API by it: who comes with a key
 * of another kind has none. A user who is known to nginx tells apart everybody.
 */
#include "guess.h"
#include "origin.h"

/* The names of those who are told apart by nothing else: bits from OF_ITS_OWN on. */
static const struct text names[] = {TEXT("http_x_api_key"), TEXT("http_x_auth_token"),
                                    TEXT("remote_user")};

/* What tells users apart. */
enum {
    KNOWN = 1,
    TOKEN = 2,
    COOKIE = 4,
    MAYBE = 8, /* a header that may be a secret */
    OF_ITS_OWN = 16
};

/* What the cache has of who asks. */
struct users {
    const struct directive *location;
    bool asked;   /* for a password */
    unsigned has; /* bits */
};

/* nginx fills $remote_user whether a password is asked for or not, and with a token of
 * another kind leaves it empty. */
static bool asks_password(const struct directive *level)
{
    static const struct text asking[] = {TEXT("auth_basic"), TEXT("auth_pam"),
                                         TEXT("auth_ldap"), TEXT("auth_digest"),
                                         TEXT("auth_gss")};
    for (size_t i = 0; i < sizeof asking / sizeof *asking; i++) {
        const struct directive *set = find_setting(level, asking[i]);
        if (set != NULL && !text_is(directive_value(set, 1), TEXT("off")))
            return true;
    }
    return false;
}

/* Those that auth_request was told are among the known. */
static unsigned bits_of(const struct users *users, struct text name)
{
    unsigned bit = OF_ITS_OWN;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++, bit *= 2)
        if (text_is(name, names[i]))
            return users->asked && text_is(name, TEXT("remote_user")) ? bit | KNOWN : bit;
    if (text_is(name, TEXT("http_authorization")))
        return TOKEN;
    if (text_is(name, TEXT("http_cookie")) || text_starts(name, TEXT("cookie_")))
        return COOKIE;
    const struct directive *set = find_setting(users->location, TEXT("auth_request_set"));
    while (set != NULL && !value_names(directive_value(set, 1), name))
        set = find_again(set);
    if (set != NULL || text_starts(name, TEXT("jwt_")) ||
        text_starts(name, TEXT("ssl_client")))
        return KNOWN;
    return text_starts(name, TEXT("http_")) && guess_source(name) == SOURCE_SECRET ? MAYBE
                                                                                   : 0;
}

static bool add_bits(void *context, struct text name)
{
    struct users *users = context;
    users->has |= bits_of(users, name);
    return false;
}

/* Lines of one name on a level add up. */
static unsigned bits_in(struct users users, const struct directive *set)
{
    for (; set != NULL; set = find_again(set))
        for (size_t i = 1; i < set->count; i++)
            value_depends_where(set->words[i], users.location, add_bits, &users);
    return users.has;
}

/* What is never kept where a user is known, nor taken from what is kept, needs no key for
 * him. */
static struct users users_of(const struct directive *location, const struct api *api)
{
    const struct users none = {location,
                               asks_password(location) || asks_password(api->polls), 0};
    struct users users = none;
    users.has = bits_in(none, origin_setting(location, api, "cache_key")) |
                (bits_in(none, origin_setting(location, api, "no_cache")) &
                 bits_in(none, origin_setting(location, api, "cache_bypass")) & ~MAYBE);
    return users;
}

/* nginx takes $remote_user from the token, and $jwt_x from it or from a cookie. */
static bool is_left_out(void *context, struct text name)
{
    const struct users *users = context;
    unsigned bits = bits_of(users, name) & ~MAYBE, enough = bits | KNOWN;
    if (text_starts(name, TEXT("jwt_")))
        enough |= TOKEN | COOKIE;
    else if (text_is(name, TEXT("remote_user")))
        enough |= TOKEN;
    return bits != 0 && (users->has & enough) == 0;
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
    users.has |= TOKEN | COOKIE;
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
    return users.has == 0 && (set == NULL || value_is_on(set)) &&
           !(takes_away(location, api, TEXT("Authorization"),
                        TEXT("HTTP_AUTHORIZATION")) &&
             takes_away(location, api, TEXT("Cookie"), TEXT("HTTP_COOKIE")));
}
