/* SPDX-License-Identifier: ISC */
/*
 * reader: one HTTP/1.1 request whose answer is read as it comes, piece by piece, as
 * curl -N does. What does not come in time fails the test.
 */
#ifndef TESTS_READER_H
#define TESTS_READER_H

#include <stdbool.h>
#include <stddef.h>

struct reader {
    int fd, status;
    char head[4096]; /* a string: status line and headers */
    bool is_chunked; /* as nginx sends what has no length */
    size_t chunk_left;
    bool ended;  /* whole: with the last chunk, or closed where there are no chunks */
    char *bytes; /* decoded, and not taken yet */
    size_t len, capacity;
};

/* `method` NULL: GET. Headers are whole lines without their ends; NULL ends them. Reads
 * the head of the answer. `window`: of the socket's memory for what comes in; 0: as it
 * is. */
void reader_open(struct reader *reader, int port, const char *method, const char *path,
                 const char *const *headers, int window);
void reader_close(struct reader *reader);

/* Value of a header, in `out`; "" where there is none. */
const char *reader_header(const struct reader *reader, const char *name, char out[256]);

/* What stands before the next `mark`, as a string that the next call frees; the mark is
 * taken, too. NULL: the answer ended before. */
const char *reader_take(struct reader *reader, const char *mark);

/* The next event that is no comment alone, without its last empty line. */
const char *reader_event(struct reader *reader);

/* Fails the test unless the next event is this one, where %s stands for the index. */
void reader_must_have(struct reader *reader, const char *format, const char *index);

/* The same of the next line that is no heartbeat. */
void reader_must_have_line(struct reader *reader, const char *format, const char *index);

/* Whether nothing but comments comes within so many milliseconds. */
bool reader_is_quiet(struct reader *reader, int milliseconds);

/* Whether the answer ends, whole, and only comments come before. */
bool reader_ends(struct reader *reader);

#endif
