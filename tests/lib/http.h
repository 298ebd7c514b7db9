/* SPDX-License-Identifier: ISC */
/*
 * http: HTTP requests to 127.0.0.1, one at a time or on a thread of their own (libcurl).
 */
#ifndef TESTS_HTTP_H
#define TESTS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct answer {
    long status;          /* 0: no answer */
    double seconds;       /* that it took */
    char *headers, *body; /* strings; answer_free() */
    size_t body_len;
};

#define HTTP_HEADERS 6

struct http {
    int port;
    const char *method;                /* NULL: GET */
    const char *path;                  /* with the query, as it goes over the wire */
    const char *headers[HTTP_HEADERS]; /* "Name: value"; NULL ends them */
    const char *body;                  /* NULL: none */
    size_t body_len;                   /* 0: its strlen() */
    long timeout;                      /* seconds; 0: 100 */
};

struct answer http(const struct http *request);
struct answer http_get(int port, const char *path, const char *header);
/* PUT of JSON under /publish; returns the status, and the index where it is asked for. */
long http_put(int port, const char *resource, const char *json, char index[24]);
/* The same for DELETE, and for POST with no body. */
long http_publish(int port, const char *method, const char *resource, char index[24]);

/* The value of a header, in `out`; "" where there is none. */
const char *answer_header(const struct answer *answer, const char *name, char out[256]);
void answer_free(struct answer *answer);

/* Ends the test where the header has another value; NULL: where it is there at all. */
void answer_must_have(const struct answer *answer, const char *name, const char *value);

/* Ends the test where the status is another, or the body is without `part`. The answer is
 * freed. */
void answer_must_be(struct answer answer, long status, const char *part);

bool http_answers(int port); /* somebody listens */

/* The same on another thread. Path and headers are copied, the body has to stay. */
struct call;
struct call *call_start(const struct http *request);
bool call_done(const struct call *call);
/* Waits for the answer; frees the call. */
struct answer call_join(struct call *call);

#endif
