/* SPDX-License-Identifier: ISC */
/*
 * Which location nginx would choose. Regular expressions are not run where less than the
 * whole path is known: only what all that match them begin with is compared.
 */
#include "location.h"

#include <ctype.h>

#include "pattern.h"

/* Where a regular expression's first part that is not literal begins. */
static size_t literal_length(struct text regex)
{
    static const char special[] = ".^$*+?()[]{}|\\";
    static const char repeats[] = "*?{";
    size_t len = 0;
    while (len < regex.len && memchr(special, regex.at[len], sizeof special - 1) == NULL)
        len++;
    if (len > 0 && len < regex.len &&
        memchr(repeats, regex.at[len], sizeof repeats - 1) != NULL)
        len--; /* what is repeated may be missing */
    return len;
}

/* Takes an escaped character, a class or a character off. Returns the latter. */
static char take_element(struct text *regex)
{
    char c = regex->at[0];
    size_t len = c == '\\' ? 2 : 1;
    if (c == '[') {
        len += regex->len > 1 && regex->at[1] == '^';
        do /* a bracket that stands first belongs to it */
            len += len < regex->len && regex->at[len] == '\\' ? 2 : 1;
        while (len < regex->len && regex->at[len] != ']');
        len++;
    }
    text_skip(regex, len < regex->len ? len : regex->len);
    return c == '\\' || c == '[' ? '\0' : c;
}

/* Takes what stands before a `|` outside of parentheses off. False: there is none, and
 * the choice is all. */
static bool cut_choice(struct text *regex, struct text *choice)
{
    size_t depth = 0;
    *choice = *regex;
    while (regex->len > 0) {
        size_t before = choice->len - regex->len;
        char c = take_element(regex);
        depth += c == '(';
        depth -= c == ')' && depth > 0;
        if (c == '|' && depth == 0) {
            choice->len = before;
            return true;
        }
    }
    return false;
}

static bool has_choice(struct text regex)
{
    struct text choice;
    return cut_choice(&regex, &choice);
}

struct text location_regex_start(struct text regex)
{
    if (regex.len == 0 || regex.at[0] != '^' || has_choice(regex))
        return TEXT("/");
    text_skip(&regex, 1);
    regex.len = literal_length(regex);
    return regex.len > 0 ? regex : TEXT("/");
}

static bool is_same(char a, char b, bool any_case)
{
    return any_case ? tolower((unsigned char)a) == tolower((unsigned char)b) : a == b;
}

bool location_regex_misses(struct text regex, struct text path, bool any_case)
{
    static const char special[] = "^*+?()[]{}|";
    if (regex.len == 0 || regex.at[0] != '^' || has_choice(regex))
        return false;
    text_skip(&regex, 1);
    for (; regex.len > 0 && path.len > 0; text_skip(&path, 1), text_skip(&regex, 1)) {
        bool ends = text_is(regex, TEXT("$")), escaped = regex.at[0] == '\\';
        text_skip(&regex, escaped);
        if (regex.len == 0 || (escaped && isalnum((unsigned char)regex.at[0]) != 0) ||
            (!escaped && memchr(special, regex.at[0], sizeof special - 1) != NULL) ||
            (regex.len > 1 && memchr("*?{", regex.at[1], 3) != NULL))
            return false;
        bool any = !escaped && regex.at[0] == '.';
        if (ends || !(any || is_same(regex.at[0], path.at[0], any_case)))
            return true;
    }
    return false;
}

/* Takes "?<name>" or "?P<name>" off. False: the group captures nothing. */
static bool take_group_name(struct text *inside, struct text *name)
{
    *name = TEXT("");
    if (!text_starts(*inside, TEXT("?")))
        return true;
    text_skip(inside, text_starts(*inside, TEXT("?P<")) ? 2 : 1);
    if (!text_starts(*inside, TEXT("<")) || text_starts(*inside, TEXT("<=")) ||
        text_starts(*inside, TEXT("<!")))
        return false;
    text_skip(inside, 1);
    text_cut(inside, '>', name);
    return true;
}

