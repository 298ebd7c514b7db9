/* SPDX-License-Identifier: ISC */
/*
 * pending: edits on their way through the store, and what happens once all of them are
 * through. Private to the service.
 *
 * Owns what its edits point to, since a store may answer later and on another thread. Any
 * thread.
 */
#ifndef FCGIWAIT_SERVICE_PENDING_H
#define FCGIWAIT_SERVICE_PENDING_H

#include <stdatomic.h>

#include "fcgiwait/store.h"

struct pending;

/* All edits are through, durable or refused, and everybody was told. Called once, by the
 * thread that brings the last one; frees the pending. */
typedef void pending_done_fn(struct pending *pending);

struct pending {
    struct service *service;
    struct request *request; /* to be answered; NULL: none */
    void *context;           /* of `done` */
    const char *allow;       /* what a refusal of the method names (allow.h) */
    pending_done_fn *done;
    struct instant began;
    _Atomic size_t left; /* edits that are not through */
    char *bytes;         /* where the next text is kept */
    size_t count;
    struct edit edits[];
};

/* `count` edits, all zero, and room for texts of `bytes` in all. NULL: out of memory. */
struct pending *pending_new(struct service *service, struct request *request,
                            size_t count, size_t bytes, pending_done_fn *done);

/* A copy that lasts as long as the pending. */
struct text pending_keep(struct pending *pending, struct text t);

/* That all behind origins has changed, for nobody. NULL: out of memory. */
struct pending *pending_everything(struct service *service, pending_done_fn *done);

/* The same edits once more, for nobody. None of them has a document. NULL: out of
 * memory. */
struct pending *pending_copy(const struct pending *pending, pending_done_fn *done);

/* Hands all edits to the store. The pending may be gone when it returns. */
void pending_commit(struct pending *pending);

void pending_free(struct pending **pending);

#endif
