/* SPDX-License-Identifier: ISC */
/*
 * FCGIWAIT_RESOURCE: without it a document has the path under which it is published, and
 * no other location reads that. The line that is proposed leaves the location as it
 * stands: a regular expression in its place would lose paths to `^~` and to those before
 * it, and nginx takes no prefix location inside of one.
 */
#include "guard.h"
#include "rules.h"

/* Whether what is published at `at` is read through another way: the paths of one begin
 * with those of the other, and nginx does not give them to the publish location. */
static bool is_read_by(const struct way *way, const struct way *reader)
{
    struct text published = location_of(way->block).path;
    struct text read = location_of(reader->block).path;
    if (params_tell(reader->block, TEXT("FCGIWAIT_RESOURCE")) ||
        location_entrance(reader->block) == location_entrance(way->block))
        return true;
    if (reader->server == way->server)
        return text_starts(read, published);
    return text_starts(published, read) || text_starts(read, published);
}

/* Everybody may read there, and only methods that publish are kept out. */
static bool is_read_itself(const struct way *way)
{
    const struct directive *location = find_around(way->block, TEXT("location"));
    return location != NULL && find_inside(location, TEXT("limit_except")) != NULL;
}

static bool is_reader(const struct way *way)
{
    return way->wait > 0 && !way_is_proxy(way) && way->publish == NULL;
}

static bool has_rewrite(const struct directive *block)
{
    const struct directive *at = find_inside(block, TEXT("rewrite"));
    while (at != NULL && location_is_redirect(at))
        at = find_again(at);
    return at != NULL;
}

/* Whether a `rewrite` may make the path another one than the location's. */
static bool is_rewritten(const struct way *way)
{
    const struct directive *location = find_around(way->block, TEXT("location"));
    const struct directive *at =
        location != NULL ? find_inside(location, TEXT("if")) : NULL;
    bool any = location != NULL && has_rewrite(location);
    for (; at != NULL && !any; at = find_again(at))
        any = has_rewrite(at);
    return any;
}

/* --- what is proposed --- */

/* The location that the grant is for: locations inside of it inherit it. */
static const struct directive *granting(const struct way *way)
{
    const struct directive *location = find_around(way->publish, TEXT("location"));
    return location != NULL ? location : find_around(way->block, TEXT("location"));
}

static bool is_below(struct text path, struct text folder)
{
    return location_is_under(path, folder) && path.len > folder.len;
}

/* The location that tells what its paths begin with. NULL: nobody comes there. */
static const struct directive *telling(const struct directive *block)
{
    const struct directive *at = location_entrance(block);
    while (at != NULL && location_of(at).path.len <= 1 &&
           directive_is(at->parent, TEXT("location")))
        at = at->parent;
    return at;
}

/* The longest path of a reader that this one begins with: readers wait below it. False:
 * there is a regular expression that does not tell where. */
static bool read_above(const struct nginx_check *check, const struct way *way,
                       struct text path, struct text *longest)
{
    bool told = true;
    *longest = TEXT("");
    for (const struct way *at = check->ways; at != NULL; at = at->next) {
        if (at->server != way->server || at->wait == 0 || way_is_proxy(at) ||
            !(params_let_read(at) || is_read_itself(at)))
            continue;
        const struct directive *location = telling(at->block);
        if (location == NULL)
            continue;
        struct location is = location_of(location);
        struct text read = {path.at, location_folder(is.path).len};
        bool above = is.kind == LOCATION_PREFIX && text_starts(path, is.path);
        if (is.kind == LOCATION_REGEX && location_begins(location, path)) {
            above = read.len > 0 && is_below(path, read);
            told = told && above;
        }
        if (above && read.len > longest->len)
            *longest = read;
    }
    return told;
}

/* The shortest path below there of what publishes, and this one lies in: one for large
 * documents has the names of the one around it. */
static struct text published_above(const struct nginx_check *check, const struct way *way,
                                   struct text path, struct text above)
{
    struct text shortest = location_folder(path);
    for (const struct way *at = check->ways; at != NULL; at = at->next) {
        if (at->publish == NULL || at->server != way->server || way_is_proxy(at))
            continue;
        struct location is = location_of(granting(at));
        struct text folder = location_folder(is.path);
        if (is.kind == LOCATION_PREFIX && is_below(path, folder) &&
            folder.len > above.len && folder.len < shortest.len)
            shortest = folder;
    }
    return shortest;
}

/* Whether it means itself in a regular expression, and needs no quotes. */
static bool is_plain(struct text path)
{
    static const char special[] = ".^$*+?()[]{}|\\ \t\r\n\"';";
    size_t i = 0;
    while (i < path.len && memchr(special, path.at[i], sizeof special - 1) == NULL)
        i++;
    return i > 1 && i == path.len && path.at[0] == '/';
}

#define BY_HAND                                                                          \
    "fastcgi_param FCGIWAIT_RESOURCE /PATH; (the one that clients read; it may be a "    \
    "capture of the location's regular expression)"

/* nginx refuses a variable that nothing makes, and runs an `if` of a location for those
 * inside of it no more than for others. */
static const char *instead_of(struct nginx_check *check, const struct way *way)
{
    const struct directive *location = granting(way);
    struct location is = location_of(location);
    struct text above;
    bool told = read_above(check, way, is.path, &above);
    struct text path = published_above(check, way, is.path, above);
    if (is.kind == LOCATION_REGEX &&
        value_contains(directive_value(location, 2), TEXT("<resource>")))
        return "fastcgi_param FCGIWAIT_RESOURCE $resource; (the path that clients read, "
               "a capture of the location's regular expression)";
    if (is.kind != LOCATION_PREFIX || !is_plain(location_folder(is.path)) ||
        (!told && memrchr(path.at, '/', path.len) != path.at) ||
        value_map(location, TEXT("resource")) != NULL)
        return BY_HAND;
    return say(check,
               "fastcgi_param FCGIWAIT_RESOURCE %.*s$resource; (the path that clients "
               "read) and in %s%s: if ($uri !~ ^%.*s(?<resource>/.+)$) { return 404; }",
               (int)above.len, above.at, say_location(check, location),
               find_inside(location, TEXT("location")) != NULL
                   ? " and each location inside"
                   : "",
               (int)path.len, path.at);
}

/* What is published under a path of its own: nobody who waits hears of it. */
void rule_lost_resource(struct nginx_check *check, const struct way *way)
{
    bool any = false;
    if (way_is_proxy(way) || way->publish == NULL || params_let_read(way) ||
        params_tell(way->block, TEXT("FCGIWAIT_RESOURCE")) ||
        params_tell(way->block, TEXT("FCGIWAIT_ORIGIN_STATUS")) ||
        params_misspelt(way->block) || is_rewritten(way) ||
        !params_hold_path(find_param(way->block, TEXT("SCRIPT_NAME")), way->block))
        return;
    for (const struct way *at = check->ways; at != NULL; at = at->next) {
        if (is_reader(at) && is_read_by(way, at))
            return;
        any = any || is_reader(at);
    }
    if (!any || guard_is_internal(way->block) || is_read_itself(way))
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "lost_resource",
            .at = way->publish,
            .once = granting(way),
            .what = say(check,
                        "%s publishes what no location reads: without FCGIWAIT_RESOURCE "
                        "the documents have its own path",
                        say_location(check, way->block)),
            .effect = "nobody who waits hears of a publish",
            .instead = instead_of(check, way)});
}
