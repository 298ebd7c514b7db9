/* SPDX-License-Identifier: ISC */
/*
 * Who is let in at a place: by address, by who they are, by a condition, by method, and
 * by where the server listens.
 */
#include "guard.h"

#include "address.h"
#include "location.h"

/* --- allow, deny --- */

enum access {
    ACCESS_UNSAID, /* nothing is said of everybody */
    ACCESS_ALLOWED,
    ACCESS_DENIED
};

static bool is_everybody(struct text who)
{
    return text_is(who, TEXT("all")) || text_is(who, TEXT("0.0.0.0/0"));
}

static bool is_this_machine(struct text who)
{
    return text_starts(who, TEXT("127.")) || text_is(who, TEXT("::1")) ||
           text_is(who, TEXT("unix:"));
}

/* What the list on the nearest level that has one says of everybody else. */
static enum access access_at(const struct directive *level, bool *this_machine)
{
    bool any = false;
    for (*this_machine = false; level != NULL && !any; level = level->parent)
        for (const struct directive *at = level->first; at != NULL; at = at->next) {
            bool allow = directive_is(at, TEXT("allow"));
            struct text who = directive_value(at, 1);
            if (!allow && !directive_is(at, TEXT("deny")))
                continue;
            any = true;
            if (is_everybody(who))
                return allow ? ACCESS_ALLOWED : ACCESS_DENIED;
            *this_machine = *this_machine || (allow && is_this_machine(who));
        }
    return ACCESS_UNSAID;
}

/* --- passwords and the like --- */

static bool asks_who(const struct directive *block)
{
    static const struct text names[] = {
        TEXT("auth_basic"),    TEXT("auth_request"),        TEXT("auth_jwt"),
        TEXT("auth_pam"),      TEXT("auth_ldap"),           TEXT("auth_digest"),
        TEXT("auth_gss"),      TEXT("access_by_lua_block"), TEXT("access_by_lua_file"),
        TEXT("access_by_lua"),
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct directive *set = find_setting(block, names[i]);
        if (set != NULL && !text_is(directive_value(set, 1), TEXT("off")))
            return true;
    }
    return value_is_on(find_setting(block, TEXT("ssl_verify_client")));
}

/* `satisfy any`: one of both is enough, so a list that allows everybody is no guard. */
static enum guard guard_of_access(const struct directive *block)
{
    const struct directive *satisfy = find_setting(block, TEXT("satisfy"));
    bool any = satisfy != NULL && text_is(directive_value(satisfy, 1), TEXT("any"));
    bool this_machine;
    enum access access = access_at(block, &this_machine);
    bool asks = asks_who(block);
    if (any && access == ACCESS_ALLOWED)
        return GUARD_NONE;
    if (asks && !(any && access == ACCESS_DENIED))
        return GUARD_CLOSED;
    if (access != ACCESS_DENIED)
        return GUARD_NONE;
    return this_machine ? GUARD_MACHINE : GUARD_CLOSED;
}

/* --- conditions --- */

static bool refuses(const struct directive *directive)
{
    static const struct text codes[] = {TEXT("401"), TEXT("403"), TEXT("404"),
                                        TEXT("444")};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (text_is(directive_value(directive, 1), codes[i]))
            return true;
    return false;
}

/* An `if` that refuses some, for anything but their method. */
static bool has_condition(const struct directive *level)
{
    for (; level != NULL; level = level->parent)
        for (const struct directive *at = find_inside(level, TEXT("if")); at != NULL;
             at = find_again(at)) {
            const struct directive *back = find_inside(at, TEXT("return"));
            if (back != NULL && refuses(back) &&
                !values_contain(at, TEXT("$request_method")))
                return true;
        }
    return false;
}

/* limit_except with none of the methods that publish. */
static enum guard guard_of_methods(const struct directive *block)
{
    static const struct text methods[] = {TEXT("PUT"), TEXT("PATCH"), TEXT("POST"),
                                          TEXT("DELETE")};
    const struct directive *location = find_around(block, TEXT("location"));
    const struct directive *limit =
        location != NULL ? find_inside(location, TEXT("limit_except")) : NULL;
    if (limit == NULL)
        return GUARD_NONE;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (values_contain(limit, methods[i]))
            return GUARD_NONE;
    return guard_of_access(limit);
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

enum guard guard_at(const struct directive *block)
{
    if (guard_is_internal(block) || has_condition(block))
        return GUARD_CLOSED;
    enum guard guard = stronger(guard_of_access(block), guard_of_methods(block));
    return stronger(guard, guard_of_listen(find_around(block, TEXT("server"))));
}
