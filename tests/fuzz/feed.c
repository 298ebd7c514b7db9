/* SPDX-License-Identifier: ISC */
/*
 * feed: whatever a client asks for below a path, it is told of what is below it and of
 * nothing else, as JSON, at an index that was given or is a bookmark. An input is one
 * byte of how, and lines: query, entity tags, body.
 */
#include "fuzz.h"

#include "fcgiwait/json.h"
#include "fcgiwait/tree.h"
#include "service/bookmark.h"
#include "service/feed.h"

#define HOW_ORIGIN 1
#define HOW_SLASH 2
#define HOW_MINIMAL 4
#define HOW_QUERY 8
#define HOW_FORGOTTEN 16

#define NEWEST 20
/* No name is told like this: there each backslash is two. */
#define SECRET "kept\\u0001from you"

static const struct service_rules rules = {.limit_path = 1024,
                                           .limit_changes = 3,
                                           .limit_answer = 1024,
                                           .limit_body = 4096,
                                           .wait_max = NANOS_PER_SECOND,
                                           .cache_control = ""};

static void put(struct tree *tree, const char *path, uint64_t index, const char *body)
{
    struct change change = {body != NULL ? CHANGE_PUT : CHANGE_TOUCH, index, 1,
                            text_of(path), NULL};
    if (body != NULL) {
        change.document = document_new(TEXT("application/json"), text_of(body));
        if (change.document == NULL)
            exit(1);
    }
    if (!tree_apply(tree, &change))
        exit(1);
    document_unref(&change.document);
}

static struct tree *plant(bool forgotten)
{
    struct tree *tree = tree_new(1);
    if (tree == NULL)
        exit(1);
    put(tree, "/l/a", 2, "1");
    put(tree, "/l/b/c", 3, "[\"x\"]");
    put(tree, "/l/d", 4, "{}");
    put(tree, "/l/e", 5, "no JSON");
    put(tree, "/secret", 6, "\"" SECRET "\"");
    put(tree, "/lx", 7, "\"" SECRET "\"");
    put(tree, "/l/touched", 8, NULL);
    put(tree, "/l", 9, "\"" SECRET "\"");
    if (forgotten)
        tree_apply(tree, &(struct change){CHANGE_FORGET, 10, 1, TEXT("/"), NULL});
    put(tree, "/l/f", NEWEST, "7");
    return tree;
}

static void check_told(const struct feed *feed, const struct feed_page *page,
                       const struct tree_span *span)
{
    struct json_error error;
    struct text text = chunk_text(page->chunk);
    holds(json_check(text, &error));
    holds(page->index <= span->newest || bookmark_can_be(page->index));
    holds(memmem(text.at, text.len, ":\"/secret", 9) == NULL);
    holds(memmem(text.at, text.len, ":\"/lx", 5) == NULL);
    if (feed->below_alone || feed->named || feed->minimal || feed->behind_origin)
        holds(memmem(text.at, text.len, SECRET, strlen(SECRET)) == NULL);
}

static void read_below(struct tree *tree, const struct operation *operation)
{
    struct names names = {.count = 0};
    struct present present;
    struct tree_span span;
    struct feed_page page;
    bool queries = operation->method == METHOD_QUERY;
    bool named = queries || operation->only.at != NULL;
    if (named && (queries ? names_parse_json(operation->body, 8, &names)
                          : names_parse(operation->only, 8, &names)) != NAMES_READ)
        return;
    struct feed *feed = feed_new(operation, named ? &names : NULL);
    if (feed == NULL)
        exit(1);
    feed_look(feed, tree, &present);
    tree_span(tree, &span);
    feed_set_from(feed, tree, operation, &span, &present, false);
    holds(!feed->has_from || feed->from <= span.newest);
    holds(feed_tell(feed, tree, FEED_WHOLE, &page));
    if (page.chunk == NULL)
        exit(1);
    check_told(feed, &page, &span);
    chunk_unref(&page.chunk);
    free(feed);
    if (named)
        names_dispose(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text rest = {(const char *)data, size};
    struct operation operation;
    uint8_t how = fuzz_byte(&rest);
    struct cgi cgi = {.method = how & HOW_QUERY ? TEXT("QUERY") : TEXT("GET"),
                      .script_name = how & HOW_SLASH ? TEXT("/l/") : TEXT("/l"),
                      .origin = how & HOW_ORIGIN ? TEXT("/_origin") : TEXT(""),
                      .scope = TEXT("below")};
    cgi.prefer.minimal = how & HOW_MINIMAL;
    text_cut(&rest, '\n', &cgi.query);
    text_cut(&rest, '\n', &cgi.if_none_match);
    cgi.body = rest;
    cgi.body_length = rest.len;
    if (!operation_read(&operation, &cgi, &rules, 0))
        exit(1);
    struct tree *tree = plant(how & HOW_FORGOTTEN);
    read_below(tree, &operation);
    tree_free(&tree);
    operation_dispose(&operation);
    return 0;
}
