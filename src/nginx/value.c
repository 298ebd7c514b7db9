/* SPDX-License-Identifier: ISC */
/*
 * Values and variables. Whoever follows variables counts its looks: a `set` may name
 * itself, and maps each other, in circles.
 */
#include "value.h"

#include "find.h"

#define DEPTH_MOST 4     /* variables that take their values from each other */
#define LOOKS_MOST 10000 /* at lines, for one question */

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

bool values_have(const struct directive *directive, struct text value)
{
    for (size_t i = 1; directive != NULL && i < directive->count; i++)
        if (text_is_like(directive->words[i], value))
            return true;
    return false;
}

/* --- times and sizes --- */

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

/* Takes the digits, or what is none, off the front. */
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

bool value_size(struct text value, uint64_t *size)
{
    uint64_t number;
    struct text digits = take_run(&value, true);
    unsigned shift = text_is_like(value, TEXT("k"))   ? 10
                     : text_is_like(value, TEXT("m")) ? 20
                     : text_is_like(value, TEXT("g")) ? 30
                                                      : 0;
    if ((shift == 0 && value.len > 0) || !text_number(digits, INT64_MAX >> 30, &number))
        return false;
    *size = number << shift;
    return true;
}

/* --- variables --- */

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_';
}

bool value_next_variable(struct text *rest, struct text *name)
{
    while (rest->len > 1) {
        bool dollar = rest->at[0] == '$';
        text_skip(rest, 1);
        if (!dollar)
            continue;
        if (rest->at[0] == '{')
            text_skip(rest, 1);
        *name = (struct text){rest->at, 0};
        while (name->len < rest->len && is_name(rest->at[name->len]))
            name->len++;
        text_skip(rest, name->len);
        if (name->len > 0)
            return true;
    }
    return false;
}

bool value_variable(struct text value, struct text *name)
{
    struct text rest = value;
    if (!text_starts(value, TEXT("$")) || !value_next_variable(&rest, name))
        return false;
    bool braced = value.at[1] == '{';
    return braced ? text_is(rest, TEXT("}")) : rest.len == 0;
}

struct text value_start(struct text value)
{
    struct text start = TEXT("");
    text_cut(&value, '$', &start);
    return start;
}

bool value_names(struct text word, struct text name)
{
    return word.len == name.len + 1 && word.at[0] == '$' &&
           text_is((struct text){word.at + 1, word.len - 1}, name);
}

/* What is sought. */
struct wanted {
    value_is_fn *is;
    void *context;
    unsigned looks;
};

static bool mentions(const struct wanted *wanted, struct text value)
{
    struct text name;
    while (value_next_variable(&value, &name))
        if (wanted->is(wanted->context, name))
            return true;
    return false;
}

static bool is_same(void *context, struct text name)
{
    return text_is(name, *(const struct text *)context);
}

bool value_mentions(struct text value, struct text name)
{
    const struct wanted wanted = {.is = is_same, .context = &name};
    return mentions(&wanted, value);
}

static bool depends_within(struct wanted *wanted, const struct directive *level,
                           struct text value, unsigned depth);

/* By what a map looks up, and by what it gives. */
static bool map_depends(struct wanted *wanted, const struct directive *level,
                        const struct directive *map, unsigned depth)
{
    for (size_t i = 1; i + 1 < map->count; i++)
        if (depends_within(wanted, level, map->words[i], depth))
            return true;
    for (const struct directive *row = map->first; row != NULL && wanted->looks > 0;
         row = row->next) {
        wanted->looks--;
        if (value_is_row(row) &&
            depends_within(wanted, level, directive_value(row, 1), depth))
            return true;
    }
    return false;
}

static bool depends_by_map(struct wanted *wanted, const struct directive *level,
                           struct text value, unsigned depth)
{
    struct text name;
    while (level != NULL && depth > 0 && wanted->looks > 0 &&
           value_next_variable(&value, &name)) {
        const struct directive *map = value_map(level, name);
        wanted->looks--;
        if (map != NULL && map_depends(wanted, level, map, depth - 1))
            return true;
    }
    return false;
}

static bool depends_within(struct wanted *wanted, const struct directive *level,
                           struct text value, unsigned depth)
{
    if (mentions(wanted, value) || depends_by_map(wanted, level, value, depth))
        return true;
    for (; level != NULL && depth > 0; level = level->parent)
        for (const struct directive *set = find_inside(level, TEXT("set"));
             set != NULL && wanted->looks > 0; set = find_again(set)) {
            struct text name = directive_value(set, 1);
            wanted->looks--;
            if (name.len > 1 &&
                value_mentions(value, (struct text){name.at + 1, name.len - 1}) &&
                depends_within(wanted, level, directive_value(set, 2), depth - 1))
                return true;
        }
    return false;
}

