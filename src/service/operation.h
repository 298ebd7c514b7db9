/* SPDX-License-Identifier: ISC */
/*
 * operation: what a request asks for, read once from what the web server says of it
 * (struct cgi). Private to the service; pure but for memory.
 *
 * Owns its path. The other texts lie in the request's parameters, which last as long as
 * service_serve() runs: whoever needs them for longer copies them (pending.h).
 */
#ifndef FCGIWAIT_SERVICE_OPERATION_H
#define FCGIWAIT_SERVICE_OPERATION_H

#include "fcgiwait/accept.h"
#include "fcgiwait/conditions.h"
#include "fcgiwait/method.h"
#include "fcgiwait/query.h"
#include "fcgiwait/service.h"

enum endpoint {
    ENDPOINT_NONE, /* a resource is meant */
    ENDPOINT_HEALTH,
    ENDPOINT_STATUS,
    ENDPOINT_METRICS,
    ENDPOINT_PAGE,
    ENDPOINT_UNKNOWN
};

/* An index that can't be ours: not a number, or none that is ever given. */
#define INDEX_NONE UINT64_MAX

/* Paths up to this length need no memory of their own. */
#define OPERATION_NEAR 256

struct operation {
    const struct service_rules *rules; /* as they were when it came */
    enum method method;
    enum endpoint endpoint;
    bool below;         /* everything below the path is meant, too */
    bool publishes;     /* the location grants it */
    const char *misled; /* what the location's configuration does wrong; NULL: nothing */

    struct text path;
    const char *wrong; /* why the path names no resource (path_check()); NULL: it does */
    char near[OPERATION_NEAR], *far; /* where the path lies */

    struct text traceparent; /* as the header has it */

    /* reading */
    struct text origin;           /* where the documents are; empty: here */
    struct text query;            /* as the client wrote it */
    struct text only;             /* names in it, as they stand; `at` NULL: none */
    bool minimal;                 /* documents are not wanted (RFC 7240 section 4.2) */
    struct query_names names;     /* of what is ours in it */
    struct text accept;           /* empty where no stream is named in it */
    bool stream_is_off;           /* the location gives none */
    bool has_index;               /* in the query or in Prefer; of who names a stream, in
                                     Last-Event-ID before them */
    uint64_t index;               /* that one, or INDEX_NONE */
    bool has_wait;                /* given at all, whether understood or not */
    bool wait_is_preferred;       /* it is the Prefer header's */
    nanos wait;                   /* in effect, capped, and over when `expires` is */
    nanos expires;                /* wall clock: until then it may be held */
    struct instant asked;         /* its wait began then, at a fence; .at 0: it has not */
    struct text client;           /* who asks; empty: not said */
    struct conditions conditions; /* entity tags with a wait are an index, too */

    /* publishing */
    struct text content_type, content_encoding;
    bool has_content_range;
    struct text body; /* what was kept of it */
    uint64_t body_length;
    bool length_is_wrong; /* Content-Length says another one */

    /* a write that the API has answered; `at` NULL: none is reported */
    struct text reported;
    struct text location, content_location; /* headers of its answer, and what they are
                                               relative to */
    struct text request_uri, host;
    struct text also;  /* paths, parted by spaces */
    struct text again; /* durations, parted by commas */
};

/* The bytes of this request's body that are worth keeping. */
size_t operation_body(const struct cgi *cgi, const struct service_rules *rules);

/* False: out of memory, and nothing to dispose of; the method is there all the same.
 * `wall` is the time now, by the clock on the wall. */
bool operation_read(struct operation *operation, const struct cgi *cgi,
                    const struct service_rules *rules, nanos wall)
    __attribute__((warn_unused_result));

/* A body that was not kept is too large by the rules as they were then. */
static inline bool operation_is_too_large(const struct operation *operation)
{
    return operation->body_length > operation->rules->limit_body ||
           operation->body.len < operation->body_length;
}

/* Behind an origin, what can't be a resource is the API's business alone: a reader is
 * sent there at once. */
static inline bool operation_passes(const struct operation *operation)
{
    return operation->wrong != NULL && !operation->below && operation->origin.len > 0 &&
           operation->path.len > 0 && operation->path.at[0] == '/' &&
           (operation->method == METHOD_GET || operation->method == METHOD_HEAD);
}

/* Of a span that begins now, what is over when `expires` is. */
nanos operation_until_expiry(const struct operation *operation, nanos span, nanos wall);

void operation_dispose(struct operation *operation);

#endif
