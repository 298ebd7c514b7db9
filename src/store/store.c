#include "fcgiwait/store.h"

#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "fcgiwait/clock.h"
#include "fcgiwait/etag.h"

static const struct store_backend *const backends[] = {&store_memory};

struct store *store_open(const struct store_options *options, char *error, size_t room)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(options->type, backends[i]->type) == 0)
            return backends[i]->open(options, error, room);
    snprintf(error, room, "store.type \"%s\" is not known here", options->type);
    return NULL;
}

void store_commit(struct store *store, struct edit *edit)
{
    store->backend->commit(store, edit);
}

void store_set_limit(struct store *store, size_t resources)
{
    atomic_store(&store->limit, resources);
}

uint64_t store_index(struct store *store)
{
    return atomic_load(&store->index);
}

void store_close(struct store **pointer)
{
    struct store *store = *pointer;
    *pointer = NULL;
    if (store != NULL)
        store->backend->close(store);
}

/* RFC 9110 sections 13.1.1 and 13.1.2: strong comparison for If-Match, weak for the
 * other; `*` stands for any document. */
static bool conditions_hold(const struct edit *edit, const struct present *present)
{
    bool exists = present->document != NULL;
    if (edit->if_match.at != NULL) {
        enum etag_match match = etag_matches(edit->if_match, present->index, false);
        if (!exists || match == ETAG_NONE)
            return false;
    }
    if (edit->if_none_match.at != NULL && exists &&
        etag_matches(edit->if_none_match, present->index, true) != ETAG_NONE)
        return false;
    return true;
}

static enum edit_result decide(const struct edit *edit, const struct present *present,
                               size_t known, size_t limit)
{
    bool exists = present->document != NULL;
    if (edit->kind == EDIT_EVERYTHING)
        return EDIT_CHANGED;
    if (!conditions_hold(edit, present))
        return EDIT_CONFLICT;
    if (edit->kind == EDIT_DELETE && !exists)
        return EDIT_MISSING;
    if (edit->kind == EDIT_PUT && exists &&
        document_same(present->document, edit->document->type, edit->document->body))
        return EDIT_SAME;
    if (present->index == 0 && known >= limit)
        return EDIT_FULL;
    return edit->kind == EDIT_PUT && !exists ? EDIT_CREATED : EDIT_CHANGED;
}

bool edit_decide(struct edit *edit, const struct present *present, size_t known,
                 size_t limit)
{
    edit->index = present->index;
    edit->result = decide(edit, present, known, limit);
    return edit->result == EDIT_CREATED || edit->result == EDIT_CHANGED;
}

uint64_t store_first_index(void)
{
    return (uint64_t)clock_wall() / 1000;
}