bool value_depends_where(struct text value, const struct directive *level,
                         value_is_fn *is, void *context)
{
    struct wanted wanted = {is, context, LOOKS_MOST};
    return depends_within(&wanted, level, value, DEPTH_MOST);
}

bool value_depends(struct text value, const struct directive *level, struct text on)
{
    return value_depends_where(value, level, is_same, &on);
}

bool value_depends_on_any(struct text value, const struct directive *level,
                          const struct text *names)
{
    for (; names->len > 0; names++)
        if (value_depends(value, level, *names))
            return true;
    return false;
}

/* --- set, map, geo --- */

const struct directive *value_set(const struct directive *level, struct text name)
{
    const struct directive *last = NULL;
    for (; level != NULL && last == NULL; level = level->parent)
        for (const struct directive *set = find_inside(level, TEXT("set")); set != NULL;
             set = find_again(set))
            if (value_names(directive_value(set, 1), name))
                last = set;
    return last;
}

static bool makes(const struct directive *block, struct text name)
{
    return (directive_is(block, TEXT("map")) || directive_is(block, TEXT("geo"))) &&
           block->is_block && block->count > 1 &&
           value_names(block->words[block->count - 1], name);
}

const struct directive *value_map(const struct directive *level, struct text name)
{
    const struct directive *around = find_realm(level), *last = NULL;
    for (const struct directive *at = around != NULL ? around->first : NULL; at != NULL;
         at = at->next)
        if (makes(at, name))
            last = at;
    return last;
}

bool value_is_row(const struct directive *row)
{
    static const struct text settings[] = {TEXT("proxy"), TEXT("delete"), TEXT("include"),
                                           TEXT("hostnames"), TEXT("volatile")};
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        if (directive_is(row, settings[i]))
            return false;
    return row->count == 2;
}

struct text find_variable(const struct directive *level, struct text value)
{
    struct text name;
    if (!value_variable(value, &name))
        return value;
    const struct directive *set = value_set(level, name);
    if (set != NULL)
        return directive_value(set, 2);
    const struct directive *map = value_map(level, name);
    const struct directive *standard =
        map != NULL ? find_inside(map, TEXT("default")) : NULL;
    return standard != NULL ? directive_value(standard, 1) : value;
}

struct search {
    value_each_fn *each;
    void *context;
    unsigned depth, looks;
};

static bool each_within(struct search *search, const struct directive *level,
                        struct text value);

static bool follow(struct search *search, const struct directive *level,
                   struct text value)
{
    search->depth--;
    bool found = each_within(search, level, value);
    search->depth++;
    return found;
}

/* The lines that set it inside of one block. */
static bool each_set_in(struct search *search, const struct directive *block,
                        struct text name, bool *any)
{
    const struct directive *set = find_inside(block, TEXT("set"));
    for (; set != NULL && search->looks > 0; set = find_again(set)) {
        search->looks--;
        if (!value_names(directive_value(set, 1), name))
            continue;
        *any = true;
        if (follow(search, block, directive_value(set, 2)))
            return true;
    }
    return false;
}

static bool each_set(struct search *search, const struct directive *level,
                     struct text name, bool *any)
{
    for (; level != NULL; level = level->parent) {
        if (each_set_in(search, level, name, any))
            return true;
        const struct directive *condition = find_inside(level, TEXT("if"));
        for (; condition != NULL; condition = find_again(condition))
            if (each_set_in(search, condition, name, any))
                return true;
    }
    return false;
}

static bool each_row(struct search *search, const struct directive *map)
{
    if (find_inside(map, TEXT("default")) == NULL && follow(search, map, TEXT("")))
        return true;
    for (const struct directive *row = map->first; row != NULL; row = row->next) {
        if (search->looks == 0)
            return false;
        search->looks--;
        if (value_is_row(row) && follow(search, map, directive_value(row, 1)))
            return true;
    }
    return false;
}

static bool each_within(struct search *search, const struct directive *level,
                        struct text value)
{
    struct text name;
    bool any = false;
    if (search->depth == 0 || !value_variable(value, &name))
        return search->each(search->context, value);
    if (each_set(search, level, name, &any))
        return true;
    const struct directive *map = any ? NULL : value_map(level, name);
    if (map != NULL)
        return each_row(search, map);
    return !any && search->each(search->context, value);
}

bool value_each(const struct directive *level, struct text value, value_each_fn *each,
                void *context)
{
    struct search search = {each, context, DEPTH_MOST, LOOKS_MOST};
    return each_within(&search, level, value);
}
