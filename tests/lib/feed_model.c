/* SPDX-License-Identifier: ISC */
#include "feed_model.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char model_paths[MODEL_PATHS][16];

static const char *const few[MODEL_FEW] = {
    "/l",    "/l/a",  "/l/a/b", "/l/a/b/c", "/l/a/d", "/l/a-b", "/l/b",   "/lm",
    "/lm/a", "/k",    "/k/a",   "/k/a/b",   "/k/b",   "/z/y/x", "/z/y/w", "/q",
    "/l/n0", "/l/n1", "/l/n2",  "/l/n3",    "/l/n4",  "/l/n5",  "/l/n6",  "/l/n7",
    "/l/n8", "/l/n9", "/l/o/0", "/l/o/1",   "/l/o/2", "/l/o/3", "/l/o/4", "/l/o/5",
    "/k/n0", "/k/n1", "/k/n2",  "/k/n3",    "/k/n4",  "/k/n5",  "/k/n6",  "/k/n7",
};

const struct model_target model_targets[MODEL_TARGETS] = {
    {"/", NULL},      {"/l", NULL},       {"/l/", NULL},   {"/l/a", NULL},
    {"/k", NULL},     {"/z", NULL},       {"/none", NULL}, {"/l", "a,n1,zz"},
    {"/l/", "a/b,a"}, {"/", "lm,k,l/n3"},
};

