/* SPDX-License-Identifier: ISC */
/*
 * Variables are followed through `set`, `map` and `geo` to what the request itself says;
 * there a stranger's usual values are tried. What is not known is said to be unsure.
 */
#include "stranger.h"

#include "guess.h"
#include "location.h"
#include "network.h"

#define DEPTH_MOST 5   /* variables that take their values from each other */
#define LOOKS_MOST 500 /* at lines and rows, for one question */

struct quest {
    struct wish wish;
    const struct directive *place; /* that asks: a map is for all servers */
    unsigned depth, looks;
};

/* --- set --- */

static enum who seek(struct quest *quest, const struct directive *level,
                     struct text value);
static enum who seek_condition(struct quest *quest, const struct directive *condition,
                               bool past);

static enum who seek_in(struct quest *quest, const struct directive *block,
                        struct text name, bool *any)
{
    enum who who = WHO_NOBODY;
    const struct directive *set = find_inside(block, TEXT("set"));
    for (; set != NULL && quest->looks > 0; set = find_again(set)) {
        quest->looks--;
        if (!value_names(directive_value(set, 1), name))
            continue;
        *any = true;
        who = who_most(who, seek(quest, block, directive_value(set, 2)));
    }
    return who;
}

/* Whoever gets into an `if` has what is set there; without a line that always runs, the
 * variable may be empty. */
static enum who seek_set(struct quest *quest, const struct directive *level,
                         struct text name, bool *any)
{
    enum who who = WHO_NOBODY;
    bool always = false, sometimes = false;
    for (; level != NULL; level = level->parent) {
        who = who_most(who, seek_in(quest, level, name, &always));
        const struct directive *at = find_inside(level, TEXT("if"));
        for (; at != NULL && quest->looks > 0; at = find_again(at)) {
            bool here = false;
            enum who inside = seek_in(quest, at, name, &here);
            sometimes = sometimes || here;
            if (inside > WHO_NOBODY)
                who = who_most(who, who_least(inside, seek_condition(quest, at, false)));
        }
    }
    *any = always || sometimes;
    if (sometimes && !always)
        who = who_most(who, guess_constant(&quest->wish, TEXT("")));
    return who;
}

/* --- map, geo --- */

static struct wish wish_for_key(struct text key)
{
    struct wish wish = {.kind = WISH_IS, .any_case = true, .with = key};
    if (text_starts(key, TEXT("~"))) {
        wish.kind = WISH_MATCHES;
        text_skip(&wish.with, 1);
        wish.any_case = text_starts(wish.with, TEXT("*"));
        text_skip(&wish.with, wish.any_case);
    } else if (text_starts(key, TEXT("\\"))) {
        text_skip(&wish.with, 1);
    }
    return wish;
}

/* Who can make what the map looks at lead to this row. */
static enum who seek_key(struct quest *quest, const struct directive *map,
                         struct text key)
{
    struct text source = directive_value(map, 1), name, rest = source;
    struct quest inner = *quest;
    if (text_is(key, TEXT("default")))
        return WHO_ANYBODY;
    inner.wish = wish_for_key(key);
    if (value_variable(source, &name)) {
        enum who who = seek(&inner, map, source);
        quest->looks = inner.looks;
        return who;
    }
    enum who who = WHO_ANYBODY; /* several variables: one of them may be a secret */
    while (value_next_variable(&rest, &name))
        if (guess_source(name) != SOURCE_PUBLIC && guess_source(name) != SOURCE_METHOD)
            who = inner.wish.kind == WISH_IS && guess_source(name) != SOURCE_UNKNOWN
                      ? who_least(who, WHO_KNOWER)
                      : WHO_UNSURE;
    return who;
}

static enum who seek_network(const struct quest *quest, const struct directive *geo,
                             struct text key)
{
    struct network network;
    struct text from = geo->count > 2 ? directive_value(geo, 1) : TEXT("$remote_addr");
    text_skip(&from, from.len > 0);
    if (text_is(key, TEXT("default")) || guess_source(from) != SOURCE_ADDRESS)
        return WHO_ANYBODY;
    if (guess_is_forged(quest->place, from))
        return WHO_ANYBODY;
    if (!network_parse(key, &network))
        return WHO_UNSURE;
    return network_is_world(&network)      ? WHO_ANYBODY
           : network_is_loopback(&network) ? WHO_MACHINE
                                           : WHO_KNOWER;
}

/* The row for this value of what the map looks at. NULL: there is none, and no default.
 */
static const struct directive *row_for(const struct directive *map, struct text value)
{
    for (const struct directive *row = map->first; row != NULL; row = row->next) {
        struct wish wish = wish_for_key(row->words[0]);
        if (value_is_row(row) && !text_is(row->words[0], TEXT("default")) &&
            guess_fulfils(&wish, value) == MATCH_YES)
            return row;
    }
    return find_inside(map, TEXT("default"));
}

static enum who seek_method(struct quest *quest, const struct directive *map)
{
    enum who who = WHO_NOBODY;
    for (const struct text *method = guess_methods; method->len > 0; method++) {
        const struct directive *row = row_for(map, *method);
        who = who_most(who, row != NULL ? seek(quest, map, directive_value(row, 1))
                                        : guess_constant(&quest->wish, TEXT("")));
    }
    return who;
}

