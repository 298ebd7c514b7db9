/* SPDX-License-Identifier: ISC */
/*
 * How nginx inherits: a setting holds from the nearest level that has it, and lists are
 * replaced, not added to. Every rule asks through here.
 */
#include "find.h"

#include <stdio.h>

bool directive_is(const struct directive *directive, struct text name)
{
    return directive->count > 0 && text_is(directive->words[0], name);
}

struct text directive_value(const struct directive *directive, size_t i)
{
    return i < directive->count ? directive->words[i] : TEXT("");
}

static const struct directive *first_of(const struct directive *from, struct text name)
{
    while (from != NULL && !directive_is(from, name))
        from = from->next;
    return from;
}

const struct directive *find_inside(const struct directive *block, struct text name)
{
    return first_of(block->first, name);
}

const struct directive *find_again(const struct directive *directive)
{
    return first_of(directive->next, directive->words[0]);
}

const struct directive *find_setting(const struct directive *level, struct text name)
{
    const struct directive *found = NULL;
    for (; level != NULL && found == NULL; level = level->parent)
        found = find_inside(level, name);
    return found;
}

const struct directive *find_setting_of(const struct directive *level,
                                        struct text protocol, const char *name)
{
    char whole[64];
    int len =
        snprintf(whole, sizeof whole, "%.*s_%s", (int)protocol.len, protocol.at, name);
    return find_setting(level, (struct text){whole, (size_t)len});
}

const struct directive *find_around(const struct directive *at, struct text name)
{
    while (at != NULL && !directive_is(at, name))
        at = at->parent;
    return at;
}

const struct directive *find_next(const struct directive *root,
                                  const struct directive *at)
{
    if (at->first != NULL)
        return at->first;
    while (at != root && at->next == NULL)
        at = at->parent;
    return at != root ? at->next : NULL;
}

const struct directive *find_upstream(const struct directive *level, struct text name)
{
    const struct directive *http = find_around(level, TEXT("http"));
    const struct directive *upstream =
        http != NULL ? find_inside(http, TEXT("upstream")) : NULL;
    while (upstream != NULL && !text_is_like(directive_value(upstream, 1), name))
        upstream = find_again(upstream);
    return upstream;
}

struct text find_param(const struct directive *level, struct text name)
{
    const struct directive *param = find_setting(level, TEXT("fastcgi_param"));
    while (param != NULL && !text_is(directive_value(param, 1), name))
        param = find_again(param);
    return param != NULL ? directive_value(param, 2) : TEXT("");
}

/* Without `$`, or `${` and `}`; false where it is more than one variable. */
static bool variable_name(struct text value, struct text *name)
{
    if (!text_starts(value, TEXT("$")))
        return false;
    *name = (struct text){value.at + 1, value.len - 1};
    if (name->len > 1 && name->at[0] == '{' && name->at[name->len - 1] == '}')
        *name = (struct text){name->at + 1, name->len - 2};
    for (size_t i = 0; i < name->len; i++)
        if (memchr("$/:.{}", name->at[i], 6) != NULL)
            return false;
    return name->len > 0;
}

static bool is_variable(struct text word, struct text name)
{
    return word.len == name.len + 1 && word.at[0] == '$' &&
           text_is((struct text){word.at + 1, word.len - 1}, name);
}

static const struct directive *set_of(const struct directive *level, struct text name)
{
    for (; level != NULL; level = level->parent)
        for (const struct directive *set = find_inside(level, TEXT("set")); set != NULL;
             set = find_again(set))
            if (is_variable(directive_value(set, 1), name))
                return set;
    return NULL;
}

static const struct directive *map_of(const struct directive *level, struct text name)
{
    const struct directive *http = find_around(level, TEXT("http"));
    const struct directive *map = http != NULL ? find_inside(http, TEXT("map")) : NULL;
    while (map != NULL && !is_variable(directive_value(map, 2), name))
        map = find_again(map);
    return map;
}

struct text find_variable(const struct directive *level, struct text value)
{
    struct text name;
    if (!variable_name(value, &name))
        return value;
    const struct directive *set = set_of(level, name);
    if (set != NULL)
        return directive_value(set, 2);
    const struct directive *map = map_of(level, name);
    const struct directive *standard =
        map != NULL ? find_inside(map, TEXT("default")) : NULL;
    return standard != NULL ? directive_value(standard, 1) : value;
}

/* --- values --- */

bool value_is_on(const struct directive *directive)
{
    return directive != NULL && text_is_like(directive_value(directive, 1), TEXT("on"));
}

bool value_contains(struct text value, struct text part)
{
    return part.len == 0 ||
           (value.len > 0 && memmem(value.at, value.len, part.at, part.len) != NULL);
}

bool values_contain(const struct directive *directive, struct text part)
{
    for (size_t i = 1; directive != NULL && i < directive->count; i++)
        if (value_contains(directive->words[i], part))
            return true;
    return false;
}

static nanos unit_of(struct text unit)
{
    static const struct {
        struct text name;
        nanos size;
    } units[] = {
        {TEXT(""), NANOS_PER_SECOND},
        {TEXT("ms"), NANOS_PER_MS},
        {TEXT("s"), NANOS_PER_SECOND},
        {TEXT("m"), 60 * NANOS_PER_SECOND},
        {TEXT("h"), 3600 * NANOS_PER_SECOND},
        {TEXT("d"), 86400 * NANOS_PER_SECOND},
        {TEXT("w"), 604800 * NANOS_PER_SECOND},
        {TEXT("M"), 2592000 * NANOS_PER_SECOND},
        {TEXT("y"), 31536000 * NANOS_PER_SECOND},
    };
    for (size_t i = 0; i < sizeof units / sizeof *units; i++)
        if (text_is(unit, units[i].name))
            return units[i].size;
    return 0;
}

/* Takes the characters from `first` to `last` off the front. */
static struct text take_run(struct text *value, bool digits)
{
    struct text run = {value->at, 0};
    while (run.len < value->len) {
        char c = value->at[run.len];
        if ((c >= '0' && c <= '9') != digits || c == ' ')
            break;
        run.len++;
    }
    text_skip(value, run.len);
    return run;
}

bool value_time(struct text value, nanos *span)
{
    nanos sum = 0;
    if (value.len == 0)
        return false;
    while (value.len > 0) {
        uint64_t number;
        struct text digits = take_run(&value, true);
        nanos unit = unit_of(take_run(&value, false));
        value = text_trim(value);
        if (unit == 0 || !text_number(digits, INT64_MAX, &number))
            return false;
        if ((nanos)number > (INT64_MAX - sum) / unit)
            return false;
        sum += (nanos)number * unit;
    }
    *span = sum;
    return true;
}
