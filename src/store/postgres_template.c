/* SPDX-License-Identifier: ISC */
/*
 * A template is taken apart once, and filled for each row: literals and percent-encoded
 * values make a URL, and uri_path() makes of it what the web server would.
 */
#include "postgres_template.h"

#include <stdlib.h>

#include "fcgiwait/path.h"
#include "fcgiwait/query.h"
#include "fcgiwait/uri.h"

const char postgres_no_memory[] = "out of memory";

/* --- reading --- */

bool postgres_name_take(struct text *rest, char end, char *out)
{
    bool quoted = rest->len > 0 && rest->at[0] == '"', open = quoted;
    size_t len = 0, at = quoted;
    for (; at < rest->len && (open || rest->at[at] != end); at++) {
        if (rest->at[at] == '"') {
            if (!open)
                return false;
            if (at + 1 < rest->len && rest->at[at + 1] == '"')
                at++;
            else {
                open = false;
                continue;
            }
        } else if (quoted && !open) {
            return false;
        }
        out[len++] = rest->at[at];
    }
    out[len] = '\0';
    text_skip(rest, at);
    return len > 0 && !open;
}

/* `rest` begins behind the brace. */
static const char *take_column(struct text *rest, struct postgres_part *part)
{
    char *name = malloc(rest->len + 1);
    if (name == NULL)
        return postgres_no_memory;
    part->column = name;
    if (!postgres_name_take(rest, '}', name))
        return "between { and } has to stand a column's name";
    if (rest->len == 0)
        return "a { has no }";
    text_skip(rest, 1);
    return NULL;
}

/* One literal, and one column where there is one. */
static const char *take_part(struct text *rest, struct postgres_part *part)
{
    part->literal = (struct text){rest->at, 0};
    while (rest->len > 0 && rest->at[0] != '{') {
        if (strchr("}?#", rest->at[0]) != NULL || text_is_control(rest->at[0]))
            return "it has a }, ?, # or control character in it";
        if (rest->at[0] == '%' && query_escaped(*rest) < 0) /* nor goes on in a value */
            return "it has a % that is not followed by two hexadecimal digits";
        part->literal.len++;
        text_skip(rest, 1);
    }
    if (rest->len == 0)
        return NULL;
    text_skip(rest, 1);
    return take_column(rest, part);
}

static const char *take_parts(struct postgres_template *template, struct text rest)
{
    size_t most = 1;
    for (size_t i = 0; i < rest.len; i++)
        most += rest.at[i] == '{';
    template->parts = calloc(most, sizeof *template->parts);
    if (template->parts == NULL)
        return postgres_no_memory;
    while (rest.len > 0) {
        const char *wrong = take_part(&rest, &template->parts[template->count++]);
        if (wrong != NULL)
            return wrong;
    }
    return NULL;
}

/* Whether any row at all has a path by it. */
static const char *try_it(const struct postgres_template *template)
{
    struct postgres_room room = {0};
    struct text path;
    bool below;
    const char *wrong = NULL;
    struct postgres_value *values = calloc(template->count, sizeof *values);
    for (size_t i = 0; values != NULL && i < template->count; i++)
        values[i] = (struct postgres_value){POSTGRES_TEXT, TEXT("1")};
    if (values == NULL || !postgres_template_fill(template, values, &room, &path, &below))
        wrong = postgres_no_memory;
    else if (path.len == 0)
        wrong = "it is no path of a URL";
    free(values);
    postgres_room_free(&room);
    return wrong;
}

static const char *read_template(struct postgres_template *template)
{
    struct text rest = text_of(template->source);
    if (rest.len == 0 || rest.at[0] != '/')
        return "it does not begin with a /";
    if (rest.len > PATH_LENGTH_MAX)
        return "it is too long";
    template->below = rest.len >= 2 && memcmp(rest.at + rest.len - 2, "/*", 2) == 0;
    if (template->below)
        rest.len -= rest.len > 2 ? 2 : 1;
    const char *wrong = take_parts(template, rest);
    return wrong != NULL ? wrong : try_it(template);
}

const char *postgres_template_read(struct postgres_template *template, const char *source)
{
    *template = (struct postgres_template){.source = strdup(source)};
    const char *wrong =
        template->source != NULL ? read_template(template) : postgres_no_memory;
    if (wrong != NULL)
        postgres_template_dispose(template);
    return wrong;
}

