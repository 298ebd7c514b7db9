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

const struct directive *find_realm(const struct directive *at)
{
    const struct directive *http = find_around(at, TEXT("http"));
    return http != NULL ? http : find_around(at, TEXT("stream"));
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
    const struct directive *around = find_realm(level);
    const struct directive *upstream =
        around != NULL ? find_inside(around, TEXT("upstream")) : NULL;
    while (upstream != NULL && !text_is_like(directive_value(upstream, 1), name))
        upstream = find_again(upstream);
    return upstream;
}

const struct directive *find_header(const struct directive *level, struct text name)
{
    const struct directive *header = find_setting(level, TEXT("add_header"));
    while (header != NULL && (!text_is_like(directive_value(header, 1), name) ||
                              directive_value(header, 2).len == 0))
        header = find_again(header);
    return header;
}

static bool is_page_for(const struct directive *page, struct text status)
{
    for (size_t i = 1; i + 1 < page->count; i++)
        if (text_is(page->words[i], status))
            return true;
    return false;
}

const struct directive *find_page(const struct directive *level, struct text status)
{
    const struct directive *page = find_setting(level, TEXT("error_page"));
    while (page != NULL && !is_page_for(page, status))
        page = find_again(page);
    return page;
}

const struct directive *find_param_line(const struct directive *level, struct text name)
{
    const struct directive *param = find_setting(level, TEXT("fastcgi_param"));
    while (param != NULL && !text_is(directive_value(param, 1), name))
        param = find_again(param);
    return param;
}

struct text find_param(const struct directive *level, struct text name)
{
    const struct directive *param = find_param_line(level, name);
    return param != NULL ? directive_value(param, 2) : TEXT("");
}
