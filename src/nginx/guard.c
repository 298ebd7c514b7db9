/* SPDX-License-Identifier: ISC */
/*
 * Who is let in, by address, password or condition. A guard is what a stranger does not
 * get past; what nobody can tell is not taken for one.
 */
#include "guard.h"

#include "access.h"
#include "address.h"
#include "location.h"
#include "passage.h"

/* --- conditions --- */

/* What runs in the server or location for whoever comes to the block. */
static enum who who_gets_through(const struct directive *around,
                                 const struct directive *block)
{
    struct passage passage = passage_begin(WHO_ANYBODY, block);
    const struct directive *at = around->first;
    for (; at != NULL && passage_who(&passage) > WHO_KNOWER; at = at->next)
        passage_go(&passage, at);
    return passage_who(&passage);
}

/* Past every `if` of the server and of the location that turns somebody away, and into
 * the one that the pass stands in. Locations around the location don't count. */
static enum who who_gets_past(const struct directive *block)
{
    const struct directive *location = find_around(block, TEXT("location"));
    const struct directive *server = find_around(block, TEXT("server"));
    enum who who = directive_is(block, TEXT("if")) ? who_enters(block) : WHO_ANYBODY;
    if (location != NULL)
        who = who_least(who, who_gets_through(location, block));
    return server != NULL ? who_least(who, who_gets_through(server, block)) : who;
}

/* --- named and internal locations --- */

#define CHAIN_MOST 8      /* of locations that lead to each other */
#define LINES_MOST 5000   /* for one question */
#define VARIABLE_COST 100 /* lines that following one counts as */
#define PATTERN_COST 100  /* and trying a regular expression */

/* A location that no client names: whoever comes there is sent by another one. */
struct inner {
    const struct directive *location, *server;
    const struct inner *next; /* that it leads to; NULL: the first that was asked for */
    unsigned depth;
    unsigned *lines; /* that may still be looked at */
};

static enum who who_is_sent(const struct inner *inner);

static bool is_its_name(void *context, struct text value)
{
    const struct inner *inner = context;
    struct location is = location_of(inner->location);
    return is.kind == LOCATION_NAMED && text_is(value, is.path);
}

static void look(const struct inner *inner, unsigned cost)
{
    *inner->lines -= *inner->lines < cost ? *inner->lines : cost;
}

static bool may_match(const struct inner *inner, struct text path)
{
    look(inner, PATTERN_COST);
    return location_may_match(inner->location, path);
}

/* As far as it stands there: up to the first variable. */
static bool is_its_path(void *context, struct text value)
{
    const struct inner *inner = context;
    struct location is = location_of(inner->location);
    struct text path = TEXT("");
    text_cut(&value, '?', &path);
    struct text start = value_start(path);
    if (is.kind == LOCATION_NAMED || !text_starts(start, is.path))
        return false;
    if (is.kind == LOCATION_REGEX)
        return start.len < path.len || may_match(inner, path);
    return location_serving(inner->server, start) == inner->location;
}

static bool is_it(void *context, struct text value)
{
    return is_its_name(context, value) || is_its_path(context, value);
}

static bool leads(const struct inner *inner, const struct directive *line,
                  value_each_fn *is)
{
    struct text value = directive_value(line, line->count - 1), name;
    look(inner, value_variable(value, &name) ? VARIABLE_COST : 1);
    return value_each(line, value, is, (void *)inner);
}

/* By an error_page with its name: a path there makes a GET of each request. */
static bool page_leads(const struct inner *inner, const struct directive *page)
{
    return page->count > 2 && leads(inner, page, is_its_name);
}

static bool status_leads(const struct inner *inner, const struct directive *back)
{
    const struct directive *page = find_page(back->parent, directive_value(back, 1));
    return back->count == 2 && page != NULL && page_leads(inner, page);
}

/* Whether the client can have the variables make the value this path: what stands between
 * them stands in it, in that order. */
