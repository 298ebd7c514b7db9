/* SPDX-License-Identifier: ISC */
/*
 * record: FastCGI records that we write (FastCGI 1.0, section 3.3). Private to the front;
 * pure.
 */
#ifndef FCGIWAIT_FRONT_RECORD_H
#define FCGIWAIT_FRONT_RECORD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgiwait/reply.h"

#define RECORD_HEADER 8
#define RECORD_END 16 /* a whole END_REQUEST record */

void record_header(unsigned char out[RECORD_HEADER], unsigned char type, uint16_t id,
                   size_t len);

/* END_REQUEST, with a protocol status such as FCGI_REQUEST_COMPLETE. */
void record_end(unsigned char out[RECORD_END], uint16_t id, unsigned char status);

void record_complete(unsigned char out[RECORD_END], uint16_t id);

/* What asks the web server to close the connection (outgoing.h). */
void record_dismissal(unsigned char out[RECORD_HEADER], uint16_t id);

/* How long the records of a reply are in all. */
size_t record_reply_len(const struct reply *reply);

/* The records of a reply from byte `sent` on, as pieces to write: some of them at least,
 * unless all was sent. `pieces` point into the reply and into `work`. Returns how many.
 */
#define RECORD_PIECES 40
struct record_work {
    unsigned char headers[RECORD_PIECES / 4][RECORD_HEADER];
    unsigned char end[RECORD_HEADER + RECORD_END];
};
int record_reply_pieces(const struct reply *reply, uint16_t id, size_t sent,
                        struct record_work *work, struct iovec pieces[RECORD_PIECES]);

#endif
