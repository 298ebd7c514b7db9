/* SPDX-License-Identifier: ISC */
/*
 * What a location for PHP has and one for fcgiwait must not have: it looks for files, or
 * makes a script's name out of the path.
 */
#include "rules.h"

/* The location that requests go to when no file was found leads to fcgiwait, too. */
static bool falls_back(const struct nginx_check *check, const struct way *way,
                       const struct directive *files)
{
    struct text last = directive_value(files, files->count - 1);
    for (const struct way *at = check->ways; at != NULL; at = at->next) {
        const struct directive *location = find_around(at->block, TEXT("location"));
        if (at->server != way->server || location == NULL)
            continue;
        if (text_starts(last, TEXT("@"))
                ? text_is(directive_value(location, 1), last)
                : location_serving(way->server, last) == location)
            return true;
    }
    return false;
}

/* It is for the location that it stands in alone. */
static const struct directive *looks_for_files(const struct nginx_check *check,
                                               const struct way *way)
{
    const struct directive *location = find_around(way->block, TEXT("location"));
    const struct directive *files =
        location != NULL ? find_inside(location, TEXT("try_files")) : NULL;
    return files != NULL && !falls_back(check, way, files) ? files : NULL;
}

/* It is put behind each path that ends in a slash, in $fastcgi_script_name alone. */
static const struct directive *adds_index(const struct way *way)
{
    const struct directive *index = find_setting(way->block, TEXT("fastcgi_index"));
    static const struct text script[] = {TEXT("fastcgi_script_name"), TEXT("")};
    struct text resource = find_param(way->block, TEXT("FCGIWAIT_RESOURCE"));
    struct text told =
        resource.len > 0 ? resource : find_param(way->block, TEXT("SCRIPT_NAME"));
    return index != NULL && value_depends_on_any(told, way->block, script) ? index : NULL;
}

/* What to write: for lines of the location's own, nothing; for a snippet, the other one.
 */
static const char *instead_of(struct nginx_check *check, const struct way *way,
                              const struct directive *habit)
{
    const char *slash = strrchr(habit->file, '/');
    if (habit->parent == way->block && strcmp(habit->file, way->block->file) != 0)
        return say(check, "include fastcgi_params; (instead of %s)",
                   slash != NULL ? slash + 1 : habit->file);
    if (habit->parent != find_around(way->block, TEXT("location")))
        return "(nothing here: move the line into the location for PHP)";
    return "(nothing: take the line away)";
}

void rule_php(struct nginx_check *check, const struct way *way)
{
    if (way_is_proxy(way) || way->wait == 0)
        return;
    const struct directive *files = looks_for_files(check, way);
    const struct directive *index = adds_index(way);
    const struct directive *habit = files != NULL ? files : index;
    if (habit == NULL)
        return;
    fault_report(
        check,
        &(struct fault){
            .rule = "php",
            .at = habit,
            .what = say(check, "%s has %s, as locations for PHP have",
                        say_location(check, way->block),
                        files == NULL   ? "fastcgi_index"
                        : index == NULL ? "try_files"
                                        : "try_files and fastcgi_index"),
            .effect = files != NULL
                          ? "nginx looks for a file of the document's name: clients get "
                            "404, or what another location makes of it"
                          : "a path that ends in a slash is another document to fcgiwait",
            .instead = instead_of(check, way, habit)});
}
