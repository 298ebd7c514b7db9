/* SPDX-License-Identifier: ISC */
/*
 * The reader of nginx -T: files, directives, includes. It bounds depth and work by
 * itself, since includes may form circles and patterns may name everything.
 */
#include "conf.h"

#include "dump.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>

#define MEMORY_MOST ((size_t)256 << 20)
#define READ_MOST ((size_t)64 << 20)
#define DEPTH_MOST 64    /* blocks in blocks */
#define INCLUDES_MOST 16 /* includes in includes */
#define PATTERN_MOST 1024

/* What including a file costs of the budget besides its bytes. */
#define INCLUDE_COST 64

bool nginx_conf_wrong(struct nginx_conf *conf, const char *file, unsigned line,
                      const char *format, ...)
{
    va_list args;
    if (conf->wrong[0] != '\0')
        return false;
    int len = snprintf(conf->wrong, sizeof conf->wrong, "%.200s:%u: ", file, line);
    va_start(args, format);
    vsnprintf(conf->wrong + len, sizeof conf->wrong - (size_t)len, format, args);
    va_end(args);
    return false;
}

/* --- directives --- */

/* Where the reader stands. */
struct place {
    struct nginx_conf *conf;
    struct nginx_file *file;
    struct nginx_reader reader;
    struct directive *block; /* that is open */
    const char *root;        /* path of the nginx.conf: includes are relative to it */
    unsigned depth, includes;
};

static bool read_file(struct place *from, struct nginx_file *file);

static bool wrong_here(struct place *place, unsigned line, const char *what)
{
    return nginx_conf_wrong(place->conf, place->file->path, line, "%s", what);
}

static bool used_up(struct place *place, unsigned line)
{
    return wrong_here(place, line,
                      "more than can be read: includes in a circle, or too large");
}

static void append(struct directive *block, struct directive *directive)
{
    directive->parent = block;
    if (block->first == NULL)
        block->first = directive;
    else
        block->last->next = directive;
    block->last = directive;
}

/* The words up to the next mark: how many, and the mark. Leaves the reader where it is.
 */
static enum nginx_token look_ahead(const struct place *place, size_t *count,
                                   struct nginx_word *word)
{
    struct nginx_reader reader = place->reader;
    enum nginx_token token;
    for (*count = 0; (token = nginx_token_next(&reader, word)) == NGINX_WORD;)
        ++*count;
    return token;
}

static bool read_words(struct place *place, struct directive *directive)
{
    struct nginx_word word;
    for (size_t i = 0; i < directive->count; i++) {
        nginx_token_next(&place->reader, &word);
        char *bytes = arena_take(&place->conf->arena, word.raw.len + 1);
        if (bytes == NULL)
            return used_up(place, word.line);
        if (i == 0)
            directive->line = word.line;
        directive->words[i] = (struct text){bytes, nginx_word_decode(word.raw, bytes)};
    }
    nginx_token_next(&place->reader, &word); /* the mark */
    return true;
}

static struct directive *new_directive(struct place *place, size_t count)
{
    struct arena *arena = &place->conf->arena;
    struct directive *directive = arena_take(arena, sizeof *directive);
    if (directive == NULL)
        return NULL;
    directive->words = arena_take(arena, count * sizeof(struct text));
    directive->count = count;
    directive->file = place->file->path;
    return directive->words != NULL ? directive : NULL;
}

/* --- includes --- */

static bool is_pattern(const char *path)
{
    return strpbrk(path, "*?[") != NULL;
}

/* Relative names start in the folder of the nginx.conf. */
static const char *full_name(struct place *place, struct text name)
{
    const char *slash = strrchr(place->root, '/');
    int folder = slash != NULL ? (int)(slash - place->root) + 1 : 0;
    if (name.len > 0 && name.at[0] == '/')
        folder = 0;
    return arena_print(&place->conf->arena, "%.*s%.*s", folder, place->root,
                       (int)name.len, name.at);
}

static bool include_file(struct place *place, struct nginx_file *file, unsigned line)
{
    size_t cost = file->body.len + INCLUDE_COST;
    if (place->includes >= INCLUDES_MOST || cost > place->conf->budget)
        return used_up(place, line);
    place->conf->budget -= cost;
    file->is_included = true;
    return read_file(place, file);
}

static bool is_meant(const char *name, bool pattern, const char *path)
{
    return pattern ? fnmatch(name, path, FNM_PATHNAME | FNM_PERIOD) == 0
                   : strcmp(name, path) == 0;
}

static bool include_all(struct place *place, const struct directive *include,
                        const char *path)
{
    struct nginx_conf *conf = place->conf;
    bool pattern = is_pattern(path), any = false;
    if (conf->file_count > conf->budget)
        return used_up(place, include->line);
    conf->budget -= conf->file_count;
    for (size_t i = 0; i < conf->file_count; i++) {
        struct nginx_file *file = &conf->files[i];
        if (file->dump != place->file->dump || !is_meant(path, pattern, file->path))
            continue;
        any = true;
        if (!include_file(place, file, include->line))
            return false;
    }
    if (any || (pattern && conf->is_dump))
        return true;
    return nginx_conf_wrong(conf, include->file, include->line,
                            "includes %s, which is not here; give the whole output of "
                            "nginx -T",
                            path);
}

