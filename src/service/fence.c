/* SPDX-License-Identifier: ISC */
/*
 * fence: a reader whose index came from another machine, or who wants no less than the
 * newest state, waits until ours is as new. What the request asks for is copied: its
 * parameters are gone by then.
 */
#include <stdlib.h>
#include <string.h>

#include "deliver.h"
#include "read_plan.h"
#include "stream_open.h"

struct fenced {
    struct fence fence; /* first: the store gives it back */
    struct service *service;
    struct request *request;
    fence_look_fn *look;
    struct operation operation;
    char bytes[];
};

/* All texts of an operation that reading looks at. */
static struct text *text_at(struct operation *operation, size_t i)
{
    struct text *const texts[] = {
        &operation->path,
        &operation->origin,
        &operation->query,
        &operation->names.index,
        &operation->names.wait,
        &operation->client,
        &operation->accept,
        &operation->traceparent,
        &operation->conditions.if_match,
        &operation->conditions.if_none_match,
        &operation->conditions.if_unmodified_since,
    };
    return i < sizeof texts / sizeof *texts ? texts[i] : NULL;
}

static struct fenced *fenced_new(const struct operation *operation)
{
    struct operation copy = *operation;
    struct text *text;
    size_t len = 0;
    for (size_t i = 0; (text = text_at(&copy, i)) != NULL; i++)
        len += text->len;
    struct fenced *fenced = calloc(1, sizeof *fenced + len);
    if (fenced == NULL)
        return NULL;
    char *at = fenced->bytes;
    fenced->operation = copy;
    fenced->operation.far = NULL;
    for (size_t i = 0; (text = text_at(&fenced->operation, i)) != NULL; i++) {
        if (text->len > 0)
            memcpy(at, text->at, text->len);
        if (text->at != NULL)
            text->at = at;
        at += text->len;
    }
    return fenced;
}

/* Nothing older than its index is an answer. It keeps that one, as when nothing had
 * changed, and asks again. One that can't be ours is none to keep. */
static void answer_unreached(struct service *service, struct request *request,
                             const struct operation *operation)
{
    if (stream_unreached(service, request, operation))
        return;
    if (operation->index == INDEX_NONE ||
        operation->index <= store_index(service->store)) {
        deliver_unreached(service, request);
        return;
    }
    request->index = operation->index;
    request->applied = operation->wait_is_preferred ? operation->wait : -1;
    deliver_unchanged(service, request);
}

/* It may have come by itself while the one who was to look after it was held up. */
static void fence_done(struct fence *fence, bool reached)
{
    struct fenced *fenced = (struct fenced *)fence;
    if (reached || store_reached(fenced->service->store, fence->index))
        fenced->look(fenced->service, fenced->request, &fenced->operation);
    else
        answer_unreached(fenced->service, fenced->request, &fenced->operation);
    free(fenced);
}

void fence_wait(struct service *service, struct request *request,
                const struct operation *operation, uint64_t index, fence_look_fn *look)
{
    struct fenced *fenced = fenced_new(operation);
    if (fenced == NULL) {
        deliver_no_memory(service, request);
        return;
    }
    fenced->service = service;
    fenced->request = request;
    fenced->look = look;
    fenced->fence.done = fence_done;
    fenced->fence.index = index;
    fenced->operation.asked = clock_now();
    fenced->fence.until =
        read_plan_deadline(fenced->operation.asked, operation->wait, 0, 0);
    room_admit(service->room, &request->waiter); /* who leaves now is not held later */
    store_fence(service->store, &fenced->fence);
}
