/* SPDX-License-Identifier: ISC */
/*
 * fcgi: the FastCGI protocol, version 1: bytes in, requests out. Private to the front.
 *
 * Nothing here touches a socket. The reader follows the records of one connection,
 * whatever the pieces that they come in, so that half a request never holds up a thread;
 * the parameters are decoded once they are all there (params.h).
 */
#ifndef FCGIWAIT_FRONT_FCGI_H
#define FCGIWAIT_FRONT_FCGI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/cgi.h"

enum fcgi_event {
    FCGI_MORE,    /* all bytes were taken; more are needed */
    FCGI_HEAD,    /* the parameters are there: call fcgi_keep_body(), then go on */
    FCGI_WHOLE,   /* the request is whole: answer it, then call fcgi_reader_follow() */
    FCGI_ABORTED, /* the web server gives up the request that is being read or answered */
    FCGI_REPLY,   /* send `answer` (fcgi_reader_answer()), then go on */
    FCGI_LAST,    /* send it, then close the connection */
    FCGI_BROKEN   /* fcgi_reader_wrong(); close the connection */
};

struct fcgi_reader;

/* NULL: out of memory. */
struct fcgi_reader *fcgi_reader_new(void);
void fcgi_reader_free(struct fcgi_reader **reader);

/* Forgets the request, keeps the buffers; the next record is another request's. */
void fcgi_reader_reset(struct fcgi_reader *reader);

/* The connection answers request `answering`, or none (0), from here on: what comes
 * belongs beside that request, or is a new one. A whole request is forgotten with it. */
void fcgi_reader_follow(struct fcgi_reader *reader, uint16_t answering);

/* A request is being answered, as far as the reader was told. */
bool fcgi_reader_is_busy(const struct fcgi_reader *reader);

/* Nothing of a record or a request has been taken in: the reader can be used elsewhere.
 */
bool fcgi_reader_rests(const struct fcgi_reader *reader);

/* Takes bytes off `bytes` up to the next event. Pure but for the reader. */
enum fcgi_event fcgi_feed(struct fcgi_reader *reader, struct text *bytes);

/* After FCGI_HEAD: how many bytes of the body to keep. A longer body is counted and
 * dropped. */
void fcgi_keep_body(struct fcgi_reader *reader, size_t most);

/* After FCGI_HEAD and FCGI_WHOLE; valid until the reader is reset, follows or is freed.
 */
const struct cgi *fcgi_reader_cgi(const struct fcgi_reader *reader);
uint16_t fcgi_reader_id(const struct fcgi_reader *reader);
/* Whether the connection is to stay open. */
bool fcgi_reader_keeps(const struct fcgi_reader *reader);

struct text fcgi_reader_answer(const struct fcgi_reader *reader);
const char *fcgi_reader_wrong(const struct fcgi_reader *reader);

#endif
