/* SPDX-License-Identifier: ISC */
/*
 * The rule about who may publish: a location that grants it and lets everybody in. What
 * keeps strangers out is guard.c's judgement; here it is said in words.
 */
#include "access.h"
#include "guard.h"
#include "rules.h"

static const char *say_who(struct nginx_check *check, const struct way *way,
                           enum guard guard)
{
    const char *location = say_location(check, way->block);
    if (guard == GUARD_UNSURE)
        return say(
            check,
            "%s may publish, and it can't be told whom the conditions there let in",
            location);
    if (way_is_proxy(way))
        return say(
            check,
            "%s leads to a location that may publish and lets in whoever comes from "
            "this machine: through this proxy, everybody",
            location);
    if (guard == GUARD_NONE)
        return say(check, "%s may publish, and is open to the world%s", location,
                   value_is_on(find_setting(way->block, TEXT("ssl_verify_client")))
                       ? ": without TLS, nobody is asked for a certificate"
                       : "");
    return say(
        check,
        "%s may publish, and its server listens on this machine alone, but nothing "
        "else guards it: a proxy on this machine opens it to the world",
        location);
}

/* What stands at the location, or who is granted to publish there at all. */
static enum guard guard_of(const struct way *way)
{
    enum guard guard = guard_at(way->block);
    enum guard grant =
        way_is_proxy(way) ? GUARD_NONE : guard_of_grant(way->block, way->publish);
    return grant > guard ? grant : guard;
}

/* A publish location that anybody can get at: by itself, or through a proxy on the same
 * machine. */
void rule_open_publish(struct nginx_check *check, const struct way *way)
{
    if (way->publish == NULL)
        return;
    enum guard guard = guard_of(way);
    enum guard needed = way_is_proxy(way) ? GUARD_LISTEN : GUARD_MACHINE;
    const struct directive *lua = access_lua(way->block);
    if (lua != NULL)
        fault_note(check,
                   &(struct fault){.rule = "lua",
                                   .at = lua,
                                   .what = say(check,
                                               "whom this lets publish in %s can't "
                                               "be told: Lua is not read",
                                               say_location(check, way->block))});
    if (guard >= needed && guard != GUARD_UNSURE)
        return;
    fault_report(check,
                 &(struct fault){.rule = "open_publish",
                                 .at = way_is_proxy(way) ? way->pass : way->publish,
                                 .once = way->block,
                                 .what = say_who(check, way, guard),
                                 .effect = guard == GUARD_UNSURE
                                               ? "if they let everybody in, anybody can "
                                                 "change or delete every document"
                                               : "anybody can change or delete every "
                                                 "document",
                                 .instead = "allow 127.0.0.1; allow ::1; deny all;"});
}
