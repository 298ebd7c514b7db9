/* SPDX-License-Identifier: ISC */
/*
 * exchange: how a request is answered: by one reply, or by a head, chunks and an end.
 *
 *   service ──> reply                                        at once, or held before
 *   service ──> head ──> chunk ──> chunk ──> ... ──> end     a stream
 *
 * The front (tests: a buffer) does what is in `exchange_ops`; who streams says what is in
 * `exchange_user`. A request is in one hand at a time. It is the service's from
 * service_serve() on; reply and end give it back. What a head or a chunk comes to says
 * whose it is then:
 *
 *   SENT_ALL     the service's, as before: the next chunk may follow at any time.
 *   SENT_PART    the front's: the rest goes out once the socket takes it. Then the front
 *                calls `writable`, and the request is the service's; or `closed`, and it
 *                is over. No chunk queues up behind another: whoever streams decides in
 *                `writable` what is the newest thing to say.
 *   SENT_BROKEN  the service's, to clear up and end: nobody hears it any more.
 *
 * Ops are called from any thread with no locks held, and do not block.
 */
#ifndef FCGIWAIT_EXCHANGE_H
#define FCGIWAIT_EXCHANGE_H

#include "fcgiwait/chunk.h"
#include "fcgiwait/reply.h"

struct request;

enum sent { SENT_ALL, SENT_PART, SENT_BROKEN };

typedef enum sent exchange_head_fn(struct request *request, struct reply *reply)
    __attribute__((warn_unused_result));
typedef enum sent exchange_chunk_fn(struct request *request, struct chunk *chunk)
    __attribute__((warn_unused_result));

struct exchange_ops {
    /* The whole answer. NULL: there is nobody to answer. */
    void (*reply)(struct request *request, struct reply *reply);

    /* Begins a stream with the reply's head, and its body as the first piece of it.
     * request->user is set. */
    exchange_head_fn *head;

    /* Not empty. The reference stays the caller's. */
    exchange_chunk_fn *chunk;

    /* Ends a stream, with a last chunk, or NULL. */
    void (*end)(struct request *request, struct chunk *chunk);
};

/* The first two are called by the front's thread, with no locks held, and must not block.
 */
struct exchange_user {
    /* All was sent: the request is the service's again. */
    void (*writable)(struct request *request);

    /* The client is gone, or has lost our patience. The request is the front's when this
     * returns; no end is to be called. */
    void (*closed)(struct request *request);

    /* How long the client may take nothing. Any thread, with locks held: it only looks.
     */
    nanos (*patience)(const struct request *request);
};

#endif
