/* SPDX-License-Identifier: ISC */
/* pending: one allocation for edits and their texts. The store's bell comes back here for
 * each edit; the last one calls `done`. */
#include "pending.h"

#include <stdlib.h>

#include "service_private.h"

struct pending *pending_new(struct service *service, struct request *request,
                            size_t count, size_t bytes, pending_done_fn *done)
{
    struct pending *pending =
        calloc(1, sizeof *pending + count * sizeof(struct edit) + bytes);
    if (pending == NULL)
        return NULL;
    pending->service = service;
    pending->request = request;
    pending->done = done;
    pending->began = clock_now();
    pending->count = count;
    pending->bytes = (char *)(pending->edits + count);
    return pending;
}

struct text pending_keep(struct pending *pending, struct text t)
{
    if (t.at == NULL)
        return t;
    struct text kept = {pending->bytes, t.len};
    memcpy(pending->bytes, t.at, t.len);
    pending->bytes += t.len;
    return kept;
}

struct pending *pending_copy(const struct pending *pending, pending_done_fn *done)
{
    size_t bytes = 0;
    for (size_t i = 0; i < pending->count; i++)
        bytes += pending->edits[i].path.len + pending->edits[i].trace.len;
    struct pending *copy =
        pending_new(pending->service, NULL, pending->count, bytes, done);
    if (copy == NULL)
        return NULL;
    for (size_t i = 0; i < pending->count; i++) {
        copy->edits[i].kind = pending->edits[i].kind;
        copy->edits[i].path = pending_keep(copy, pending->edits[i].path);
        copy->edits[i].trace = pending_keep(copy, pending->edits[i].trace);
    }
    return copy;
}

struct pending *pending_everything(struct service *service, pending_done_fn *done)
{
    struct pending *pending = pending_new(service, NULL, 1, 0, done);
    if (pending == NULL)
        return NULL;
    pending->edits[0].kind = EDIT_EVERYTHING;
    pending->edits[0].path = TEXT("/");
    return pending;
}

static void through(struct edit *edit)
{
    struct pending *pending = edit->context;
    if (atomic_fetch_sub_explicit(&pending->left, 1, memory_order_acq_rel) == 1)
        pending->done(pending);
}

void pending_commit(struct pending *pending)
{
    size_t count = pending->count;
    atomic_init(&pending->left, count);
    for (size_t i = 0; i < count; i++) {
        pending->edits[i].done = through;
        pending->edits[i].context = pending;
    }
    store_commit(pending->service->store, pending->edits, count);
}

void pending_free(struct pending **pointer)
{
    struct pending *pending = *pointer;
    *pointer = NULL;
    for (size_t i = 0; i < pending->count; i++)
        document_unref(&pending->edits[i].document);
    free(pending);
}
