/* SPDX-License-Identifier: ISC */
/*
 * The rules that hold for every kind of store, edit_decide() above all. It is pure: the
 * state comes in, the decision goes out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "backend.h"
#include "fcgiwait/clock.h"
#include "fcgiwait/json.h"
#include "fcgiwait/media.h"
#include "fcgiwait/path.h"

void store_init(struct store *store, const struct store_backend *backend,
                const struct store_view *view)
{
    store->backend = backend;
    store->view = *view;
    store->engine = NULL;
    store->patience = 0;
    atomic_init(&store->limit, SIZE_MAX);
    atomic_init(&store->index, 0);
    atomic_init(&store->born, 0);
}

bool store_make_id(char id[STORE_ID])
{
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != sizeof number)
        return false;
    snprintf(id, STORE_ID, "%016llx", (unsigned long long)number);
    return true;
}

bool store_forget(struct store *store, uint64_t upto)
{
    const struct store_view *view = &store->view;
    uint64_t unknown = 0;
    atomic_compare_exchange_strong(&store->born, &unknown, upto);
    return view->sink(view->context, &(struct change){.kind = CHANGE_FORGET,
                                                      .index = upto,
                                                      .at = clock_wall(),
                                                      .path = TEXT("/")});
}

bool store_is_sound(struct text path, const struct present *present, bool exists,
                    struct text type, struct text body)
{
    return present->index < INDEX_LIMIT && present->changed >= 0 &&
           path_check(path, PATH_LENGTH_MAX) == NULL &&
           (!exists || (document_type_is_sound(type) && body.len <= DOCUMENT_BODY_MAX));
}

/* What a patch makes of the document; EDIT_CHANGED: edit->document has it. */
static enum edit_result merge(struct edit *edit, const struct document *document)
{
    struct json_error error;
    char *merged;
    size_t len;
    if (!media_is_json(document->type))
        return EDIT_NOT_JSON;
    switch (json_merge_patch(document->body, edit->patch, &merged, &len, &error)) {
    case JSON_SAME:
        return EDIT_SAME;
    case JSON_REFUSED:
        return json_check(document->body, &error) ? EDIT_FAILED : EDIT_NOT_JSON;
    case JSON_CHANGED:
        break;
    }
    document_unref(&edit->document); /* decided before, and then undone */
    bool fits = len <= edit->most;
    if (fits)
        edit->document = document_new(document->type, (struct text){merged, len});
    free(merged);
    if (!fits)
        return EDIT_TOO_LARGE;
    return edit->document != NULL ? EDIT_CHANGED : EDIT_FAILED;
}

static enum edit_result decide_put(const struct edit *edit, const struct present *present,
                                   size_t resources, size_t limit)
{
    const struct document *document = edit->document;
    if (present->document == NULL)
        return resources < limit ? EDIT_CREATED : EDIT_FULL;
    return document_same(present->document, document->type, document->body)
               ? EDIT_SAME
               : EDIT_CHANGED;
}

static enum edit_result decide(struct edit *edit, const struct present *present,
                               size_t resources, size_t limit)
{
    bool exists = present->document != NULL;
    if (edit->kind != EDIT_EVERYTHING)
        edit->why = conditions_failure(&edit->conditions, exists, present->index,
                                       present->changed);
    if (edit->why != NULL)
        return EDIT_CONFLICT;
    switch (edit->kind) {
    case EDIT_PUT:
        return decide_put(edit, present, resources, limit);
    case EDIT_PATCH:
        return exists ? merge(edit, present->document) : EDIT_MISSING;
    case EDIT_DELETE:
        return exists ? EDIT_CHANGED : EDIT_MISSING;
    case EDIT_TOUCH:
    case EDIT_EVERYTHING:
        break;
    }
    return EDIT_CHANGED;
}

bool edit_decide(struct edit *edit, const struct present *present, size_t resources,
                 size_t limit)
{
    edit->index = present->index;
    edit->result = decide(edit, present, resources, limit);
    return edit->result == EDIT_CREATED || edit->result == EDIT_CHANGED;
}

bool edit_is_unconditional(const struct edit *edit)
{
    return edit->kind == EDIT_EVERYTHING ||
           (edit->kind == EDIT_TOUCH && edit->conditions.if_match.at == NULL &&
            edit->conditions.if_none_match.at == NULL &&
            edit->conditions.if_unmodified_since.at == NULL);
}

/* The clock of a machine without a battery begins in 1970; no program runs before it was
 * made. */
static nanos program_made(void)
{
    struct stat program;
    if (stat("/proc/self/exe", &program) != 0)
        return 0;
    return (nanos)program.st_mtim.tv_sec * NANOS_PER_SECOND;
}

uint64_t store_first_index(void)
{
    static _Atomic uint64_t highest;
    nanos clock = clock_wall(), made = program_made();
    uint64_t index = (uint64_t)(clock > made ? clock : made) / 1000;
    uint64_t before = atomic_load(&highest);
    if (index > INDEX_LIMIT / 2) /* a clock that is wrong */
        index = INDEX_LIMIT / 2;
    while (index > before && !atomic_compare_exchange_weak(&highest, &before, index))
        ;
    return index > before ? index : before;
}
