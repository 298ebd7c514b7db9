/* SPDX-License-Identifier: ISC */
/*
 * A `rewrite` acts on those alone whose path it matches: it counts for everybody only
 * where its regular expression takes all paths.
 */
#include "passage.h"

#include "location.h"

enum end {
    END_NONE,  /* goes on */
    END_STAYS, /* the set ends, for some at least: they stay in the block */
    END_AWAY
};

static bool takes_all(const struct directive *rewrite)
{
    static const struct text all[] = {TEXT("^"),       TEXT(".*"),      TEXT("^.*"),
                                      TEXT("^.*$"),    TEXT("(.*)"),    TEXT("^(.*)"),
                                      TEXT("^(.*)$"),  TEXT("^/"),      TEXT("^/.*"),
                                      TEXT("^/.*$"),   TEXT("^/(.*)"),  TEXT("^/(.*)$"),
                                      TEXT("^(/.*)"),  TEXT("^(/.*)$"), TEXT("^/?(.*)$"),
                                      TEXT("^/?(.*)"), TEXT("^.+"),     TEXT("^.+$"),
                                      TEXT("^(.+)$"),  TEXT("/"),       TEXT("")};
    struct text regex = directive_value(rewrite, 1);
    const struct text *at = all;
    while (at->len > 0 && !text_is(regex, *at))
        at++;
    return at->len > 0;
}

/* Whether another location serves the path that it makes. */
static bool leads_elsewhere(const struct directive *rewrite)
{
    const struct directive *location = find_around(rewrite, TEXT("location"));
    struct text to = directive_value(rewrite, 2), path = TEXT("");
    struct location is = location_of(rewrite);
    text_cut(&to, '?', &path);
    if (location == NULL || !text_is(directive_value(rewrite, 3), TEXT("last")) ||
        value_contains(path, TEXT("$")))
        return false;
    if (is.kind == LOCATION_REGEX)
        return !text_starts(path, is.path);
    return location_serving(find_around(rewrite, TEXT("server")), path) != location;
}

/* The location that says what paths of the block begin with: where its own regular
 * expression does not, the one around it. */
static const struct directive *start_of(const struct directive *block)
{
    const struct directive *location = find_around(block, TEXT("location")), *outer;
    while (location != NULL && location_of(location).kind == LOCATION_REGEX &&
           text_is(location_of(location).path, TEXT("/")) &&
           (outer = find_around(location->parent, TEXT("location"))) != NULL)
        location = outer;
    return location != NULL ? location : block;
}

/* Whether the path that it makes may be the guarded one's. */
static bool leads_to(const struct directive *rewrite, const struct directive *guarded)
{
    const struct directive *location = find_around(guarded, TEXT("location"));
    const struct directive *start = start_of(guarded);
    struct text to = directive_value(rewrite, 2), path = TEXT("");
    text_cut(&to, '?', &path);
    if (location_is_redirect(rewrite) || location_of(guarded).kind == LOCATION_NAMED)
        return false;
    if (location != NULL && !value_contains(path, TEXT("$")))
        return location_may_serve(location, path);
    return location_may_be_made(rewrite, location_of(start).path,
                                location_any_case(start)) &&
           (location == NULL || location_may_serve_from(location, value_start(path)));
}

static bool is_break(const struct directive *rewrite)
{
    return text_is(directive_value(rewrite, 3), TEXT("break"));
}

/* Both flags end the set of a server: the location of what is made is sought then. */
static bool ends_server(const struct directive *rewrite, const struct directive *guarded)
{
    bool ends = is_break(rewrite) || text_is(directive_value(rewrite, 3), TEXT("last"));
    return ends && guarded != NULL && leads_to(rewrite, guarded);
}

static enum end end_of_rewrite(const struct directive *rewrite,
                               const struct directive *guarded)
{
    if (location_is_redirect(rewrite) || leads_elsewhere(rewrite))
        return takes_all(rewrite) ? END_AWAY : END_NONE;
    if (find_around(rewrite, TEXT("location")) == NULL)
        return ends_server(rewrite, guarded) ? END_STAYS : END_NONE;
    return is_break(rewrite) ? END_STAYS : END_NONE;
}

static enum end end_of_line(const struct directive *line, const struct directive *guarded)
{
    if (directive_is(line, TEXT("return")))
        return END_AWAY;
    if (directive_is(line, TEXT("break")))
        return END_STAYS;
    return directive_is(line, TEXT("rewrite")) ? end_of_rewrite(line, guarded) : END_NONE;
}

static enum end end_of(const struct directive *condition, const struct directive *guarded)
{
    enum end end = END_NONE;
    for (const struct directive *at = condition->first; at != NULL && end == END_NONE;
         at = at->next)
        end = end_of_line(at, guarded);
    return end;
}

bool passage_turns_away(const struct directive *condition)
{
    return end_of(condition, NULL) == END_AWAY;
}

/* In a location a `break` leads nowhere. */
static bool makes_it(const struct directive *line, const struct directive *guarded)
{
    return directive_is(line, TEXT("rewrite")) && leads_to(line, guarded) &&
           !(is_break(line) && find_around(line, TEXT("location")) != NULL);
}

/* Looks once for a question: the lines of a server are many. */
static bool is_made_anywhere(struct passage *passage)
{
    const struct directive *server = find_around(passage->guarded, TEXT("server"));
    const struct directive *at = server;
    if (passage->is_looked_for)
        return passage->is_made;
    while (at != NULL && !makes_it(at, passage->guarded))
        at = find_next(server, at);
    passage->is_looked_for = true;
    passage->is_made = at != NULL;
    return passage->is_made;
}

/* Whether none who gets into the `if` asks for the guarded block's path. */
static bool misses(const struct directive *condition, const struct directive *guarded)
{
    const struct directive *location = find_around(guarded, TEXT("location"));
    const struct directive *start = start_of(guarded);
    struct text path;
    return location != NULL && condition_is_path(condition, &path)
               ? !location_may_serve(location, path)
               : condition_misses(condition, location_of(start).path,
                                  location_any_case(start));
}

/* Who gets into the `if` and may come to the guarded block. */
static enum who who_stays(struct passage *passage, const struct directive *condition)
{
    bool is_elsewhere = passage->guarded != NULL &&
                        location_of(passage->guarded).kind != LOCATION_NAMED &&
                        misses(condition, passage->guarded) && !is_made_anywhere(passage);
    return is_elsewhere ? WHO_NOBODY : who_enters(condition);
}

void passage_go(struct passage *passage, const struct directive *line)
{
    bool is_condition = directive_is(line, TEXT("if"));
    enum end end = is_condition ? end_of(line, passage->guarded)
                                : end_of_line(line, passage->guarded);
    if (end == END_STAYS) {
        enum who enters = is_condition ? who_stays(passage, line) : WHO_ANYBODY;
        passage->out = who_most(passage->out, who_least(passage->on, enters));
    }
    if (end == END_AWAY && is_condition)
        passage->on = who_least(passage->on, who_passes(line));
    else if (end == END_AWAY || directive_is(line, TEXT("break")) ||
             (end == END_STAYS && !is_condition && takes_all(line)))
        passage->on = WHO_NOBODY;
}
