/* SPDX-License-Identifier: ISC */
/*
 * record: FastCGI records that we write (FastCGI 1.0, section 3.3). Private to the front;
 * pure.
 */
#ifndef FCGIWAIT_FRONT_RECORD_H
#define FCGIWAIT_FRONT_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgiwait/text.h"

#define RECORD_HEADER 8
#define RECORD_END 16 /* a whole END_REQUEST record */

void record_header(unsigned char out[RECORD_HEADER], unsigned char type, uint16_t id,
                   size_t len);

/* END_REQUEST, with a protocol status such as FCGI_REQUEST_COMPLETE. */
void record_end(unsigned char out[RECORD_END], uint16_t id, unsigned char status);

void record_complete(unsigned char out[RECORD_END], uint16_t id);

/* What asks the web server to close the connection (answering.h). */
void record_dismissal(unsigned char out[RECORD_HEADER], uint16_t id);

/* A piece of an answer, as it goes out: content of FCGI_STDOUT, and what ends the request
 * where it is the last. The bytes are somebody else's. */
struct content {
    struct text head, body;
    bool ends;
};

/* How long its records are in all. */
size_t record_len(const struct content *content);

/* The records from byte `sent` on, as pieces to write: some of them at least, unless all
 * was sent. `pieces` point into the content and into `work`. Returns how many. */
#define RECORD_PIECES 40
struct record_work {
    unsigned char headers[RECORD_PIECES / 4][RECORD_HEADER];
    unsigned char end[RECORD_HEADER + RECORD_END];
};
int record_pieces(const struct content *content, uint16_t id, size_t sent,
                  struct record_work *work, struct iovec pieces[RECORD_PIECES]);

#endif
