/* SPDX-License-Identifier: ISC */
/*
 * exchange: one request as a client sends it, and what came back of it, with the moments
 * at which it came. Plain values: whoever judges them needs no network.
 *
 * Private to the probe; one thread.
 */
#ifndef FCGIWAIT_PROBE_EXCHANGE_H
#define FCGIWAIT_PROBE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fcgiwait/clock.h"
#include "fcgiwait/text.h"

#define EXCHANGE_HEADERS 8
#define EXCHANGE_HEAD 16384
#define EXCHANGE_BODY 4096

/* How it ended where there is no whole answer. */
enum exchange_end {
    EXCHANGE_ANSWERED,
    EXCHANGE_CLOSED,    /* the connection was closed before the answer, or within it */
    EXCHANGE_TIMED_OUT, /* nothing came, and the connection is still there */
    EXCHANGE_LEFT,      /* the event came that was waited for */
    EXCHANGE_UNTRUSTED, /* the certificate is none that the system trusts */
    EXCHANGE_FAILED     /* no connection, or nothing that is HTTP: `failure` says it */
};

struct exchange {
    /* asked */
    char *url;                             /* malloc'd */
    const char *method;                    /* "GET" */
    const char *headers[EXCHANGE_HEADERS]; /* "Name: value", NULL behind the last */
    nanos wait;                            /* that is asked for; 0: none */
    nanos patience;                        /* how long the answer may take */
    bool unpacks;                          /* takes gzip, and undoes it */
    bool until_event;                      /* leaves a stream after its first event */
    const struct exchange *after; /* begins once a body byte of this one has come, or it
                                     has ended; NULL: with the others */

    /* got; moments are counted from the start, -1: it never came */
    enum exchange_end end;
    int status; /* 0: none */
    struct instant start;
    nanos head_at, body_at, end_at;
    nanos event_at;            /* the first event of a stream was whole, but for what
                                  tells no change */
    nanos sent_at;             /* there was a connection to send it on; 0: none */
    size_t head_len, body_len; /* body_len is what came, kept or not */
    bool reused;               /* the connection had been used before */
    long port;                 /* ours: tells connections apart */
    int version;               /* of HTTP: 10, 11, 20, 30 */
    struct {
        bool data;      /* the event under way has some: comments and retry have not */
        bool current;   /* it says that all was told before */
        size_t line;    /* letters of the line under way */
        char begin[16]; /* its first */
    } event;
    char redirect[2048]; /* where the answer sends to, as a whole URL; "": nowhere */
    bool sends_away;     /* to another scheme, host or port */
    char failure[256];
    char head[EXCHANGE_HEAD]; /* of the last response; the header lines, CRLF included */
    char body[EXCHANGE_BODY]; /* its first bytes */
};

/* The value of a header; `at` NULL where it is not there. Several are told by the first.
 */
struct text exchange_header(const struct exchange *exchange, const char *name);
bool exchange_has(const struct exchange *exchange, const char *name);

/* How many lines it has; pages read them as one, joined by commas. */
size_t exchange_count(const struct exchange *exchange, const char *name);

/* Whether a header holds this word in any of its lines, in any letter case. */
bool exchange_says(const struct exchange *exchange, const char *name, const char *word);

/* Whether this is a member of the list that a header is, in any letter case. */
bool exchange_lists(const struct exchange *exchange, const char *name,
                    struct text member);

/* X-Polling-Index as a number; false where there is none. */
bool exchange_index(const struct exchange *exchange, uint64_t *index);

struct text exchange_body(const struct exchange *exchange);

/* These bytes of the body, undone, have come at this moment. */
void exchange_take(struct exchange *exchange, const char *bytes, size_t len, nanos at);

/* Whether the answer is a stream of events, as far as it says so. */
bool exchange_is_stream(const struct exchange *exchange);

#endif