static enum who seek_map(struct quest *quest, const struct directive *map)
{
    bool geo = directive_is(map, TEXT("geo"));
    enum who who = WHO_NOBODY;
    if (!geo && text_is(directive_value(map, 1), TEXT("$request_method")))
        return seek_method(quest, map);
    if (find_inside(map, TEXT("default")) == NULL)
        who = guess_constant(&quest->wish, TEXT(""));
    for (const struct directive *row = map->first; row != NULL; row = row->next) {
        if (quest->looks == 0)
            return WHO_UNSURE;
        quest->looks--;
        if (!value_is_row(row))
            continue;
        enum who value = seek(quest, map, directive_value(row, 1));
        if (value > WHO_NOBODY)
            who = who_most(who,
                           who_least(value, geo ? seek_network(quest, map, row->words[0])
                                                : seek_key(quest, map, row->words[0])));
    }
    return who;
}

/* --- all of it --- */

static enum who seek_variable(struct quest *quest, const struct directive *level,
                              struct text name)
{
    bool any = false;
    enum who who = seek_set(quest, level, name, &any);
    if (any)
        return who;
    const struct directive *map = value_map(level, name);
    return map != NULL ? seek_map(quest, map)
                       : guess_variable(quest->place, name, &quest->wish);
}

/* WHO_NOBODY where a constant is something else. */
static enum who seek(struct quest *quest, const struct directive *level,
                     struct text value)
{
    struct text name;
    if (quest->depth == 0 || quest->looks == 0)
        return WHO_UNSURE;
    if (!value_variable(value, &name)) {
        return value_contains(value, TEXT("$")) ? WHO_UNSURE
                                                : guess_constant(&quest->wish, value);
    }
    quest->depth--;
    enum who who = seek_variable(quest, level, name);
    quest->depth++;
    return who;
}

enum who who_makes(const struct directive *level, struct text value, struct text wanted)
{
    struct quest quest = {.wish = {.kind = WISH_IS, .with = wanted},
                          .place = level,
                          .depth = DEPTH_MOST,
                          .looks = LOOKS_MOST};
    return seek(&quest, level, value);
}

/* --- conditions --- */

/* Its words, without the parentheses. Returns how many, at most three. */
static size_t words_of(const struct directive *condition, struct text words[3])
{
    size_t count = 0;
    for (size_t i = 1; i < condition->count && count < 3; i++) {
        struct text word = condition->words[i];
        if (i == 1 && text_starts(word, TEXT("(")))
            text_skip(&word, 1);
        if (i + 1 == condition->count && word.len > 0 && word.at[word.len - 1] == ')')
            word.len--;
        if (word.len > 0 || (i > 1 && i + 1 < condition->count))
            words[count++] = word;
    }
    return count;
}

static bool wish_of(struct text operator, struct text with, struct wish *wish)
{
    *wish = (struct wish){.with = with};
    if (text_starts(operator, TEXT("!"))) {
        wish->is_not = true;
        text_skip(&operator, 1);
    }
    wish->kind = text_starts(operator, TEXT("~")) ? WISH_MATCHES : WISH_IS;
    wish->any_case = text_is(operator, TEXT("~*"));
    return text_is(operator, TEXT("=")) || text_is(operator, TEXT("~")) || wish->any_case;
}

bool condition_meets(const struct directive *condition, struct text name,
                     struct text value)
{
    struct text words[3] = {TEXT(""), TEXT(""), TEXT("")}, compared;
    struct wish wish = {.kind = WISH_TRUE};
    size_t count = words_of(condition, words);
    return count > 0 && value_variable(words[0], &compared) && text_is(compared, name) &&
           (count == 1 || wish_of(words[1], words[2], &wish)) &&
           guess_fulfils(&wish, value) == MATCH_YES;
}

/* What the path has to be. */
static bool path_wish(const struct directive *condition, struct wish *wish)
{
    struct text words[3] = {TEXT(""), TEXT(""), TEXT("")}, name;
    return words_of(condition, words) == 3 && value_variable(words[0], &name) &&
           (text_is(name, TEXT("uri")) || text_is(name, TEXT("document_uri"))) &&
           wish_of(words[1], words[2], wish) && !wish->is_not;
}

bool condition_misses(const struct directive *condition, struct text path, bool any_case)
{
    struct wish wish;
    return path_wish(condition, &wish) && wish.kind == WISH_MATCHES &&
           location_regex_misses(wish.with, path, any_case || wish.any_case);
}

bool condition_is_path(const struct directive *condition, struct text *path)
{
    struct wish wish;
    if (!path_wish(condition, &wish) || wish.kind != WISH_IS ||
        value_contains(wish.with, TEXT("$")))
        return false;
    *path = wish.with;
    return true;
}

static enum who seek_condition(struct quest *quest, const struct directive *condition,
                               bool past)
{
    struct text words[3] = {TEXT(""), TEXT(""), TEXT("")};
    struct quest inner = *quest;
    size_t count = words_of(condition, words);
    if (count == 1)
        inner.wish = (struct wish){.kind = WISH_TRUE};
    else if (count < 2 || !text_starts(words[0], TEXT("$")))
        return WHO_ANYBODY; /* whether a file is there */
    else if (!wish_of(words[1], words[2], &inner.wish))
        return WHO_UNSURE;
    inner.wish.is_not = inner.wish.is_not != past;
    enum who who = seek(&inner, condition->parent, words[0]);
    quest->looks = inner.looks;
    return who;
}

enum who who_enters(const struct directive *condition)
{
    struct quest quest = {
        .place = condition->parent, .depth = DEPTH_MOST, .looks = LOOKS_MOST};
    return seek_condition(&quest, condition, false);
}

enum who who_passes(const struct directive *condition)
{
    struct quest quest = {
        .place = condition->parent, .depth = DEPTH_MOST, .looks = LOOKS_MOST};
    return seek_condition(&quest, condition, true);
}
