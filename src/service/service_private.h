/* SPDX-License-Identifier: ISC */
/* The service's inside: shared by its own files alone. */
#ifndef FCGIWAIT_SERVICE_PRIVATE_H
#define FCGIWAIT_SERVICE_PRIVATE_H

#include "fcgiwait/cutoff.h"
#include "fcgiwait/service.h"
#include "fcgiwait/lock.h"
#include "again.h"
#include "builder.h"
#include "built.h"
#include "live.h"
#include "operation.h"
#include "places.h"

/* One set of rules. Requests read it without a lock, so a replaced one stays until the
 * end: a few hundred bytes for each reload. */
struct ruling {
    struct service_rules rules;
    struct ruling *before;
    char cache_control[];
};

struct service {
    struct tree *tree;
    struct room *room;
    struct store *store;
    struct counters *counters;
    struct instant started;
    struct lock rules_lock; /* guards replacing `ruling` */
    _Atomic(struct ruling *) ruling;
    struct lock cutoff_lock; /* guards `cutoffs`; held for some comparisons alone */
    struct {
        struct cutoff waits, streams, silences;
    } cutoffs;
    _Atomic bool missed; /* a reported write could not be stored */
    struct again again;
    struct places places; /* of those that are held */
    struct built pages;   /* what was answered of all below a path */
    struct builder builder;
    struct built events; /* what streams say */
    struct live live;
};

static inline const struct service_rules *service_rules(struct service *service)
{
    return &atomic_load_explicit(&service->ruling, memory_order_acquire)->rules;
}

/* What a patch has to be, and how that is said (RFC 5789 section 3.1). */
/* So close to a stream's end is its end: the room takes who waits a little early, and who
 * parked again until then would be taken at once, again and again. */
#define SERVICE_NEARLY (5 * NANOS_PER_MS)

#define SERVICE_PATCH_TYPE "application/merge-patch+json"
#define SERVICE_ACCEPT_PATCH "Accept-Patch: " SERVICE_PATCH_TYPE "\r\n"

/* GET and HEAD (read.c). */
void read_serve(struct service *service, struct request *request,
                const struct operation *operation);

/* Waits for the store's engine, and then looks at what is there; where it does not answer
 * in time, that is told (fence.c). `index`: that the client has brought, or 0. */
typedef void fence_look_fn(struct service *service, struct request *request,
                           const struct operation *operation);
void fence_wait(struct service *service, struct request *request,
                const struct operation *operation, uint64_t index, fence_look_fn *look);

/* PUT, PATCH, POST, DELETE on a location that may publish (publish.c). */
void publish_serve(struct service *service, struct request *request,
                   const struct operation *operation);

/* FCGIWAIT_ORIGIN_STATUS: 2xx touches the path, and the reply is sent once everybody was
 * told (report.c). */
void report_serve(struct service *service, struct request *request,
                  const struct operation *operation);

/* FCGIWAIT_ENDPOINT (endpoint.c). */
void endpoint_serve(struct service *service, struct request *request,
                    const struct operation *operation);

#endif