void postgres_template_dispose(struct postgres_template *template)
{
    for (size_t i = 0; i < template->count; i++)
        free(template->parts[i].column);
    free(template->parts);
    free(template->source);
    *template = (struct postgres_template){0};
}

/* --- filling --- */

void postgres_room_free(struct postgres_room *room)
{
    free(room->url);
    free(room->path);
    *room = (struct postgres_room){0};
}

static bool is_fit(const struct postgres_value *value)
{
    return value->kind == POSTGRES_TEXT && value->text.len <= PATH_LENGTH_MAX &&
           !text_has_control(value->text);
}

static bool reserve(struct postgres_room *room, size_t size)
{
    if (size <= room->capacity)
        return true;
    postgres_room_free(room);
    room->url = malloc(size);
    room->path = malloc(size);
    if (room->url != NULL && room->path != NULL)
        room->capacity = size;
    else
        postgres_room_free(room);
    return room->capacity > 0;
}

static size_t size_of(const struct postgres_template *template,
                      const struct postgres_value *values)
{
    size_t size = 2;
    for (size_t i = 0; i < template->count; i++) {
        const struct postgres_part *part = &template->parts[i];
        size += part->literal.len;
        if (part->column != NULL && is_fit(&values[part->place]))
            size += 3 * values[part->place].text.len;
    }
    return size;
}

/* A URL that grows. */
struct writer {
    char *url, *end;
    char *segment; /* where the last one begins, behind its slash */
    bool valued;   /* a value is part of it */
};

/* Back to the slash in front of the segment that can't be had. */
static bool cut(struct writer *writer)
{
    writer->end =
        writer->segment > writer->url + 1 ? writer->segment - 1 : writer->url + 1;
    return false;
}

/* False: values have made it empty, `.` or `..`: such segments paths do not have. */
static bool end_segment(struct writer *writer)
{
    size_t len = (size_t)(writer->end - writer->segment);
    if (writer->valued && len <= 2 && memcmp("..", writer->segment, len) == 0)
        return cut(writer);
    writer->valued = false;
    return true;
}

static bool put_literal(struct writer *writer, struct text literal)
{
    for (size_t i = 0; i < literal.len; i++) {
        bool slash = literal.at[i] == '/';
        if (slash && !end_segment(writer))
            return false;
        *writer->end++ = literal.at[i];
        if (slash)
            writer->segment = writer->end;
    }
    return true;
}

enum written {
    WHOLE,
    CUT,     /* a value can't be part of a path */
    UNKNOWN, /* a value is not known: cut as well */
    NOTHING  /* the row has no such path */
};

static enum written write_url(const struct postgres_template *template,
                              const struct postgres_value *values, struct writer *writer)
{
    for (size_t i = 0; i < template->count; i++) {
        const struct postgres_part *part = &template->parts[i];
        if (!put_literal(writer, part->literal))
            return CUT;
        if (part->column == NULL)
            break;
        const struct postgres_value *value = &values[part->place];
        if (value->kind == POSTGRES_NULL && template->optional)
            return NOTHING;
        if (!is_fit(value)) {
            cut(writer);
            return value->kind == POSTGRES_UNCHANGED ? UNKNOWN : CUT;
        }
        writer->end = uri_put(writer->end, value->text);
        writer->valued = true;
    }
    return end_segment(writer) ? WHOLE : CUT;
}

bool postgres_template_fill(const struct postgres_template *template,
                            const struct postgres_value *values,
                            struct postgres_room *room, struct text *path, bool *below)
{
    *path = TEXT("");
    *below = false;
    if (!reserve(room, size_of(template, values)))
        return false;
    struct writer writer = {room->url, room->url, room->url, false};
    enum written written = write_url(template, values, &writer);
    struct text url = {room->url, (size_t)(writer.end - room->url)};
    if (written == NOTHING || !uri_path(url, TEXT(""), TEXT(""), room->path, path)) {
        *path = TEXT("");
        return true;
    }
    *below = written == UNKNOWN || (written == WHOLE && template->below);
    while (path->len > 1 && path_check(*path, PATH_LENGTH_MAX) != NULL)
        *path = path_parent(*path);
    return true;
}
