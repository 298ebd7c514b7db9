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

static enum end end_of_rewrite(const struct directive *rewrite)
{
    if (location_is_redirect(rewrite) || leads_elsewhere(rewrite))
        return takes_all(rewrite) ? END_AWAY : END_NONE;
    return text_is(directive_value(rewrite, 3), TEXT("break")) &&
                   find_around(rewrite, TEXT("location")) != NULL
               ? END_STAYS
               : END_NONE; /* in a server another location follows, which may be any */
}

static enum end end_of_line(const struct directive *line)
{
    if (directive_is(line, TEXT("return")))
        return END_AWAY;
    if (directive_is(line, TEXT("break")))
        return END_STAYS;
    return directive_is(line, TEXT("rewrite")) ? end_of_rewrite(line) : END_NONE;
}

static enum end end_of(const struct directive *condition)
{
    enum end end = END_NONE;
    for (const struct directive *at = condition->first; at != NULL && end == END_NONE;
         at = at->next)
        end = end_of_line(at);
    return end;
}

bool passage_turns_away(const struct directive *condition)
{
    return end_of(condition) == END_AWAY;
}

void passage_go(struct passage *passage, const struct directive *line)
{
    bool is_condition = directive_is(line, TEXT("if"));
    enum end end = is_condition ? end_of(line) : end_of_line(line);
    if (end == END_STAYS) {
        enum who enters = is_condition ? who_enters(line) : WHO_ANYBODY;
        passage->out = who_most(passage->out, who_least(passage->on, enters));
    }
    if (end == END_AWAY && is_condition)
        passage->on = who_least(passage->on, who_passes(line));
    else if (end == END_AWAY || directive_is(line, TEXT("break")) ||
             (end == END_STAYS && !is_condition && takes_all(line)))
        passage->on = WHO_NOBODY;
}