static bool may_become(struct text made, struct text path)
{
    struct text start = value_start(made), name;
    if (!text_starts(path, start))
        return false;
    text_skip(&path, start.len);
    while (value_next_variable(&made, &name)) {
        text_skip(&made, text_starts(made, TEXT("}")));
        struct text part = value_start(made);
        const char *at =
            part.len == 0 ? path.at : memmem(path.at, path.len, part.at, part.len);
        if (part.len == made.len) /* the last one */
            return part.len <= path.len &&
                   text_is((struct text){path.at + path.len - part.len, part.len}, part);
        if (at == NULL)
            return false;
        text_skip(&path, (size_t)(at - path.at) + part.len);
    }
    return path.len == 0;
}

/* Who of those that come to it is sent on. Where a variable follows, what the client
 * writes goes on to its path. */
static enum who who_is_rewritten(const struct inner *inner,
                                 const struct directive *rewrite)
{
    struct text value = directive_value(rewrite, 2), made = TEXT(""), start;
    bool stays = text_is(directive_value(rewrite, 3), TEXT("break")) &&
                 find_around(rewrite, TEXT("location")) != NULL;
    struct location is = location_of(inner->location);
    if (stays || location_is_redirect(rewrite) || is.kind == LOCATION_NAMED)
        return WHO_NOBODY;
    text_cut(&value, '?', &made);
    bool varies = value_start(made).len < made.len, leads;
    bool by_group = location_starts_with_group(rewrite, made, &start);
    if (!by_group)
        start = value_start(made);
    if (varies && is.kind == LOCATION_EXACT && !may_become(made, is.path))
        return WHO_NOBODY;
    if (by_group && start.len == 0)
        return WHO_UNSURE;
    if (!varies || !by_group || is.kind != LOCATION_REGEX)
        leads = is_its_path((void *)inner, by_group ? start : made);
    else
        leads = text_starts(start, is.path);
    leads = leads || (varies && text_starts(is.path, start));
    return leads ? WHO_ANYBODY : WHO_NOBODY;
}

/* Whether nginx answers so by itself; others come from `return` alone. */
static bool is_of_nginx(const struct directive *page)
{
    static const struct text own =
        TEXT("400 401 403 404 405 408 411 412 413 414 415 416 421 429 494 495 496 497 "
             "499 500 501 502 503 504 505 507");
    for (size_t i = 1; i + 1 < page->count; i++)
        if (value_contains(own, page->words[i]))
            return true;
    return false;
}

/* Of those who come through the lines of the block, who is sent on when it answers. Whom
 * it keeps out is sent on as well, where the error_page has that status. */
static enum who who_is_answered(const struct inner *inner, const struct directive *block,
                                enum who who)
{
    enum who sent = WHO_NOBODY;
    const struct directive *files = find_inside(block, TEXT("try_files"));
    const struct directive *page = find_setting(block, TEXT("error_page"));
    if (files != NULL && leads(inner, files, is_it))
        sent = who_least(who, access_who(block));
    for (; page != NULL; page = find_again(page)) {
        bool refused = values_have(page, TEXT("401")) || values_have(page, TEXT("403"));
        if (is_of_nginx(page) && page_leads(inner, page))
            sent = who_most(sent, refused ? who : who_least(who, access_who(block)));
    }
    return sent;
}

/* Of those who come to the block, who is sent on by its lines, in their order. */
static enum who who_is_led(const struct inner *inner, const struct directive *block,
                           enum who who)
{
    enum who sent = WHO_NOBODY;
    struct passage passage = passage_begin(who, NULL);
    const struct directive *at = block->first;
    for (; at != NULL && passage.on > WHO_NOBODY; at = at->next) {
        if (*inner->lines == 0)
            return WHO_UNSURE;
        --*inner->lines;
        if (directive_is(at, TEXT("if"))) {
            enum who inside = who_is_led(inner, at, WHO_ANYBODY);
            if (inside > WHO_NOBODY)
                sent = who_most(sent,
                                who_least(who_least(passage.on, inside), who_enters(at)));
        } else if (directive_is(at, TEXT("rewrite"))) {
            sent = who_most(sent, who_least(passage.on, who_is_rewritten(inner, at)));
        } else if (directive_is(at, TEXT("return")) && status_leads(inner, at)) {
            sent = who_most(sent, passage.on);
        }
        passage_go(&passage, at);
    }
    return find_around(block, TEXT("location")) != NULL
               ? who_most(sent, who_is_answered(inner, block, passage_who(&passage)))
               : sent;
}

