/*
 * fcgi: the FastCGI protocol, version 1: bytes in, requests out; replies in, records out.
 * Private to the front, and the only door to libfcgi.
 *
 * Nothing here touches a socket. The reader follows the records of one connection,
 * whatever the pieces that they come in; libfcgi decodes the parameters once they are all
 * there, and reads them from memory (fcgi.c says how), so that half a request never holds
 * up a thread.
 */
#ifndef FCGIWAIT_FRONT_FCGI_H
#define FCGIWAIT_FRONT_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "fcgiwait/cgi.h"
#include "fcgiwait/reply.h"

/* Once, from main, before the first reader. */
bool fcgi_open(void);

enum fcgi_event {
    FCGI_MORE,    /* all bytes were taken; more are needed */
    FCGI_HEAD,    /* the parameters are there: call fcgi_keep_body(), then go on */
    FCGI_WHOLE,   /* the request is whole: answer it, then call fcgi_reader_reset() */
    FCGI_ABORTED, /* the web server gives up the request that is being read or answered */
    FCGI_REPLY,   /* send `answer` (fcgi_reader_answer()), then go on */
    FCGI_BROKEN   /* not FastCGI, or out of memory (fcgi_reader_wrong()): close the
                     connection */
};

struct fcgi_reader;

/* NULL: out of memory. */
struct fcgi_reader *fcgi_reader_new(void);
void fcgi_reader_free(struct fcgi_reader **reader);

/* Forgets the request, keeps the buffers; the next record is another request's. */
void fcgi_reader_reset(struct fcgi_reader *reader);

/* Forgets the request, but takes the next records as coming while `id` is being answered.
 */
void fcgi_reader_busy(struct fcgi_reader *reader, uint16_t id);

/* The request that the reader took for busy has been answered. Else nothing changes. */
void fcgi_reader_ready(struct fcgi_reader *reader);

/* Nothing of a record or a request has been taken in: the reader can be used elsewhere.
 */
bool fcgi_reader_rests(const struct fcgi_reader *reader);

/* Takes bytes off `bytes` up to the next event. Pure but for the reader. */
enum fcgi_event fcgi_feed(struct fcgi_reader *reader, struct text *bytes);

/* After FCGI_HEAD: how many bytes of the body to keep. A longer body is counted and
 * dropped. */
void fcgi_keep_body(struct fcgi_reader *reader, size_t most);

/* After FCGI_HEAD and FCGI_WHOLE; valid until the reader is reset, busy or freed. */
const struct cgi *fcgi_reader_cgi(const struct fcgi_reader *reader);
uint16_t fcgi_reader_id(const struct fcgi_reader *reader);
bool fcgi_reader_keeps(
    const struct fcgi_reader *reader); /* the connection is to stay open */

struct text fcgi_reader_answer(const struct fcgi_reader *reader);
const char *fcgi_reader_wrong(const struct fcgi_reader *reader);

/* How long the records of a reply are in all. */
size_t fcgi_reply_len(const struct reply *reply);

/* The records of a reply from byte `sent` on, as pieces to write: some of them at least,
 * unless all was sent. `pieces` point into the reply and into `work`. Returns how many.
 */
#define FCGI_PIECES 40
struct fcgi_work {
    unsigned char headers[(FCGI_PIECES / 4)][8];
    unsigned char end[24];
};
int fcgi_reply_pieces(const struct reply *reply, uint16_t id, size_t sent,
                      struct fcgi_work *work, struct iovec pieces[FCGI_PIECES]);

/* An END_REQUEST record without an answer. */
#define FCGI_END_LEN 16
void fcgi_end(uint16_t id, unsigned char out[FCGI_END_LEN]);

#endif
