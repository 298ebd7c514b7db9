/* SPDX-License-Identifier: ISC */
/*
 * Who may publish: a location that grants it and lets everybody in.
 */
#include "guard.h"
#include "rules.h"

static const char *say_who(struct nginx_check *check, const struct way *way,
                           enum guard guard)
{
    const char *location = say_location(check, way->block);
    if (way_is_proxy(way))
        return say(
            check,
            "%s leads to a location that may publish and lets in whoever comes from "
            "this machine: through this proxy, everybody",
            location);
    if (guard == GUARD_NONE)
        return say(check, "%s may publish, and is open to the world", location);
    return say(
        check,
        "%s may publish, and its server listens on this machine alone, but nothing "
        "else guards it: a proxy on this machine opens it to the world",
        location);
}

/* A publish location that anybody can get at: by itself, or through a proxy on the same
 * machine. */
void rule_open_publish(struct nginx_check *check, const struct way *way)
{
    enum guard guard = guard_at(way->block);
    enum guard needed = way_is_proxy(way) ? GUARD_LISTEN : GUARD_MACHINE;
    if (way->publish == NULL || guard >= needed)
        return;
    fault_report(check,
                 &(struct fault){.rule = "open_publish",
                                 .at = way_is_proxy(way) ? way->pass : way->publish,
                                 .once = way->block,
                                 .what = say_who(check, way, guard),
                                 .effect = "anybody can change or delete every document",
                                 .instead = "allow 127.0.0.1; allow ::1; deny all;"});
}
