/* SPDX-License-Identifier: ISC */
/*
 * What nginx asks of a request once its rewrites have run: address, password, another
 * location's word, certificate. Each answers with the widest circle that it lets in.
 */
#include "access.h"

#include <stdio.h>

#include "address.h"
#include "guess.h"
#include "location.h"
#include "network.h"
#include "passage.h"

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

/* --- certificates --- */

static bool is_encrypted(const struct directive *listen)
{
    return value_is_on(find_setting(listen->parent, TEXT("ssl"))) ||
           listen_has(listen, TEXT("ssl")) || listen_has(listen, TEXT("quic"));
}

/* The first `if` of the server or location that turns away whoever comes by the plain
 * listen. NULL: none. */
static const struct directive *plain_turn(const struct directive *around,
                                          const struct directive *listen)
{
    char port[24];
    struct address address = address_parse(directive_value(listen, 1), HTTP_PORT);
    snprintf(port, sizeof port, "%llu", (unsigned long long)address.port);
    const struct {
        struct text name, value;
    } plain[] = {{TEXT("scheme"), TEXT("http")},
                 {TEXT("https"), TEXT("")},
                 {TEXT("ssl_protocol"), TEXT("")},
                 {TEXT("server_port"), address.is_unix ? TEXT("") : text_of(port)}};
    const struct directive *at = around != NULL ? find_inside(around, TEXT("if")) : NULL;
    for (; at != NULL; at = find_again(at))
        for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
            if (condition_meets(at, plain[i].name, plain[i].value) &&
                passage_turns_away(at))
                return at;
    return NULL;
}

/* The same `if` is asked about for one listen after the other. */
struct turn {
    const struct directive *at;
    enum who who; /* has left the set before it */
};

static void turn_ask(struct turn *turn, const struct directive *at,
                     const struct directive *block)
{
    struct passage passage = passage_begin(WHO_ANYBODY, block);
    const struct directive *line = at->parent->first;
    for (; line != at && passage.on > WHO_NOBODY; line = line->next)
        passage_go(&passage, line);
    *turn = (struct turn){at, passage.on > WHO_NOBODY ? passage.out : WHO_ANYBODY};
}

/* Who stays of those that come by the plain listen. */
static enum who who_stays_plain(struct turn *turn, const struct directive *around,
                                const struct directive *block,
                                const struct directive *listen)
{
    const struct directive *at = plain_turn(around, listen);
    if (at == NULL)
        return WHO_ANYBODY;
    if (turn->at != at)
        turn_ask(turn, at, block);
    return turn->who;
}

/* On a plain connection nobody is asked for one. */
static enum who who_by_certificate(const struct directive *block)
{
    enum who who = WHO_KNOWER;
    struct turn in_server = {NULL, WHO_ANYBODY}, in_location = {NULL, WHO_ANYBODY};
    const struct directive *server = find_around(block, TEXT("server"));
    const struct directive *location = find_around(block, TEXT("location"));
    const struct directive *listen =
        server != NULL ? find_inside(server, TEXT("listen")) : NULL;
    if (listen == NULL || !value_is_on(find_setting(block, TEXT("ssl_verify_client"))))
        return WHO_ANYBODY;
    for (; listen != NULL && who < WHO_ANYBODY; listen = find_again(listen)) {
        bool local = text_starts(directive_value(listen, 1), TEXT("unix:"));
        enum who stays = local ? WHO_MACHINE : WHO_ANYBODY;
        if (is_encrypted(listen))
            continue;
        stays = who_least(stays, who_stays_plain(&in_server, server, block, listen));
        stays = who_least(stays, who_stays_plain(&in_location, location, block, listen));
        who = who_most(who, stays);
    }
    return who;
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

/* Whether the block itself answers that the request may go on. */
static bool approves(const struct directive *block)
{
    const struct directive *back = find_inside(block, TEXT("return"));
    return back != NULL && text_starts(directive_value(back, 1), TEXT("2"));
}

/* Whom the location lets in that is asked. Where none of its lines answers, another
 * program does: to the ones that it knows. */
static enum who who_is_approved(const struct directive *location)
{
    struct passage passage = passage_begin(WHO_ANYBODY, NULL);
    enum who who = WHO_NOBODY;
    const struct directive *at = location->first;
    for (; at != NULL && passage.on > WHO_NOBODY; at = at->next) {
        if (directive_is(at, TEXT("if")) && passage_turns_away(at) && approves(at))
            who = who_most(who, who_least(passage.on, who_enters(at)));
        else if (directive_is(at, TEXT("return")) && approves(location))
            who = who_most(who, passage.on);
        passage_go(&passage, at);
    }
    return who_most(who, who_least(passage_who(&passage), WHO_KNOWER));
}

/* One that answers 2xx to everybody by itself asks nobody either. */
static enum who who_by_request(const struct directive *block)
{
    const struct directive *ask = find_setting(block, TEXT("auth_request"));
    const struct directive *server = find_around(block, TEXT("server"));
    if (ask == NULL || server == NULL || text_is(directive_value(ask, 1), TEXT("off")))
        return WHO_ANYBODY;
    const struct directive *location = location_serving(server, directive_value(ask, 1));
    return location != NULL ? who_is_approved(location) : WHO_KNOWER;
}

const struct directive *access_lua(const struct directive *block)
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
    if (access_lua(block) != NULL)
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
    return who_least(who, who_by_certificate(block));
}

/* --- all of it --- */

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

enum who access_who(const struct directive *block)
{
    return who_least(who_gets_access(block), who_by_method(block));
}