/* False: the group may be left out. */
static bool group_inside(struct text behind, struct text *inside)
{
    struct text rest = behind;
    size_t depth = 1;
    while (rest.len > 0 && depth > 0) {
        char c = take_element(&rest);
        depth += c == '(';
        depth -= c == ')';
    }
    *inside = (struct text){behind.at, behind.len - rest.len - (depth == 0)};
    return rest.len == 0 || memchr("?*{", rest.at[0], 3) == NULL;
}

/* The inside of a group that each match goes through. False: it can't be told. */
static bool find_group(struct text regex, struct text group, struct text *inside)
{
    uint64_t wanted = 0, number = 0;
    size_t depth = 0;
    if (value_contains(regex, TEXT("(?i")) || has_choice(regex))
        return false;
    text_number(group, UINT32_MAX, &wanted);
    while (regex.len > 0) {
        char c = take_element(&regex);
        depth -= c == ')' && depth > 0;
        if (c != '(')
            continue;
        struct text behind = regex, name;
        bool captures = take_group_name(&behind, &name);
        number += captures;
        if (captures && (wanted > 0 ? number == wanted : text_is(name, group)))
            return depth == 0 && group_inside(behind, inside);
        depth++;
    }
    return false;
}

struct text location_group_start(struct text regex, struct text group)
{
    struct text inside;
    if (!find_group(regex, group, &inside) || has_choice(inside))
        return TEXT("");
    inside.len = literal_length(inside);
    return inside;
}

bool location_starts_with_group(const struct directive *rewrite, struct text made,
                                struct text *start)
{
    struct text regex = directive_value(rewrite, 1), name = TEXT("");
    if (!text_starts(made, TEXT("$")) || !value_next_variable(&made, &name))
        return false;
    const char *at = memmem(regex.at, regex.len, name.at, name.len);
    bool named = at != NULL && at > regex.at && at[-1] == '<';
    if (!named && !(name.at[0] >= '1' && name.at[0] <= '9'))
        return false;
    *start = location_group_start(regex, name);
    return true;
}

static bool starts(struct text whole, struct text start, bool any_case)
{
    return whole.len >= start.len &&
           (any_case ? text_is_like((struct text){whole.at, start.len}, start)
                     : text_starts(whole, start));
}

/* Whether the variable that stands first there may begin like the path. */
static bool may_begin(const struct directive *rewrite, struct text made, struct text path,
                      bool any_case)
{
    struct text name, inside, choice;
    bool more = value_next_variable(&made, &name) &&
                find_group(directive_value(rewrite, 1), name, &inside);
    if (!more)
        return true;
    while (more) {
        more = cut_choice(&inside, &choice);
        choice.len = literal_length(choice);
        if (starts(choice, path, any_case) || starts(path, choice, any_case))
            return true;
    }
    return false;
}

bool location_may_be_made(const struct directive *rewrite, struct text path,
                          bool any_case)
{
    struct text value = directive_value(rewrite, 2), made = TEXT("");
    text_cut(&value, '?', &made);
    struct text start = value_start(made);
    if (starts(start, path, any_case))
        return true;
    if (start.len == made.len || !starts(path, start, any_case))
        return false;
    text_skip(&made, start.len);
    text_skip(&path, start.len);
    return may_begin(rewrite, made, path, any_case);
}

bool location_is_redirect(const struct directive *rewrite)
{
    struct text flag = directive_value(rewrite, 3);
    return text_is(flag, TEXT("redirect")) || text_is(flag, TEXT("permanent")) ||
           text_starts(directive_value(rewrite, 2), TEXT("http")) ||
           text_starts(directive_value(rewrite, 2), TEXT("$scheme"));
}

struct location location_of(const struct directive *block)
{
    const struct directive *location = find_around(block, TEXT("location"));
    if (location == NULL || location->count < 2)
        return (struct location){LOCATION_PREFIX, TEXT("/")};
    struct text sign = directive_value(location, 1);
    struct text path = directive_value(location, 2);
    if (location->count == 2) {
        bool named = text_starts(sign, TEXT("@"));
        return (struct location){named ? LOCATION_NAMED : LOCATION_PREFIX, sign};
    }
    if (text_is(sign, TEXT("=")))
        return (struct location){LOCATION_EXACT, path};
    if (text_is(sign, TEXT("^~")))
        return (struct location){LOCATION_PREFIX, path};
    return (struct location){LOCATION_REGEX, location_regex_start(path)};
}

