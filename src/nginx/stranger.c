/* SPDX-License-Identifier: ISC */
/*
 * Variables are followed through `set`, `map` and `geo` to what the request itself says;
 * there a stranger's usual values are tried. What is not known is said to be unsure.
 */
#include "stranger.h"

#include "network.h"
#include "pattern.h"

#define DEPTH_MOST 5   /* variables that take their values from each other */
#define LOOKS_MOST 500 /* at lines and rows, for one question */

/* What a value has to be. */
struct wish {
    enum {
        WISH_IS,
        WISH_MATCHES,
        WISH_TRUE /* neither empty nor 0 */
    } kind;
    bool is_not, any_case;
    struct text with;
};

struct quest {
    struct wish wish;
    unsigned depth, looks;
};

static enum matched fulfils(const struct wish *wish, struct text value)
{
    char subject[256];
    enum matched matched;
    if (wish->kind == WISH_MATCHES) {
        if (value.len >= sizeof subject)
            return MATCH_UNKNOWN;
        memcpy(subject, value.at, value.len);
        subject[value.len] = '\0';
        matched = pattern_try(wish->with, wish->any_case, subject);
    } else if (wish->kind == WISH_IS) {
        matched = (wish->any_case ? text_is_like : text_is)(value, wish->with) ? MATCH_YES
                                                                               : MATCH_NO;
    } else {
        matched = value.len > 0 && !text_is(value, TEXT("0")) ? MATCH_YES : MATCH_NO;
    }
    if (matched == MATCH_UNKNOWN || !wish->is_not)
        return matched;
    return matched == MATCH_YES ? MATCH_NO : MATCH_YES;
}

/* --- what the request says --- */

enum source {
    SOURCE_UNKNOWN,
    SOURCE_PUBLIC, /* anybody makes it anything */
    SOURCE_METHOD,
    SOURCE_ADDRESS,
    SOURCE_SECRET,      /* anything, but for a secret */
    SOURCE_CERTIFICATE, /* empty to strangers */
    SOURCE_VERIFIED     /* "NONE" to strangers */
};

static bool starts_with_any(struct text name, const struct text *starts)
{
    for (; starts->len > 0; starts++)
        if (text_starts(name, *starts))
            return true;
    return false;
}

static enum source source_of(struct text name)
{
    static const struct text public[] = {TEXT("http_user_agent"),
                                         TEXT("http_referer"),
                                         TEXT("http_host"),
                                         TEXT("http_origin"),
                                         TEXT("http_accept"),
                                         TEXT("http_x_forwarded"),
                                         TEXT("http_x_real_ip"),
                                         TEXT("http_x_requested_with"),
                                         TEXT("http_content"),
                                         TEXT("http_upgrade"),
                                         TEXT("http_connection"),
                                         TEXT("http_via"),
                                         TEXT("http_range"),
                                         TEXT("http_if_"),
                                         TEXT("http_prefer"),
                                         TEXT("http_cf_"),
                                         TEXT("http_sec_"),
                                         TEXT("http2"),
                                         TEXT("host"),
                                         TEXT("uri"),
                                         TEXT("request_uri"),
                                         TEXT("document_uri"),
                                         TEXT("args"),
                                         TEXT("query_string"),
                                         TEXT("is_args"),
                                         TEXT("scheme"),
                                         TEXT("https"),
                                         TEXT("server_"),
                                         TEXT("remote_user"),
                                         TEXT("remote_port"),
                                         TEXT("content_"),
                                         TEXT("request_body"),
                                         TEXT("request_length"),
                                         TEXT("invalid_referer"),
                                         TEXT("document_root"),
                                         TEXT("realpath_root"),
                                         TEXT("request_filename"),
                                         TEXT("hostname"),
                                         TEXT("connection"),
                                         TEXT("time_"),
                                         TEXT("msec"),
                                         TEXT("pid"),
                                         TEXT("ssl_protocol"),
                                         TEXT("ssl_cipher"),
                                         TEXT("ssl_server_name"),
                                         TEXT("geoip"),
                                         TEXT("sent_http"),
                                         TEXT("")};
    static const struct text addresses[] = {
        TEXT("remote_addr"), TEXT("binary_remote_addr"), TEXT("realip_remote_addr"),
        TEXT("proxy_protocol_addr"), TEXT("")};
    static const struct text secrets[] = {TEXT("http_"), TEXT("cookie_"), TEXT("arg_"),
                                          TEXT("")};
    static const struct text certificates[] = {TEXT("ssl_client"), TEXT("secure_link"),
                                               TEXT("")};
    if (text_is(name, TEXT("request_method")))
        return SOURCE_METHOD;
    if (text_is(name, TEXT("ssl_client_verify")))
        return SOURCE_VERIFIED;
    if (starts_with_any(name, public) || (name.at[0] >= '0' && name.at[0] <= '9'))
        return SOURCE_PUBLIC;
    if (starts_with_any(name, addresses))
        return SOURCE_ADDRESS;
    if (starts_with_any(name, certificates))
        return SOURCE_CERTIFICATE;
    return starts_with_any(name, secrets) ? SOURCE_SECRET : SOURCE_UNKNOWN;
}

static const struct text methods[] = {TEXT("PUT"), TEXT("PATCH"), TEXT("POST"),
                                      TEXT("DELETE"), TEXT("")};

