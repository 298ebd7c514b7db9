/* SPDX-License-Identifier: ISC */
/*
 * answer: reads HTTP/1.1 answers from whatever pieces arrive, one at a time.
 *
 * Knows Content-Length and chunks. Of the body it keeps only the beginning; of an event
 * stream (text/event-stream) the line that has just come.
 */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

#define ANSWER_INDEX 24
#define ANSWER_LINE 200

enum answer_stage {
    ANSWER_STATUS,
    ANSWER_HEADER,
    ANSWER_BODY,
    ANSWER_CHUNK_SIZE,
    ANSWER_CHUNK,
    ANSWER_CHUNK_END,
    ANSWER_TRAILER,
    ANSWER_COMPLETE,
    ANSWER_BROKEN
};

struct answer {
    enum answer_stage stage;
    int status;
    bool closes;              /* the server hangs up after it */
    char index[ANSWER_INDEX]; /* X-Polling-Index, or "" */
    char *body;               /* the owner's room for the beginning, with its NUL */
    size_t body_room, body_len;
    bool chunked;
    bool streams;  /* an event stream, and its header is there */
    bool has_line; /* a line of it is: the body */
    bool has_length;
    unsigned long left; /* of the body, or of the chunk */
    size_t line_len;
    char line[ANSWER_LINE];
};

/* Ready for the next answer; the body's room stays. */
void answer_reset(struct answer *answer);

/* A line of a stream has been seen, and the next one takes its place. */
void answer_next_line(struct answer *answer);

/* Returns how much was used; stops behind a complete answer, behind each line of a
 * stream, and at nonsense. */
size_t answer_feed(struct answer *answer, const char *bytes, size_t len);

#endif
