/* SPDX-License-Identifier: ISC */
/*
 * JSON Merge Patch (RFC 7396), over the texts themselves.
 *
 * json-c reads names that are written with escapes. It does not hold the document: in its
 * tree a number of more than 64 bits comes out as another one, and a publisher who
 * patches one member must find the others as they were. So a value is a slice of its text
 * here, and what is not changed is copied. Nesting is bounded by json_check().
 */
#include "fcgiwait/json.h"

#include <stdio.h>
#include <stdlib.h>

#include <json-c/json.h>

/* Memory that runs out must not end the process (uthash's default). */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* --- slices: of texts that are JSON --- */

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_space(struct text *rest)
{
    while (rest->len > 0 && is_space(rest->at[0]))
        text_skip(rest, 1);
}

static bool begins(struct text value, char c)
{
    return value.len > 0 && value.at[0] == c;
}

static size_t string_len(struct text t, size_t at)
{
    size_t end = at + 1;
    while (t.at[end] != '"')
        end += t.at[end] == '\\' ? 2 : 1;
    return end + 1 - at;
}

static size_t nested_len(struct text t)
{
    size_t at = 0, depth = 0;
    do {
        char c = t.at[at];
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at += c == '"' ? string_len(t, at) : 1;
    } while (depth > 0);
    return at;
}

static size_t plain_len(struct text t)
{
    size_t at = 0;
    while (at < t.len && !is_space(t.at[at]) && t.at[at] != ',' && t.at[at] != '}' &&
           t.at[at] != ']')
        at++;
    return at;
}

static struct text take(struct text *rest, size_t len)
{
    struct text taken = {rest->at, len};
    text_skip(rest, len);
    return taken;
}

static struct text take_value(struct text *rest)
{
    skip_space(rest);
    if (begins(*rest, '"'))
        return take(rest, string_len(*rest, 0));
    if (begins(*rest, '{') || begins(*rest, '['))
        return take(rest, nested_len(*rest));
    return take(rest, plain_len(*rest));
}

/* The next member of an object whose rest begins after `{` or a member. */
static bool take_member(struct text *rest, struct text *name, struct text *value)
{
    skip_space(rest);
    if (begins(*rest, ','))
        take(rest, 1);
    skip_space(rest);
    if (rest->len == 0 || rest->at[0] == '}')
        return false;
    *name = take_value(rest);
    skip_space(rest);
    take(rest, 1);
    *value = take_value(rest);
    return true;
}

/* The same text, white space between its parts aside: never true of different values. */
static bool same(struct text a, struct text b)
{
    bool in_string = false;
    for (;;) {
        if (!in_string) {
            skip_space(&a);
            skip_space(&b);
        }
        if (a.len == 0 || b.len == 0)
            return a.len == b.len;
        char c = *take(&a, 1).at;
        if (c != *take(&b, 1).at)
            return false;
        if (c == '"')
            in_string = !in_string;
        if (in_string && c == '\\' && a.len > 0 && b.len > 0 &&
            *take(&a, 1).at != *take(&b, 1).at)
            return false;
    }
}

/* --- names --- */

/* A member's name as it is meant. */
struct name {
    struct text text;
    json_object *decoded; /* whose bytes these are, or NULL: the text's */
};

static bool name_read(struct name *name, struct text slice)
{
    *name = (struct name){.text = {slice.at + 1, slice.len - 2}};
    if (memchr(slice.at, '\\', slice.len) == NULL)
        return true;
    json_tokener *tokener = json_tokener_new();
    if (tokener == NULL)
        return false;
    name->decoded = json_tokener_parse_ex(tokener, slice.at, (int)slice.len);
    json_tokener_free(tokener);
    if (name->decoded == NULL)
        return false;
    name->text = (struct text){json_object_get_string(name->decoded),
                               (size_t)json_object_get_string_len(name->decoded)};
    return true;
}

static void name_dispose(struct name *name)
{
    json_object_put(name->decoded);
}

/* --- the patch's members --- */

struct member {
    UT_hash_handle hh;
    struct name name;
    struct text slice, value;
    bool used;
};

static void members_free(struct member *members)
{
    struct member *member, *next;
    HASH_ITER(hh, members, member, next)
    {
        HASH_DEL(members, member);
        name_dispose(&member->name);
        free(member);
    }
}

static struct member *members_find(struct member *members, const struct name *name)
{
    struct member *member;
    HASH_FIND(hh, members, name->text.at, name->text.len, member);
    return member;
}