static bool take_include(struct place *place, const struct directive *include)
{
    if (include->count != 2 || include->words[1].len > PATTERN_MOST)
        return wrong_here(place, include->line, "include takes the name of a file");
    const char *path = full_name(place, include->words[1]);
    return path != NULL ? include_all(place, include, path)
                        : used_up(place, include->line);
}

/* --- blocks --- */

static bool is_lua(struct text name)
{
    static const struct text end = TEXT("_by_lua_block");
    return name.len > end.len &&
           text_is((struct text){name.at + name.len - end.len, end.len}, end);
}

static bool enter(struct place *place, struct directive *block)
{
    block->is_block = true;
    if (is_lua(block->words[0]))
        return nginx_skip_lua(&place->reader) ||
               wrong_here(place, block->line, "this Lua block has no end");
    if (place->depth >= DEPTH_MOST)
        return wrong_here(place, block->line, "more blocks in blocks than can be read");
    place->depth++;
    place->block = block;
    return true;
}

static bool leave(struct place *place, const struct directive *outermost)
{
    if (place->block == outermost)
        return false;
    place->depth--;
    place->block = place->block->parent;
    return true;
}

static bool take_directive(struct place *place, size_t count, enum nginx_token mark)
{
    struct directive *directive = new_directive(place, count);
    if (directive == NULL)
        return used_up(place, place->reader.line);
    if (!read_words(place, directive))
        return false;
    if (mark == NGINX_SEMICOLON && text_is(directive->words[0], TEXT("include")))
        return take_include(place, directive);
    append(place->block, directive);
    return mark != NGINX_OPEN || enter(place, directive);
}

static bool unexpected(struct place *place, enum nginx_token mark, unsigned line)
{
    return nginx_conf_wrong(place->conf, place->file->path, line, "unexpected \"%s\"",
                            mark == NGINX_SEMICOLON ? ";"
                            : mark == NGINX_OPEN    ? "{"
                                                    : "}");
}

/* `count` words and the mark behind them. */
static bool take(struct place *place, const struct directive *outermost, size_t count,
                 enum nginx_token mark, unsigned line)
{
    struct nginx_word word;
    if (mark == NGINX_BAD)
        return wrong_here(place, line,
                          "a quoted value has no end, or something clings to it");
    if (count > 0 && mark != NGINX_CLOSE)
        return take_directive(place, count, mark);
    if (count > 0 || mark != NGINX_CLOSE || !leave(place, outermost))
        return unexpected(place, mark, line);
    nginx_token_next(&place->reader, &word);
    return true;
}

static bool is_finished(struct place *place, const struct directive *outermost,
                        size_t count, unsigned line)
{
    if (count > 0)
        return wrong_here(place, line,
                          "unexpected end of the file; \";\" or \"}\" is missing");
    if (place->block != outermost)
        return nginx_conf_wrong(place->conf, place->block->file, place->block->line,
                                "the block that begins here has no \"}\"");
    return true;
}

/* What the file says, into the block that is open. */
static bool read_file(struct place *from, struct nginx_file *file)
{
    struct place place = *from;
    const struct directive *outermost = from->block;
    place.file = file;
    place.reader = (struct nginx_reader){file->body, 1};
    place.includes++;
    for (;;) {
        struct nginx_word word;
        size_t count;
        enum nginx_token mark = look_ahead(&place, &count, &word);
        if (mark == NGINX_END)
            return is_finished(&place, outermost, count, word.line);
        if (!take(&place, outermost, count, mark, word.line))
            return false;
    }
}

/* --- the whole --- */

static bool is_whole(const struct directive *root)
{
    for (const struct directive *at = root->first; at != NULL; at = at->next)
        if (at->is_block && (text_is(at->words[0], TEXT("http")) ||
                             text_is(at->words[0], TEXT("events"))))
            return true;
    return false;
}

/* A file that nobody includes is an nginx.conf: the first, or the first of a second dump
 * behind it. */
static bool read_root(struct nginx_conf *conf, struct nginx_file *file)
{
    struct directive *root = arena_take(&conf->arena, sizeof *root);
    struct place place = {.conf = conf, .file = file, .block = root, .root = file->path};
    if (root == NULL)
        return used_up(&place, 1);
    root->file = file->path;
    root->line = 1;
    root->is_block = true;
    if (!include_file(&place, file, 1))
        return false;
    if (!is_whole(root))
        return nginx_conf_wrong(conf, file->path, 1,
                                conf->roots == NULL
                                    ? "neither an events nor an http block is here; "
                                      "give the output of nginx -T"
                                    : "nothing here includes this file");
    struct directive **end = &conf->roots;
    while (*end != NULL)
        end = &(*end)->next;
    *end = root;
    return true;
}

bool nginx_conf_read(struct nginx_conf *conf, struct text text, const char *name)
{
    *conf = (struct nginx_conf){.arena = {.left = MEMORY_MOST}, .budget = READ_MOST};
    if (text.len > READ_MOST)
        return nginx_conf_wrong(conf, name, 1, "too large to be read");
    if (dump_is_empty(text))
        return nginx_conf_wrong(conf, name, 1,
                                "no configuration is here: nginx -T has failed; "
                                "nginx -t says why");
    if (!dump_cut(conf, text, name))
        return nginx_conf_wrong(conf, name, 1, "out of memory");
    for (size_t i = 0; i < conf->file_count; i++)
        if (!conf->files[i].is_included && !read_root(conf, &conf->files[i]))
            return false;
    return true;
}

void nginx_conf_free(struct nginx_conf *conf)
{
    arena_free(&conf->arena);
}
