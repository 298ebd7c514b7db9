/* SPDX-License-Identifier: ISC */
/* read_plan: what a reader's request asks for (GET and HEAD). Private to the service;
 * pure. */
#ifndef FCGIWAIT_SERVICE_READ_PLAN_H
#define FCGIWAIT_SERVICE_READ_PLAN_H

#include "operation.h"

enum read_action {
    READ_FAILED,    /* 412: a condition does not hold */
    READ_PRESENT,   /* answer with what is there */
    READ_UNCHANGED, /* answer 304 at once */
    READ_HOLD       /* hold it for `wait` */
};

struct read_plan {
    nanos wait;      /* in effect, capped */
    nanos applied;   /* the same where a Prefer header's wait was honoured, else -1 */
    const char *why; /* of READ_FAILED */
};

/* `present` is the resource's state now, and `span` was looked at after it. Fills in
 * `plan` whatever comes of it. */
enum read_action read_plan_make(const struct operation *operation,
                                const struct tree_span *span,
                                const struct present *present, struct read_plan *plan);

/* Whether the resource has not changed since the client's index. */
bool read_plan_is_since(const struct tree_span *span, const struct present *present,
                        uint64_t index);

/* The index that the client is told: the resource's own. A path of which nothing is
 * remembered has 0, but the horizon for who brings an index of this store (`born`:
 * store_born()), or a bookmark: the path may have been there, here or as another machine
 * saw it, and no client's index goes back. */
uint64_t read_plan_index(const struct operation *operation, const struct tree_span *span,
                         uint64_t born, const struct present *present);

/* When a wait that starts now ends: a little early, so that the answer is with the client
 * before its time is up, and earlier by jitter x `luck` (0 to 1). */
struct instant read_plan_deadline(struct instant now, nanos wait, double jitter,
                                  double luck);

#endif
