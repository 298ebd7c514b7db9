/* SPDX-License-Identifier: ISC */
/*
 * Pages on other hosts (CORS): that they may read what nginx lets them have, the index
 * included, whatever the status.
 */
#include "rules.h"

#define ORIGIN TEXT("Access-Control-Allow-Origin")
#define EXPOSE TEXT("Access-Control-Expose-Headers")

#define LIST_MOST 800 /* bytes of a list that is proposed again */

static bool exposes(void *context, struct text value)
{
    (void)context;
    return text_lists(value, TEXT("X-Polling-Index")) ||
           value_contains(value, TEXT("$")) || text_is(value, TEXT("*"));
}

/* One of several, which browsers take together. NULL: none. */
static const struct directive *exposing(const struct directive *block)
{
    const struct directive *header = find_header(block, EXPOSE);
    while (header != NULL &&
           !(text_is_like(directive_value(header, 1), EXPOSE) &&
             value_each(block, directive_value(header, 2), exposes, NULL)))
        header = find_again(header);
    return header;
}

/* What is exposed already stays. */
static const char *say_exposed(struct nginx_check *check, const struct directive *header)
{
    static const struct text ours[] = {TEXT("X-Polling-Index"), TEXT("ETag"),
                                       TEXT("Preference-Applied"), TEXT("Retry-After")};
    struct text there = header != NULL ? directive_value(header, 2) : TEXT("");
    if (there.len > LIST_MOST)
        return "(X-Polling-Index, ETag, Preference-Applied and Retry-After in it, too)";
    const char *list = say_text(check, there);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
        if (!text_lists(there, ours[i]))
            list = say(check, "%s%s%s", list, list[0] != '\0' ? ", " : "", ours[i].at);
    return say(check, "add_header Access-Control-Expose-Headers \"%s\" always;", list);
}

static void check_exposed(struct nginx_check *check, const struct directive *block,
                          const struct directive *origin)
{
    if (exposing(block) != NULL)
        return;
    const struct directive *header = find_header(block, EXPOSE);
    fault_report(
        check,
        &(struct fault){
            .rule = "cors_index",
            .at = header != NULL ? header : origin,
            .what = "pages on other hosts may read the answers, but not X-Polling-Index",
            .effect =
                "such a page gets documents without their index, and can't wait for "
                "the next ones",
            .instead = say_exposed(check, header)});
}

/* Without "always" nginx adds a header to good answers alone. */
static void check_always(struct nginx_check *check, const struct directive *header)
{
    if (header == NULL || text_is(directive_value(header, 3), TEXT("always")))
        return;
    struct text name = directive_value(header, 1), value = directive_value(header, 2);
    fault_report(check,
                 &(struct fault){
                     .rule = "cors_always",
                     .at = header,
                     .what = say(check,
                                 "add_header %.*s without \"always\" is for good answers "
                                 "alone",
                                 (int)name.len, name.at),
                     .effect =
                         "a 404 is kept from a page on another host: it can't wait for a "
                         "document to appear",
                     .instead = say(check, "add_header %.*s %s always;", (int)name.len,
                                    name.at, say_word(check, value))});
}

static void check_block(struct nginx_check *check, const struct directive *block,
                        bool exposed_behind)
{
    const struct directive *origin = find_header(block, ORIGIN);
    if (origin == NULL)
        return;
    if (!exposed_behind)
        check_exposed(check, block, origin);
    check_always(check, origin);
    check_always(check, exposing(block));
}

void cors_check(struct nginx_check *check, const struct directive *block)
{
    check_block(check, block, false);
}

static bool returns(const struct directive *block)
{
    return find_inside(block, TEXT("return")) != NULL;
}

static bool any_exposes(const struct nginx_check *check)
{
    for (const struct way *at = check->ways; at != NULL; at = at->next)
        if (exposing(at->block) != NULL)
            return true;
    return false;
}

void rule_cors(struct nginx_check *check, const struct way *way)
{
    if (way->wait == 0 || way->publish != NULL)
        return;
    bool behind = way_is_proxy(way) && any_exposes(check);
    check_block(check, way->block, behind);
    const struct directive *at = find_inside(way->block, TEXT("if"));
    for (; at != NULL; at = find_again(at))
        if (find_inside(at, TEXT("add_header")) != NULL && is_for_polls(at) &&
            !returns(at))
            check_block(check, at, behind);
}
