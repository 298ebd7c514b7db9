/* The desk's inside: shared by its own files alone. */
#ifndef FCGIWAIT_DESK_PRIVATE_H
#define FCGIWAIT_DESK_PRIVATE_H

#include "fcgiwait/cutoff.h"
#include "fcgiwait/desk.h"
#include "fcgiwait/lock.h"

/* One set of rules. Requests read it without a lock, so a replaced one stays until the
 * end: a few hundred bytes for each reload. */
struct ruling {
    struct desk_rules rules;
    struct ruling *before;
    char cache_control[];
};

struct desk {
    struct tree *tree;
    struct room *room;
    struct store *store;
    struct counters *counters;
    struct instant started;
    struct lock rules_lock; /* guards replacing `ruling` */
    _Atomic(struct ruling *) ruling;
    struct lock cutoff_lock; /* guards `cutoff`; held for some comparisons alone */
    struct cutoff cutoff;
    _Atomic bool missed; /* a reported write could not be stored */
};

static inline const struct desk_rules *desk_rules(struct desk *desk)
{
    return &atomic_load_explicit(&desk->ruling, memory_order_acquire)->rules;
}

/* What a patch has to be, and how that is said (RFC 5789 section 3.1). */
#define DESK_PATCH_TYPE "application/merge-patch+json"
#define DESK_ACCEPT_PATCH "Accept-Patch: " DESK_PATCH_TYPE "\r\n"

/* GET and HEAD (read.c). */
void read_serve(struct desk *desk, struct request *request, const struct cgi *cgi,
                struct text path);

/* PUT, PATCH, POST, DELETE on a location that may publish (publish.c). */
void publish_serve(struct desk *desk, struct request *request, const struct cgi *cgi,
                   struct text path);

/* FCGIWAIT_ORIGIN_STATUS: 2xx touches the path, which may have `most` bytes, and the
 * answer is sent once everybody was told (report.c). */
void report_serve(struct desk *desk, struct request *request, const struct cgi *cgi,
                  struct text path, size_t most);

/* FCGIWAIT_ENDPOINT (endpoint.c). */
void endpoint_serve(struct desk *desk, struct request *request, const struct cgi *cgi);

#endif
