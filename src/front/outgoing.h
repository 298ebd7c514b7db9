/* SPDX-License-Identifier: ISC */
/*
 * outgoing: a piece of an answer that the socket did not take at once, and what the
 * protocol itself has to say behind it. Private to the front. Belongs to its connection
 * (connection.h), whose lock guards it.
 */
#ifndef FCGIWAIT_FRONT_OUTGOING_H
#define FCGIWAIT_FRONT_OUTGOING_H

#include "record.h"
#include "send.h"

/* Where a piece comes from: a reply, a chunk, or neither. */
struct piece {
    const struct reply *reply;
    struct chunk *chunk;
    bool ends;
};

struct content outgoing_content(const struct piece *piece);

struct outgoing;

/* What is left of the piece after `sent` bytes of its records. Takes the reply over, or a
 * reference of the chunk. NULL: out of memory, and nothing was taken. */
struct outgoing *outgoing_keep(const struct piece *piece, size_t sent);
void outgoing_free(struct outgoing **outgoing); /* *outgoing may be NULL */

/* As much as the socket takes now, what was added included. `progress`: it took some. */
enum sent outgoing_send(struct outgoing *outgoing, int fd, uint16_t id, bool *progress);

/* Something of the protocol itself, to follow behind. False: more than anybody who reads
 * lets gather. */
bool outgoing_add(struct outgoing *outgoing, struct text bytes)
    __attribute__((warn_unused_result));

#endif