/* Whether one of the values, which the last, empty one ends, does. */
static enum who try_all(const struct wish *wish, const struct text *values,
                        enum who who_has, enum who otherwise)
{
    enum who who = otherwise;
    for (; values->len > 0; values++) {
        enum matched matched = fulfils(wish, *values);
        if (matched == MATCH_YES)
            return who_has;
        if (matched == MATCH_UNKNOWN)
            who = WHO_UNSURE;
    }
    return who;
}

static enum who try_address(const struct directive *level, const struct wish *wish)
{
    static const struct text strangers[] = {
        TEXT("8.8.8.8"),   TEXT("45.9.148.3"), TEXT("203.0.113.77"),
        TEXT("150.1.2.3"), TEXT("99.84.1.10"), TEXT("2a00:1450:4001::5"),
        TEXT("")};
    static const struct text own[] = {TEXT("127.0.0.1"), TEXT("::1"), TEXT("unix:"),
                                      TEXT("")};
    if (network_is_forged(level))
        return WHO_ANYBODY;
    enum who who = try_all(wish, strangers, WHO_ANYBODY, WHO_KNOWER);
    return who == WHO_KNOWER ? try_all(wish, own, WHO_MACHINE, WHO_KNOWER) : who;
}

static enum who try_secret(const struct wish *wish)
{
    static const struct text guesses[] = {
        TEXT("1"),          TEXT("publish"),
        TEXT("off"),        TEXT("true"),
        TEXT("admin"),      TEXT("a"),
        TEXT("test"),       TEXT("Bearer a"),
        TEXT("Basic YTph"), TEXT("0123456789abcdef0123456789abcdef"),
        TEXT("a.b-c_d/e="), TEXT("")};
    enum matched none = fulfils(wish, TEXT(""));
    if (none == MATCH_YES)
        return WHO_ANYBODY;
    return try_all(wish, guesses, WHO_ANYBODY,
                   none == MATCH_UNKNOWN ? WHO_UNSURE : WHO_KNOWER);
}

/* To a stranger it is always this. */
static enum who try_fixed(const struct wish *wish, struct text value)
{
    enum matched matched = fulfils(wish, value);
    return matched == MATCH_YES  ? WHO_ANYBODY
           : matched == MATCH_NO ? WHO_KNOWER
                                 : WHO_UNSURE;
}

/* The same for what is a constant to everybody. */
static enum who try_constant(const struct wish *wish, struct text value)
{
    enum who who = try_fixed(wish, value);
    return who == WHO_KNOWER ? WHO_NOBODY : who;
}

static enum who try_source(const struct directive *level, struct text name,
                           const struct wish *wish)
{
    switch (source_of(name)) {
    case SOURCE_PUBLIC:
        return WHO_ANYBODY;
    case SOURCE_METHOD:
        return try_all(wish, methods, WHO_ANYBODY, WHO_NOBODY);
    case SOURCE_ADDRESS:
        return try_address(level, wish);
    case SOURCE_SECRET:
        return try_secret(wish);
    case SOURCE_CERTIFICATE:
        return try_fixed(wish, TEXT(""));
    case SOURCE_VERIFIED:
        return try_fixed(wish, TEXT("NONE"));
    default:
        return WHO_UNSURE;
    }
}

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
        who = who_most(who, try_constant(&quest->wish, TEXT("")));
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
        if (source_of(name) != SOURCE_PUBLIC && source_of(name) != SOURCE_METHOD)
            who = inner.wish.kind == WISH_IS && source_of(name) != SOURCE_UNKNOWN
                      ? who_least(who, WHO_KNOWER)
                      : WHO_UNSURE;
    return who;
}

static enum who seek_network(const struct directive *geo, struct text key)
{
    struct network network;
    struct text from = geo->count > 2 ? directive_value(geo, 1) : TEXT("$remote_addr");
    text_skip(&from, from.len > 0);
    if (text_is(key, TEXT("default")) || source_of(from) != SOURCE_ADDRESS)
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
            fulfils(&wish, value) == MATCH_YES)
            return row;
    }
    return find_inside(map, TEXT("default"));
}

static enum who seek_method(struct quest *quest, const struct directive *map)
{
    enum who who = WHO_NOBODY;
    for (const struct text *method = methods; method->len > 0; method++) {
        const struct directive *row = row_for(map, *method);
        who = who_most(who, row != NULL ? seek(quest, map, directive_value(row, 1))
                                        : try_constant(&quest->wish, TEXT("")));
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
        who = try_constant(&quest->wish, TEXT(""));
    for (const struct directive *row = map->first; row != NULL; row = row->next) {
        if (quest->looks == 0)
            return WHO_UNSURE;
        quest->looks--;
        if (!value_is_row(row))
            continue;
        enum who value = seek(quest, map, directive_value(row, 1));
        if (value > WHO_NOBODY)
            who = who_most(who,
                           who_least(value, geo ? seek_network(map, row->words[0])
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
    return map != NULL ? seek_map(quest, map) : try_source(level, name, &quest->wish);
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
                                                : try_constant(&quest->wish, value);
    }
    quest->depth--;
    enum who who = seek_variable(quest, level, name);
    quest->depth++;
    return who;
}

enum who who_makes(const struct directive *level, struct text value, struct text wanted)
{
    struct quest quest = {.wish = {.kind = WISH_IS, .with = wanted},
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
    struct quest quest = {.depth = DEPTH_MOST, .looks = LOOKS_MOST};
    return seek_condition(&quest, condition, false);
}

enum who who_passes(const struct directive *condition)
{
    struct quest quest = {.depth = DEPTH_MOST, .looks = LOOKS_MOST};
    return seek_condition(&quest, condition, true);
}
