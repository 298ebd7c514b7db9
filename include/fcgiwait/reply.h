/* SPDX-License-Identifier: ISC */
/*
 * reply: one answer on its way out: the CGI header block (RFC 3875 section 6.3) and a
 * body.
 *
 * Built on the stack of whoever answers; owns a reference of its document or chunk, or
 * the bytes of its body, until reply_dispose(). Moving the struct moves the ownership.
 */
#ifndef FCGIWAIT_REPLY_H
#define FCGIWAIT_REPLY_H

#include <stdbool.h>

#include "fcgiwait/change.h"
#include "fcgiwait/chunk.h"
#include "fcgiwait/problem.h"

/* More than the longest header block: cache_control and the type are bounded. One that
 * does not fit all the same is logged, and becomes a 500. */
#define REPLY_HEAD 1536
#define REPLY_TYPE_MAX DOCUMENT_TYPE_MAX

struct reply {
    int status;
    uint64_t index; /* that it tells; 0: none */
    size_t head_len;
    bool overflows;            /* a header line did not fit */
    struct text body;          /* what is sent of it: nothing for HEAD */
    struct document *document; /* a reference, or NULL */
    struct chunk *chunk;       /* the same */
    char *own;                 /* malloc'd bytes of the body, or NULL; of a redirect: the
                                  header lines that may not fit `head`, sent as a body */
    char head[REPLY_HEAD];
};

/* What all answers to readers share. */
struct reply_options {
    const char *cache_control; /* empty: no such header */
    bool head_only;            /* the request was HEAD */
    bool behind_origin;        /* ETag is the API's: the index has its own header alone */
    bool minimal;              /* Preference-Applied: return=minimal */
    nanos applied;             /* Preference-Applied: wait=...; -1: no such header */
};

/* 200 with the document, or 404 where there is none: for a resource at rest. */
void reply_present(struct reply *reply, const struct present *present,
                   const struct reply_options *options);

/* 304: it is still at this index. */
void reply_unchanged(struct reply *reply, uint64_t index,
                     const struct reply_options *options);

/* 200 with what changed up to this index, as JSON. */
void reply_told(struct reply *reply, uint64_t index, struct chunk *told,
                const struct reply_options *options);

/* The origin has the body, at this index or newer. `target` is the malloc'd end of the
 * header block, of any length, which the reply now owns. */
void reply_redirect(struct reply *reply, uint64_t index, char *target,
                    const struct reply_options *options);

/* The origin's business alone, without an index; `target` as above. */
void reply_passed(struct reply *reply, char *target);

/* 200, the head of a stream of this type. `minimal`: it has no documents, as was
 * preferred. `opening` are malloc'd bytes, which the reply
 * now owns: the first piece. NULL: none. */
void reply_stream(struct reply *reply, uint64_t index, const char *type, bool minimal,
                  char *opening, size_t len);

/* 201 or 204 after a publish. */
void reply_published(struct reply *reply, int status, uint64_t index);

/* 204 after the report of a write. */
void reply_reported(struct reply *reply, uint64_t index);

/* 202 or 204 for what is kept until the engine is back: it has no index yet. */
void reply_kept(struct reply *reply, int status);

/* An error. `extra` is a whole header line that ends in CRLF, or NULL. */
void reply_problem(struct reply *reply, const struct problem *problem, const char *extra,
                   bool head_only);

/* 204 for OPTIONS; `allow` is the header line that says which, `extra` as above. */
void reply_allow(struct reply *reply, const char *allow, const char *extra);

/* 200 with these bytes, malloc'd, which the reply now owns. NULL: 503, out of memory. */
void reply_bytes(struct reply *reply, const char *type, char *bytes, size_t len,
                 bool head_only);

/* 200 with static bytes. `extra` as above. */
void reply_file(struct reply *reply, const char *type, struct text bytes,
                const char *extra, bool head_only);

void reply_dispose(struct reply *reply);

#endif