/* Clients come to a location that is not internal by themselves. */
static enum who who_comes(const struct inner *inner, const struct directive *location)
{
    const struct inner here = {location, inner->server, inner, inner->depth + 1,
                               inner->lines};
    if (!guard_is_internal(location))
        return WHO_ANYBODY;
    for (const struct inner *at = inner; at != NULL; at = at->next)
        if (at->location == location)
            return WHO_NOBODY; /* in a circle */
    return here.depth < CHAIN_MOST ? who_is_sent(&here) : WHO_UNSURE;
}

/* What merely tells of a request (post_action, mirror, auth_request) sends nobody. */
static enum who who_is_sent(const struct inner *inner)
{
    const struct directive *at = NULL;
    enum who who = who_is_led(inner, inner->server, WHO_ANYBODY);
    while (who < WHO_ANYBODY && (at = location_next(inner->server, at)) != NULL) {
        if (*inner->lines == 0)
            return WHO_UNSURE; /* or each of many asks for all others again */
        enum who sent =
            at != inner->location ? who_is_led(inner, at, WHO_ANYBODY) : WHO_NOBODY;
        if (sent > WHO_NOBODY)
            who = who_most(who, who_least(sent, who_comes(inner, at)));
    }
    return who;
}

static enum who who_gets_inside(const struct directive *block)
{
    unsigned lines = LINES_MOST;
    const struct inner inner = {find_around(block, TEXT("location")),
                                find_around(block, TEXT("server")), NULL, 0, &lines};
    return inner.location != NULL && inner.server != NULL ? who_is_sent(&inner)
                                                          : WHO_NOBODY;
}

/* --- all of it --- */

bool guard_is_internal(const struct directive *block)
{
    return find_setting(block, TEXT("internal")) != NULL ||
           location_of(block).kind == LOCATION_NAMED;
}

static bool is_remote(void *context, const struct address *address)
{
    (void)context;
    return !address_is_local(address);
}

static bool is_inet(void *context, const struct address *address)
{
    (void)context;
    return !address->is_unix;
}

static enum guard guard_of_listen(const struct directive *server)
{
    if (server == NULL || listen_each(server, is_remote, NULL))
        return GUARD_NONE;
    return listen_each(server, is_inet, NULL) ? GUARD_LISTEN : GUARD_MACHINE;
}

static enum guard stronger(enum guard a, enum guard b)
{
    return a > b ? a : b;
}

static enum guard guard_against(enum who who)
{
    switch (who) {
    case WHO_ANYBODY:
        return GUARD_NONE;
    case WHO_UNSURE:
        return GUARD_UNSURE;
    case WHO_MACHINE:
        return GUARD_MACHINE;
    default:
        return GUARD_CLOSED;
    }
}

enum guard guard_at(const struct directive *block)
{
    enum who who = access_who(block);
    if (who > WHO_KNOWER)
        who = who_least(who, who_gets_past(block));
    if (who > WHO_KNOWER && guard_is_internal(block))
        who = who_least(who, who_gets_inside(block));
    return stronger(guard_against(who),
                    guard_of_listen(find_around(block, TEXT("server"))));
}

enum guard guard_of_grant(const struct directive *block, const struct directive *access)
{
    return guard_against(who_makes(block, directive_value(access, 2), TEXT("publish")));
}
