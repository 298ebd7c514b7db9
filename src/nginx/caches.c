/* SPDX-License-Identifier: ISC */
/*
 * Rules about caches over polls. A poll is a question that is answered anew each time,
 * so a cache that answers one, or has others wait for its answer, is a fault, unless
 * polls pass it by.
 */
#include "rules.h"

static bool is_cached(const struct way *way, const struct directive **cache)
{
    *cache = find_setting_of(way->block, way->protocol, "cache");
    return *cache != NULL && !text_is(directive_value(*cache, 1), TEXT("off"));
}

/* Variables that nginx itself makes of a request; of any other we can't tell. */
static bool is_of_request(struct text value)
{
    static const struct text starts[] = {TEXT("$arg"), TEXT("$cookie_"), TEXT("$http_"),
                                         TEXT("$request_"), TEXT("$is_args")};
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
        if (value_contains(value, starts[i]))
            return true;
    return false;
}

static bool bypasses_polls(const struct way *way)
{
    const struct directive *bypass =
        find_setting_of(way->block, way->protocol, "cache_bypass");
    for (size_t i = 1; bypass != NULL && i < bypass->count; i++) {
        struct text value = bypass->words[i];
        if (value_contains(value, TEXT("$arg_index")) ||
            value_contains(value, TEXT("$http_prefer")) ||
            (value_contains(value, TEXT("$")) && !is_of_request(value)))
            return true;
    }
    return false;
}

void rule_cache(struct nginx_check *check, const struct way *way)
{
    const struct directive *cache;
    if (way->wait == 0 || !is_cached(way, &cache) || bypasses_polls(way))
        return;
    const char *protocol = say_text(check, way->protocol);
    fault_report(
        check,
        &(struct fault){.rule = "cache",
                        .at = cache,
                        .what = say(check, "%s_cache lies over polls", protocol),
                        .effect = "polls can be answered with an older state, their "
                                  "If-None-Match is lost, and clients that have gone are "
                                  "waited for",
                        .instead = say(check, "%s_cache off;", protocol)});
}

/* The lock does nothing without a cache, but what is written beside the pass itself is
 * meant for it. */
void rule_cache_lock(struct nginx_check *check, const struct way *way)
{
    const struct directive *cache;
    const struct directive *lock =
        find_setting_of(way->block, way->protocol, "cache_lock");
    if (way->wait == 0 || !value_is_on(lock))
        return;
    if (is_cached(way, &cache) ? bypasses_polls(way) : lock->parent != way->block)
        return;
    const char *protocol = say_text(check, way->protocol);
    fault_report(
        check,
        &(struct fault){
            .rule = "cache_lock",
            .at = lock,
            .what = say(check, "%s_cache_lock lies over polls", protocol),
            .effect =
                "one poll is let through, and those for the same wait for its answer "
                "before they are passed on",
            .instead = say(check, "%s_cache_lock off;", protocol)});
}
