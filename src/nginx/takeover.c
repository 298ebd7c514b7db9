/* SPDX-License-Identifier: ISC */
/*
 * Locations elsewhere that take some paths away. nginx tries regular expressions after it
 * has found a prefix, unless that has `^~`; so they are tried here on names that
 * documents have.
 */
#include "guard.h"
#include "pattern.h"
#include "rules.h"

#define PATH_ROOM 256
#define NAMED_MOST 4 /* locations, in one proposal */

/* Names below a location's path. A server that gives all paths to fcgiwait means what its
 * other locations take; only `.json` is hardly meant. */
static const char *const names[] = {
    "a.json", "a",     ".a",    "1",     "a/1",   "a/.a/b", "a.xml", "a.js",  "a.css",
    "a.png",  "a.jpg", "a.svg", "a.txt", "a.csv", "a.html", "a.pdf", "a.zip", "v1.2"};
#define NAMES (sizeof names / sizeof *names)

static bool is_regex(const struct directive *location)
{
    return location->count > 2 && location_of(location).kind == LOCATION_REGEX;
}

static bool leads_too(const struct nginx_check *check, const struct directive *location)
{
    for (const struct way *at = check->ways; at != NULL; at = at->next)
        if (find_around(at->block, TEXT("location")) == location)
            return true;
    return false;
}

/* Whether the way's own location takes the path, as far as it can be told. */
static bool is_own(const struct directive *location, const char *path)
{
    if (!is_regex(location))
        return true;
    return pattern_try(directive_value(location, 2), location_any_case(location), path) ==
           MATCH_YES;
}

/* The first path below the way's location that the other takes; false: none. */
static bool takes(const struct directive *other, const struct directive *location,
                  char path[PATH_ROOM])
{
    struct text start = location_of(location).path;
    bool slash = start.len > 0 && start.at[start.len - 1] == '/';
    size_t count = start.len > 1 ? NAMES : 1;
    struct pattern pattern;
    bool taken = false;
    pattern_open(&pattern, directive_value(other, 2), location_any_case(other));
    for (size_t i = 0; i < count && !taken; i++) {
        int len = snprintf(path, PATH_ROOM, "%.*s%s%s", (int)start.len, start.at,
                           slash ? "" : "/", names[i]);
        taken = len < PATH_ROOM && pattern_match(&pattern, path) == MATCH_YES &&
                is_own(location, path);
    }
    pattern_close(&pattern);
    return taken;
}

/* Whether it may take paths of the location for a reason: to keep somebody out, or to
 * lead to fcgiwait otherwise. */
static bool has_to_stay(struct nginx_check *check, const struct directive *location,
                        const struct directive *at)
{
    struct text start = location_of(location).path, path = location_of(at).path;
    if (!at->is_block || !directive_is(at, TEXT("location")) || !is_regex(at) ||
        check->patterns_left == 0 ||
        !(text_starts(path, start) || text_starts(start, path)))
        return false;
    check->patterns_left--;
    return leads_too(check, at) || guard_at(at) > guard_at(location);
}

/* With `^~` nginx tries the regular expressions within it alone. What takes the paths
 * that are told of is a choice: within it takes them on. */
static const char *say_first(struct nginx_check *check, const struct directive *location,
                             const struct directive *other)
{
    struct text path = location_of(location).path;
    const char *stay = "", *choice = "";
    unsigned count = 0;
    for (const struct directive *at = location->parent->first;
         at != NULL && count <= NAMED_MOST; at = at->next) {
        if (at == other || !has_to_stay(check, location, at))
            continue;
        if (count++ == NAMED_MOST)
            stay = say(check, "%s and others", stay);
        else
            stay = say(check, "%s%s %s of %s:%u", stay, count > 1 ? "," : "",
                       say_location(check, at), at->file, at->line);
    }
    if (has_to_stay(check, location, other))
        choice =
            say(check, "%s%s of %s:%u%s if it is to keep these documents from clients",
                count > 0 ? "; " : " ", say_location(check, other), other->file,
                other->line, count > 0 ? ", too," : "");
    return count == 0 && choice[0] == '\0'
               ? say(check, "location ^~ %.*s {", (int)path.len, path.at)
               : say(check, "location ^~ %.*s { (and into it%s%s%s)", (int)path.len,
                     path.at, stay, count > 0 ? ": it takes their paths" : "", choice);
}

static const char *instead_of(struct nginx_check *check, const struct directive *location,
                              const struct directive *other)
{
    if (is_regex(location))
        return say(check, "(move %s before it%s)", say_location(check, location),
                   has_to_stay(check, location, other)
                       ? ", unless it is to keep these documents from clients"
                       : "");
    if (location_of(location).path.len > 1)
        return say_first(check, location, other);
    return "location ^~ /FOLDER/ { (where its files are)";
}

static void check_other(struct nginx_check *check, const struct directive *location,
                        const struct directive *other)
{
    char path[PATH_ROOM];
    if (!is_regex(other) || leads_too(check, other) || check->patterns_left == 0)
        return;
    check->patterns_left--;
    if (!takes(other, location, path))
        return;
    bool whole = location_of(location).path.len <= 1;
    fault_report(
        check,
        &(struct fault){.rule = "takeover",
                        .at = is_regex(location) || whole ? other : location,
                        .once = other,
                        .what = say(check, "%s of %s:%u takes paths such as %s from %s",
                                    say_location(check, other), other->file, other->line,
                                    path, say_location(check, location)),
                        .effect = "polls of these documents never come to fcgiwait",
                        .instead = instead_of(check, location, other)});
}

/* Regular expressions beside it: all where it is a prefix, those before where it is one
 * itself. */
static void check_level(struct nginx_check *check, const struct directive *location)
{
    bool prefix = !is_regex(location);
    for (const struct directive *at = location->parent->first; at != NULL;
         at = at->next) {
        if (at == location && !prefix)
            return;
        if (at != location && at->is_block && directive_is(at, TEXT("location")))
            check_other(check, location, at);
    }
}

void rule_takeover(struct nginx_check *check, const struct way *way)
{
    const struct directive *location = location_entrance(way->block);
    if (way->wait == 0 || find_setting(way->block, TEXT("internal")) != NULL)
        return;
    for (; location != NULL && directive_is(location, TEXT("location"));
         location = location->parent) {
        struct text sign = directive_value(location, 1);
        if (text_is(sign, TEXT("=")) || text_starts(sign, TEXT("@")))
            return;
        if (!text_is(sign, TEXT("^~")))
            check_level(check, location);
    }
}