/* Of members with one name the last one counts, as in JavaScript and in json-c. */
static bool members_add(struct member **members, struct text slice, struct text value)
{
    struct member *member = calloc(1, sizeof *member);
    if (member == NULL || !name_read(&member->name, slice)) {
        free(member);
        return false;
    }
    struct member *before = members_find(*members, &member->name);
    if (before != NULL) {
        before->value = value;
        name_dispose(&member->name);
        free(member);
        return true;
    }
    member->slice = slice;
    member->value = value;
    HASH_ADD_KEYPTR(hh, *members, member->name.text.at, member->name.text.len, member);
    if (member->hh.tbl != NULL)
        return true;
    name_dispose(&member->name); /* how uthash says that it had no memory */
    free(member);
    return false;
}

static bool members_read(struct member **members, struct text object)
{
    struct text name, value;
    take(&object, 1);
    while (take_member(&object, &name, &value))
        if (!members_add(members, name, value))
            return false;
    return true;
}

/* --- merging --- */

struct merge {
    FILE *out;
    bool changed;
    bool failed; /* out of memory */
};

static void merge_value(struct merge *merge, struct text target, struct text patch);

static void put(struct merge *merge, struct text t)
{
    fwrite(t.at, 1, t.len, merge->out);
}

/* `first` tells whether a comma is due. */
static void put_name(struct merge *merge, struct text slice, bool *first)
{
    fputs(*first ? "" : ",", merge->out);
    *first = false;
    put(merge, slice);
    fputc(':', merge->out);
}

/* A member of the target, and what the patch has of that name, which may be nothing. */
static void merge_member(struct merge *merge, struct text slice, struct text value,
                         struct member *patch, bool *first)
{
    if (patch == NULL) {
        put_name(merge, slice, first);
        put(merge, value);
        return;
    }
    bool again = patch->used;
    patch->used = true;
    if (again || text_is(patch->value, TEXT("null"))) {
        merge->changed = true;
        return;
    }
    put_name(merge, slice, first);
    merge_value(merge, value, patch->value);
}

static void merge_target(struct merge *merge, struct text target, struct member *patch,
                         bool *first)
{
    struct text slice, value;
    struct name name;
    take(&target, 1);
    while (take_member(&target, &slice, &value)) {
        if (!name_read(&name, slice)) {
            merge->failed = true;
            return;
        }
        merge_member(merge, slice, value, members_find(patch, &name), first);
        name_dispose(&name);
    }
}

static void merge_new(struct merge *merge, struct member *patch, bool *first)
{
    struct member *member, *next;
    HASH_ITER(hh, patch, member, next)
    {
        if (member->used || text_is(member->value, TEXT("null")))
            continue;
        merge->changed = true;
        put_name(merge, member->slice, first);
        merge_value(merge, TEXT(""), member->value);
    }
}

/* An empty target stands for one that is not there. */
static void merge_value(struct merge *merge, struct text target, struct text patch)
{
    struct member *members = NULL;
    bool first = true;
    if (!begins(patch, '{')) {
        merge->changed = merge->changed || !same(target, patch);
        put(merge, patch);
        return;
    }
    merge->failed = !members_read(&members, patch) || merge->failed;
    fputc('{', merge->out);
    if (begins(target, '{'))
        merge_target(merge, target, members, &first);
    else
        merge->changed = true;
    merge_new(merge, members, &first);
    fputc('}', merge->out);
    members_free(members);
}

static enum json_merged no_memory(struct json_error *error)
{
    *error = (struct json_error){0, "out of memory"};
    return JSON_REFUSED;
}

enum json_merged json_merge_patch(struct text target, struct text patch, char **merged,
                                  size_t *len, struct json_error *error)
{
    struct merge merge = {.changed = false};
    *merged = NULL;
    if (!json_check(target, error) || !json_check(patch, error))
        return JSON_REFUSED;
    merge.out = open_memstream(merged, len);
    if (merge.out == NULL)
        return no_memory(error);
    merge_value(&merge, take_value(&target), take_value(&patch));
    bool bad = ferror(merge.out) || merge.failed;
    bad = fclose(merge.out) != 0 || bad;
    if (!bad && merge.changed)
        return JSON_CHANGED;
    free(*merged);
    *merged = NULL;
    return bad ? no_memory(error) : JSON_SAME;
}
