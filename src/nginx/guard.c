/* SPDX-License-Identifier: ISC */
/*
 * Who is let in, by address, password or condition. A guard is what a stranger does not
 * get past; what nobody can tell is not taken for one.
 */
#include "guard.h"

#include "address.h"
#include "guess.h"
#include "location.h"
#include "network.h"
#include "stranger.h"

/* --- allow, deny --- */

static enum who who_by_address(const struct directive *block, bool *any)
{
    enum reach reach = REACH_WORLD;
    const struct directive *server = find_around(block, TEXT("server"));
    *any = network_reach(block, server, &reach);
    if (reach == REACH_NOBODY)
        return WHO_NOBODY;
    if (!*any || reach == REACH_WORLD || network_is_forged(block))
        return WHO_ANYBODY;
    return reach == REACH_MACHINE ? WHO_MACHINE : WHO_KNOWER;
}

/* --- passwords and the like --- */

/* Without a file nginx asks nobody. */
static enum who who_by_password(const struct directive *block)
{
    const struct directive *realm = find_setting(block, TEXT("auth_basic"));
    if (realm == NULL || find_setting(block, TEXT("auth_basic_user_file")) == NULL)
        return WHO_ANYBODY;
    return who_most(WHO_KNOWER, who_makes(block, directive_value(realm, 1), TEXT("off")));
}

/* One that answers 2xx by itself asks nobody either. */
static enum who who_by_request(const struct directive *block)
{
    const struct directive *ask = find_setting(block, TEXT("auth_request"));
    const struct directive *server = find_around(block, TEXT("server"));
    if (ask == NULL || server == NULL || text_is(directive_value(ask, 1), TEXT("off")))
        return WHO_ANYBODY;
    const struct directive *location = location_serving(server, directive_value(ask, 1));
    const struct directive *back =
        location != NULL ? find_inside(location, TEXT("return")) : NULL;
    return back != NULL && text_starts(directive_value(back, 1), TEXT("2")) ? WHO_ANYBODY
                                                                            : WHO_KNOWER;
}

const struct directive *guard_lua(const struct directive *block)
{
    static const struct text names[] = {
        TEXT("access_by_lua_block"), TEXT("access_by_lua_file"), TEXT("access_by_lua")};
    const struct directive *lua = NULL;
    for (size_t i = 0; i < sizeof names / sizeof *names && lua == NULL; i++)
        lua = find_setting(block, names[i]);
    return lua;
}

static bool is_set(const struct directive *block, struct text name)
{
    const struct directive *set = find_setting(block, name);
    return set != NULL && !text_is(directive_value(set, 1), TEXT("off"));
}

static enum who who_by_identity(const struct directive *block, bool *any)
{
    static const struct text names[] = {TEXT("auth_jwt"),  TEXT("auth_pam"),
                                        TEXT("auth_ldap"), TEXT("auth_digest"),
                                        TEXT("auth_gss"),  TEXT("auth_oidc")};
    enum who who = who_least(who_by_password(block), who_by_request(block));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (is_set(block, names[i]))
            who = who_least(who, WHO_KNOWER);
    if (guard_lua(block) != NULL)
        who = who_least(who, WHO_KNOWER);
    *any = who < WHO_ANYBODY;
    return who;
}

/* `satisfy any`: one of both is enough. A client's certificate is asked for before. */
static enum who who_gets_access(const struct directive *block)
{
    const struct directive *satisfy = find_setting(block, TEXT("satisfy"));
    bool either = satisfy != NULL && text_is(directive_value(satisfy, 1), TEXT("any"));
    bool listed, asked;
    enum who address = who_by_address(block, &listed);
    enum who identity = who_by_identity(block, &asked);
    enum who who = either && listed && asked ? who_most(address, identity)
                                             : who_least(address, identity);
    if (value_is_on(find_setting(block, TEXT("ssl_verify_client"))))
        who = who_least(who, WHO_KNOWER);
    return who;
}

/* --- conditions --- */

static bool turns_away(const struct directive *block)
{
    return find_inside(block, TEXT("return")) != NULL;
}

/* What runs in the block for whoever comes there. */
static enum who who_gets_through(const struct directive *block)
{
    enum who who = turns_away(block) ? WHO_NOBODY : WHO_ANYBODY;
    const struct directive *at = find_inside(block, TEXT("if"));
    for (; at != NULL && who > WHO_KNOWER; at = find_again(at))
        if (turns_away(at))
            who = who_least(who, who_passes(at));
    return who;
}

/* Past every `if` of the server and of the location that turns somebody away, and into
 * the one that the pass stands in. Locations around the location don't count. */
static enum who who_gets_past(const struct directive *block)
{
    const struct directive *location = find_around(block, TEXT("location"));
    const struct directive *server = find_around(block, TEXT("server"));
    enum who who = directive_is(block, TEXT("if")) ? who_enters(block) : WHO_ANYBODY;
    if (location != NULL)
        who = who_least(who, who_gets_through(location));
    return server != NULL ? who_least(who, who_gets_through(server)) : who;
}

/* limit_except with none of the methods that publish. */
static enum who who_by_method(const struct directive *block)
{
    const struct directive *location = find_around(block, TEXT("location"));
    const struct directive *limit =
        location != NULL ? find_inside(location, TEXT("limit_except")) : NULL;
    if (limit == NULL)
        return WHO_ANYBODY;
    for (const struct text *method = guess_methods; method->len > 0; method++)
        if (values_have(limit, *method))
            return WHO_ANYBODY;
    return who_gets_access(limit);
}

/* --- all of it --- */

bool guard_is_internal(const struct directive *block)
{
    return find_setting(block, TEXT("internal")) != NULL ||
           location_of(block).kind == LOCATION_NAMED;
}

static bool is_remote(void *context, const struct address *address)
{
    (void)context;
    return !address_is_local(address);
}

static bool is_inet(void *context, const struct address *address)
{
    (void)context;
    return !address->is_unix;
}

static enum guard guard_of_listen(const struct directive *server)
{
    if (server == NULL || listen_each(server, is_remote, NULL))
        return GUARD_NONE;
    return listen_each(server, is_inet, NULL) ? GUARD_LISTEN : GUARD_MACHINE;
}

static enum guard stronger(enum guard a, enum guard b)
{
    return a > b ? a : b;
}

static enum guard guard_against(enum who who)
{
    switch (who) {
    case WHO_ANYBODY:
        return GUARD_NONE;
    case WHO_UNSURE:
        return GUARD_UNSURE;
    case WHO_MACHINE:
        return GUARD_MACHINE;
    default:
        return GUARD_CLOSED;
    }
}

enum guard guard_at(const struct directive *block)
{
    if (guard_is_internal(block))
        return GUARD_CLOSED;
    enum who who = who_least(who_gets_access(block), who_by_method(block));
    if (who > WHO_KNOWER)
        who = who_least(who, who_gets_past(block));
    return stronger(guard_against(who),
                    guard_of_listen(find_around(block, TEXT("server"))));
}

enum guard guard_of_grant(const struct directive *block, const struct directive *access)
{
    return guard_against(who_makes(block, directive_value(access, 2), TEXT("publish")));
}
