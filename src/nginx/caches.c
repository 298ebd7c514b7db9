/* SPDX-License-Identifier: ISC */
/*
 * Rules about caches over polls. A poll is a question that is answered anew each time,
 * so a cache that answers one, or has others wait for its answer, is a fault, unless
 * it is off for polls.
 */
#include "rules.h"

static bool is_off(void *context, struct text value)
{
    (void)context;
    return value.len == 0 || text_is(value, TEXT("off"));
}

/* A variable that can turn it off is there to do so for polls. */
static bool may_be_off(const struct way *way, const struct directive *cache)
{
    return value_each(way->block, directive_value(cache, 1), is_off, NULL);
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

static bool spares_polls(const struct directive *bypass)
{
    for (size_t i = 1; i < bypass->count; i++) {
        struct text value = bypass->words[i];
        if (value_contains(value, TEXT("$arg_index")) ||
            value_contains(value, TEXT("$http_prefer")) ||
            (value_contains(value, TEXT("$")) && !is_of_request(value)))
            return true;
    }
    return false;
}

static bool bypasses_polls(const struct way *way)
{
    const struct directive *bypass =
        find_setting_of(way->block, way->protocol, "cache_bypass");
    while (bypass != NULL && !spares_polls(bypass))
        bypass = find_again(bypass);
    return bypass != NULL;
}

/* nginx decides that an answer is for the cache before it looks at what bypasses it: such
 * a poll is as good as cached but for its answer. */
void rule_cache(struct nginx_check *check, const struct way *way)
{
    const struct directive *cache = find_setting_of(way->block, way->protocol, "cache");
    if (way->wait == 0 || cache == NULL || may_be_off(way, cache))
        return;
    const char *protocol = say_text(check, way->protocol);
    bool bypassed = bypasses_polls(way);
    fault_report(
        check,
        &(struct fault){
            .rule = "cache",
            .at = cache,
            .what = bypassed
                        ? say(check,
                              "%s_cache lies over polls: %s_cache_bypass spares them "
                              "its answers alone",
                              protocol, protocol)
                        : say(check, "%s_cache lies over polls", protocol),
            .effect = bypassed
                          ? "their If-None-Match is lost, so that they are answered at "
                            "once, and clients that have gone keep their places until "
                            "their waits end"
                          : "polls can be answered with an older state, their "
                            "If-None-Match is lost, and clients that have gone are "
                            "waited for",
            .instead = say(check, "%s_cache off;", protocol)});
}

/* The lock does nothing without a cache, but what is written beside the pass itself is
 * meant for it. */
static bool is_locked(const struct way *way, const struct directive *lock)
{
    const struct directive *cache = find_setting_of(way->block, way->protocol, "cache");
    if (cache == NULL || text_is(directive_value(cache, 1), TEXT("off")))
        return lock->parent == way->block;
    return !may_be_off(way, cache) && !bypasses_polls(way);
}

void rule_cache_lock(struct nginx_check *check, const struct way *way)
{
    const struct directive *lock =
        find_setting_of(way->block, way->protocol, "cache_lock");
    if (way->wait == 0 || !value_is_on(lock) || !is_locked(way, lock))
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