static bool is_named(const char *base, const char *only, const char *path)
{
    char name[64];
    for (const char *at = only; *at != '\0';) {
        size_t len = strcspn(at, ",");
        snprintf(name, sizeof name, "%s/%.*s", base, (int)len, at);
        if (strcmp(name, path) == 0)
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

bool model_concerns(size_t target, size_t path)
{
    const struct model_target *of = &model_targets[target];
    char base[32];
    size_t len = strlen(of->path);
    bool slash = of->path[len - 1] == '/';
    snprintf(base, sizeof base, "%.*s", (int)(slash ? len - 1 : len), of->path);
    if (of->only != NULL)
        return is_named(base, of->only, model_paths[path]);
    if (strcmp(model_paths[path], base) == 0)
        return !slash;
    len = strlen(base);
    return strncmp(model_paths[path], base, len) == 0 && model_paths[path][len] == '/';
}

void model_begin(struct model *model)
{
    for (size_t i = 0; i < MODEL_PATHS; i++)
        if (i < MODEL_FEW)
            strcpy(model_paths[i], few[i]);
        else
            snprintf(model_paths[i], sizeof model_paths[i], "/%s/%zu",
                     i % 3 ? "l/m" : "k", i);
    *model = (struct model){
        .life = model->life + 1, .least = model->least, .most = model->most};
}

/* --- what has to be told --- */

static bool is_forgotten(const struct model_state *state, const struct model_span *span)
{
    return state->index == 0 || (!state->there && state->index <= span->horizon);
}

#define BOOKMARK (UINT64_C(1) << 52) /* from there on */

/* Whether no lower one may be told where nothing is remembered. */
static bool is_of(const struct model_span *span, uint64_t index)
{
    return index >= span->born && index <= span->newest && span->horizon > span->born;
}

/* The newest change of the target, as its index says it to the reader. */
static uint64_t index_of(const struct model *model, const struct model_copy *copy,
                         const struct model_span *span)
{
    size_t target = copy->target;
    uint64_t index = 0;
    for (size_t i = 0; i < MODEL_PATHS; i++)
        if (model_concerns(target, i) && !is_forgotten(&model->now[i], span) &&
            model->now[i].index > index)
            index = model->now[i].index;
    bool brings =
        copy->has_index && (is_of(span, copy->index) ||
                            (copy->index >= BOOKMARK && span->horizon > span->born));
    bool never_lower = model_targets[target].only == NULL || index > 0 || brings;
    return never_lower && index < span->horizon ? span->horizon : index;
}

/* Nothing is nothing in any life. */
static bool is_alive(const struct model *model, uint64_t index, unsigned life)
{
    return index == 0 || life == model->life;
}

/* Where the reader goes on, and whether it can. */
static bool is_good(const struct model *model, const struct model_copy *copy,
                    const struct model_span *span, uint64_t *from)
{
    *from = copy->index;
    if (copy->watches)
        return true;
    if (!copy->has_index || !is_alive(model, copy->index, copy->life))
        return false;
    if (copy->index >= span->horizon && copy->index <= span->newest)
        return true;
    if (copy->index == index_of(model, copy, span))
        return true;
    if (!copy->goes_on || copy->index == copy->stopped || copy->horizon != span->horizon)
        return false;
    *from = copy->stopped;
    for (size_t i = 0; i < MODEL_PATHS; i++)
        if (model_concerns(copy->target, i) && model->now[i].index == copy->stopped)
            return true;
    return false;
}

static bool is_told(const struct model *model, const struct model_copy *copy, size_t i,
                    const struct model_span *span, bool good, uint64_t from)
{
    const struct model_state *now = &model->now[i];
    if (!model_concerns(copy->target, i) || is_forgotten(now, span))
        return false;
    return good ? now->index > from : !now->deleted;
}

/* The next one above `last`; MODEL_PATHS: there is none. */
static size_t next_told(const struct model *model, const struct model_copy *copy,
                        const struct model_span *span, bool good, uint64_t from,
                        uint64_t last)
{
    size_t next = MODEL_PATHS;
    for (size_t i = 0; i < MODEL_PATHS; i++)
        if (is_told(model, copy, i, span, good, from) && model->now[i].index > last &&
            (next == MODEL_PATHS || model->now[i].index < model->now[next].index))
            next = i;
    return next;
}

bool model_has_news(const struct model *model, const struct model_copy *copy,
                    const struct model_span *span)
{
    uint64_t from;
    bool good = is_good(model, copy, span, &from);
    return !good || copy->goes_on ||
           next_told(model, copy, span, good, from, 0) < MODEL_PATHS;
}

/* --- what was told --- */

static long long number(struct json_object *object, const char *name)
{
    struct json_object *member;
    return json_object_object_get_ex(object, name, &member)
               ? json_object_get_int64(member)
               : -1;
}

static bool is_document(struct json_object *document, const struct model_state *state)
{
    char text[16];
    if (document == NULL)
        return !state->there;
    if (!state->there)
        return false;
    if (state->json)
        return number(document, "n") == state->n && number(document, "p") == state->p;
    snprintf(text, sizeof text, "%d", state->n);
    return json_object_is_type(document, json_type_string) &&
           strcmp(json_object_get_string(document), text) == 0;
}

static bool is_change(struct json_object *change, size_t i,
                      const struct model_state *state)
{
    struct json_object *path, *document = NULL;
    bool deleted = json_object_object_get_ex(change, "deleted", NULL) && !state->anew;
    json_object_object_get_ex(change, "document", &document);
    return json_object_object_get_ex(change, "path", &path) &&
           strcmp(json_object_get_string(path), model_paths[i]) == 0 &&
           number(change, "index") == (long long)state->index &&
           deleted == (state->deleted && !state->there) && is_document(document, state);
}

/* The next one that may have been told here: what is deleted is not, in a reset. */
static size_t next_here(const struct model *model, const struct model_copy *copy,
                        const struct model_span *span, bool good, uint64_t from,
                        uint64_t last, struct json_object *change)
{
    size_t next = next_told(model, copy, span, good, from, last);
    while (next < MODEL_PATHS && !good && model->now[next].anew &&
           (change == NULL || !is_change(change, next, &model->now[next])))
        next = next_told(model, copy, span, good, from, model->now[next].index);
    return next;
}

/* What the answer's members are; goes through all changes. */
static bool check_told(const struct model *model, struct model_copy *copy,
                       const struct model_span *span, const struct far_answer *answer,
                       struct json_object *told, char why[400])
{
    struct json_object *changes = NULL;
    uint64_t from, last = 0;
    bool good = is_good(model, copy, span, &from), more;
    if (json_object_object_get_ex(told, "reset", NULL) == good) {
        snprintf(why, 400, good ? "a reset, though the index is good" : "no reset");
        return false;
    }
    if (!good)
        memset(copy->seen, 0, sizeof copy->seen);
    json_object_object_get_ex(told, "changes", &changes);
    size_t count = json_object_array_length(changes), next;
    for (size_t n = 0; n < count; n++, last = model->now[next].index) {
        struct json_object *change = json_object_array_get_idx(changes, n);
        next = next_here(model, copy, span, good, from, last, change);
        if (next == MODEL_PATHS || !is_change(change, next, &model->now[next])) {
            snprintf(
                why, 400, "change %zu should be %s at %llu", n,
                next < MODEL_PATHS ? model_paths[next] : "none",
                (unsigned long long)(next < MODEL_PATHS ? model->now[next].index : 0));
            return false;
        }
        copy->seen[next] = model->now[next];
    }
    bool says_more = json_object_object_get_ex(told, "more", NULL);
    more = next_here(model, copy, span, good, from, last, NULL) < MODEL_PATHS ||
           (says_more && next_told(model, copy, span, good, from, last) < MODEL_PATHS);
    if (more ? count < model->least : count > model->most) {
        snprintf(why, 400, "%zu changes, and more is %d", count, more);
        return false;
    }
    uint64_t expected = more ? last : index_of(model, copy, span);
    bool bookmark = more && last < span->horizon;
    if (says_more != more || number(told, "index") != (long long)answer->index ||
        (bookmark ? answer->index <= span->newest : answer->index != expected)) {
        snprintf(why, 400, "more should be %d, and the index %llu", more,
                 (unsigned long long)expected);
        return false;
    }
    copy->goes_on = more;
    copy->stopped = last;
    copy->horizon = span->horizon;
    return true;
}

static bool take_same(const struct model *model, const struct model_copy *copy,
                      const struct model_span *span, const struct far_answer *answer,
                      char why[400])
{
    if (model_has_news(model, copy, span) || answer->body[0] != '\0' ||
        answer->index != index_of(model, copy, span)) {
        snprintf(why, 400, "304, but there is news, or the index should be %llu",
                 (unsigned long long)index_of(model, copy, span));
        return false;
    }
    return true;
}

bool model_take(const struct model *model, struct model_copy *copy,
                const struct model_span *span, const struct far_answer *answer,
                char why[400])
{
    struct model_copy next = *copy;
    bool good;
    if (answer->status == 304) {
        good = take_same(model, copy, span, answer, why);
    } else {
        struct json_object *told = json_tokener_parse(answer->body);
        snprintf(why, 400, "status %d, or no JSON", answer->status);
        good = answer->status == 200 && told != NULL &&
               model_has_news(model, copy, span) &&
               check_told(model, &next, span, answer, told, why);
        json_object_put(told);
    }
    if (!good)
        return false;
    *copy = next;
    copy->has_index = true;
    copy->index = answer->index;
    copy->life = model->life;
    return true;
}

bool model_is_whole(const struct model *model, const struct model_copy *copy,
                    char why[400])
{
    for (size_t i = 0; i < MODEL_PATHS; i++) {
        const struct model_state *now = &model->now[i], *seen = &copy->seen[i];
        bool is_there = model_concerns(copy->target, i) && now->there;
        if (is_there == seen->there && (!is_there || now->index == seen->index))
            continue;
        snprintf(why, 400, "the reader of %s has %s at %llu, and it is at %llu",
                 model_targets[copy->target].path, model_paths[i],
                 (unsigned long long)(seen->there ? seen->index : 0),
                 (unsigned long long)(is_there ? now->index : 0));
        return false;
    }
    return true;
}

bool model_check_one(const struct model *model, size_t path, uint64_t index,
                     unsigned life, const struct model_span *span,
                     const struct far_answer *answer, char why[400])
{
    const struct model_state *now = &model->now[path];
    uint64_t own = is_forgotten(now, span) ? 0 : now->index;
    bool same = is_alive(model, index, life) &&
                (index == own ||
                 (index > own && index <= span->newest && index >= span->horizon));
    int expected = same ? 304 : now->there ? 200 : 404;
    if (own == 0 && is_of(span, index))
        own = span->horizon;
    snprintf(why, 400, "%s asked for by %llu: %d at %llu, and it should be %d at %llu",
             model_paths[path], (unsigned long long)index, answer->status,
             (unsigned long long)answer->index, expected, (unsigned long long)own);
    if (answer->status != expected || answer->index != own)
        return false;
    if (expected != 200)
        return true;
    struct json_object *document = json_tokener_parse(answer->body);
    char text[16];
    snprintf(text, sizeof text, "%d", now->n);
    bool good = now->json ? is_document(document, now) : strcmp(answer->body, text) == 0;
    json_object_put(document);
    return good;
}
