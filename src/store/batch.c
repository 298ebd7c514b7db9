/* SPDX-License-Identifier: ISC */
/*
 * Decides edits one behind the other before any of them is stored: the later ones see
 * what the earlier ones will have made.
 */
#include "batch.h"

#include "fcgiwait/clock.h"
#include "queue.h"

void batch_open(struct batch *batch, struct store *store, struct decision *decisions,
                size_t capacity, uint64_t newest)
{
    const struct store_view *view = &store->view;
    *batch = (struct batch){
        .store = store, .decisions = decisions, .capacity = capacity, .newest = newest};
    view->count(view->context, &batch->resources, &batch->tombstones);
    batch->marks = view->marks(view->context);
}

static struct decision *decision_of(const struct batch *batch, struct text path)
{
    struct decision *decision;
    HASH_FIND(hh, batch->by_path, path.at, path.len, decision);
    return decision;
}

/* What the resource will be, with a document reference for the caller. */
static void look(const struct batch *batch, struct text path, struct present *present)
{
    const struct store_view *view = &batch->store->view;
    const struct decision *decision = decision_of(batch, path);
    if (decision == NULL) {
        view->look(view->context, path, present);
        return;
    }
    *present = decision->after;
    document_ref(present->document);
}

static struct document *document_after(const struct edit *edit,
                                       const struct present *before)
{
    switch (edit->kind) {
    case EDIT_PUT:
    case EDIT_PATCH:
        return document_ref(edit->document);
    case EDIT_TOUCH:
        return document_ref(before->document);
    case EDIT_DELETE:
    case EDIT_EVERYTHING:
        break;
    }
    return NULL;
}

/* A touch leaves it as it is. */
static bool is_deleted(const struct edit *edit, const struct present *before)
{
    return edit->kind == EDIT_DELETE || (edit->kind == EDIT_TOUCH && before->deleted);
}

/* The path's newest decision is the one to be found from now on. The one before it goes
 * only once the new one is in: without memory it stays the newest. */
static bool note_decision(struct batch *batch, struct decision *decision)
{
    struct decision *before = decision_of(batch, decision->edit->path);
    HASH_ADD_KEYPTR(hh, batch->by_path, decision->edit->path.at, decision->edit->path.len,
                    decision);
    if (decision->hh.tbl == NULL) /* how uthash says that it had no memory */
        return false;
    if (before != NULL)
        HASH_DEL(batch->by_path, before);
    return true;
}

static void count_decision(struct batch *batch, const struct present *before,
                           const struct present *after)
{
    batch->resources += after->document != NULL;
    batch->resources -= before->document != NULL;
    batch->tombstones += after->document == NULL;
    batch->tombstones -= before->document == NULL && before->index != 0;
}

static void widen(struct batch *batch, struct edit *edit)
{
    if (batch->marks >= STORE_MARKS_MOST)
        edit->path = TEXT("/");
    batch->marks = text_is(edit->path, TEXT("/")) ? 0 : batch->marks + 1;
}

static bool add_decision(struct batch *batch, struct edit *edit,
                         const struct present *before)
{
    if (batch->count == batch->capacity || batch->newest + 1 >= INDEX_LIMIT)
        return false;
    struct decision *decision = &batch->decisions[batch->count];
    *decision = (struct decision){.edit = edit,
                                  .before = before->index,
                                  .after = {.index = batch->newest + 1,
                                            .changed = clock_wall(),
                                            .document = document_after(edit, before),
                                            .deleted = is_deleted(edit, before)}};
    if (edit->kind == EDIT_EVERYTHING) {
        widen(batch, edit);
    } else {
        if (!note_decision(batch, decision)) {
            present_dispose(&decision->after);
            return false;
        }
        count_decision(batch, before, &decision->after);
    }
    batch->count++;
    batch->newest = decision->after.index;
    edit->index = decision->after.index;
    return true;
}

void batch_decide(struct batch *batch, struct edit *edit)
{
    struct present before;
    size_t limit = atomic_load(&batch->store->limit);
    look(batch, edit->path, &before);
    if (edit_decide(edit, &before, batch->resources, limit) &&
        !add_decision(batch, edit, &before))
        edit->result = EDIT_FAILED;
    batch->bytes += edit->document != NULL ? edit->document->body.len : 0;
    present_dispose(&before);
}

bool batch_is_full(const struct batch *batch)
{
    return batch->bytes >= QUEUE_BYTES;
}

/* A few more than there have to be, since forgetting moves the index of all that lies
 * behind origins. */
#define FORGET_SHARE 16

void batch_forget(struct batch *batch)
{
    const struct store_view *view = &batch->store->view;
    size_t limit = atomic_load(&batch->store->limit), resources, known;
    if (batch->tombstones <= limit)
        return;
    size_t surplus = batch->tombstones - limit + limit / FORGET_SHARE;
    view->count(view->context, &resources, &known);
    if (surplus > known) /* of those that this batch makes none is forgotten yet */
        surplus = known;
    if (surplus > 0)
        batch->forgotten = view->tombstone_at(view->context, surplus - 1);
}

static struct change change_of(const struct decision *decision)
{
    static const enum change_kind kinds[] = {[EDIT_PUT] = CHANGE_PUT,
                                             [EDIT_PATCH] = CHANGE_PUT,
                                             [EDIT_TOUCH] = CHANGE_TOUCH,
                                             [EDIT_DELETE] = CHANGE_DELETE,
                                             [EDIT_EVERYTHING] = CHANGE_EVERYTHING};
    enum change_kind kind = kinds[decision->edit->kind];
    return (struct change){kind, decision->after.index, decision->after.changed,
                           decision->edit->path,
                           kind == CHANGE_PUT ? decision->after.document : NULL};
}

/* Returns how many were shown. */
static size_t show_decisions(const struct batch *batch)
{
    const struct store_view *view = &batch->store->view;
    uint64_t known = atomic_load(&batch->store->index);
    for (size_t i = 0; i < batch->count; i++) {
        struct change change = change_of(&batch->decisions[i]);
        if (change.index > known && !view->sink(view->context, &change))
            return i;
    }
    return batch->count;
}

static bool show_forgotten(const struct batch *batch)
{
    return batch->forgotten == 0 || store_forget(batch->store, batch->forgotten);
}

bool batch_show(struct batch *batch)
{
    const struct store_view *view = &batch->store->view;
    view->hold(view->context);
    size_t shown = show_decisions(batch);
    bool all = shown == batch->count && show_forgotten(batch);
    /* Last: who sees it may look at the state without our lock. */
    if (shown > 0)
        atomic_store(&batch->store->index, batch->decisions[shown - 1].after.index);
    view->ring(view->context);
    return all;
}

void batch_close(struct batch *batch)
{
    HASH_CLEAR(hh, batch->by_path);
    for (size_t i = 0; i < batch->count; i++)
        present_dispose(&batch->decisions[i].after);
}