const struct directive *location_next(const struct directive *server,
                                      const struct directive *location)
{
    const struct directive *at = location != NULL ? location : server;
    do
        at = find_next(server, at);
    while (at != NULL && !(at->is_block && directive_is(at, TEXT("location"))));
    return at;
}

static bool names(const struct directive *directive, struct text name)
{
    for (size_t i = 1; i < directive->count; i++)
        if (text_is(directive->words[i], name))
            return true;
    return false;
}

const struct directive *location_entrance(const struct directive *block)
{
    const struct directive *location = find_around(block, TEXT("location"));
    const struct directive *server = find_around(block, TEXT("server"));
    struct location is = location_of(block);
    if (is.kind != LOCATION_NAMED || server == NULL)
        return location;
    const struct directive *at = find_next(server, server);
    while (at != NULL && (at == location || !names(at, is.path)))
        at = find_next(server, at);
    return at != NULL ? find_around(at, TEXT("location")) : NULL;
}

const struct directive *location_serving(const struct directive *server, struct text path)
{
    const struct directive *best = NULL;
    size_t longest = 0;
    if (server == NULL) /* nginx refuses a location outside of one */
        return NULL;
    for (const struct directive *at = location_next(server, NULL); at != NULL;
         at = location_next(server, at)) {
        struct location is = location_of(at);
        if (is.kind == LOCATION_EXACT && text_is(path, is.path))
            return at;
        if (is.kind == LOCATION_PREFIX && text_starts(path, is.path) &&
            is.path.len >= longest) {
            best = at;
            longest = is.path.len;
        }
    }
    return best;
}

bool location_any_case(const struct directive *location)
{
    return text_is(directive_value(location, 1), TEXT("~*"));
}

bool location_begins(const struct directive *location, struct text path)
{
    return starts(path, location_of(location).path, location_any_case(location));
}

bool location_may_match(const struct directive *location, struct text path)
{
    char subject[256];
    if (path.len >= sizeof subject)
        return true;
    *text_put(subject, path) = '\0';
    return pattern_try(directive_value(location, 2), location_any_case(location),
                       subject) != MATCH_NO;
}

struct text location_folder(struct text path)
{
    path.len -= path.len > 0 && path.at[path.len - 1] == '/';
    return path;
}

bool location_is_under(struct text path, struct text folder)
{
    return text_starts(path, folder) &&
           (path.len == folder.len || path.at[folder.len] == '/');
}

static bool takes(const struct directive *location, struct text path)
{
    struct location is = location_of(location);
    if (is.kind == LOCATION_EXACT)
        return text_is(path, is.path);
    return location_begins(location, path) && /* soon told */
           (is.kind != LOCATION_REGEX || location_may_match(location, path));
}

/* Whether nginx prefers the one that is the best, regular expressions aside. */
static bool is_beaten(const struct directive *location, const struct directive *best)
{
    if (best == NULL || best == location)
        return false;
    return location_of(location).kind != LOCATION_REGEX ||
           location_of(best).kind == LOCATION_EXACT ||
           (text_is(directive_value(best, 1), TEXT("^~")) &&
            best->parent == location->parent);
}

bool location_may_serve(const struct directive *location, struct text path)
{
    const struct directive *at = location;
    for (; at != NULL; at = find_around(at->parent, TEXT("location")))
        if (!takes(at, path))
            return false;
    return !is_beaten(location,
                      location_serving(find_around(location, TEXT("server")), path));
}

bool location_may_serve_from(const struct directive *location, struct text start)
{
    struct location is = location_of(location);
    const struct directive *best =
        location_serving(find_around(location, TEXT("server")), start);
    bool is_longer = is.kind != LOCATION_REGEX && !text_starts(start, is.path);
    return is_longer || (best != NULL && location_of(best).kind == LOCATION_EXACT) ||
           !is_beaten(location, best);
}

const struct directive *location_led_to(const struct directive *server, struct text to)
{
    const struct directive *at = NULL;
    if (server == NULL || !text_starts(to, TEXT("@")))
        return location_serving(server, to);
    do
        at = location_next(server, at);
    while (at != NULL && !text_is(directive_value(at, 1), to));
    return at;
}
