/* SPDX-License-Identifier: ISC */
/*
 * FastCGI records as bytes. A reply is laid out afresh from how much of it has been sent,
 * so that nothing but that number is kept of what goes out in parts.
 */
#include "record.h"

#include <string.h>

#include <fastcgi.h>

void record_header(unsigned char out[RECORD_HEADER], unsigned char type, uint16_t id,
                   size_t len)
{
    out[0] = FCGI_VERSION_1;
    out[1] = type;
    out[2] = (unsigned char)(id >> 8);
    out[3] = (unsigned char)id;
    out[4] = (unsigned char)(len >> 8);
    out[5] = (unsigned char)len;
    out[6] = out[7] = 0;
}

void record_end(unsigned char out[RECORD_END], uint16_t id, unsigned char status)
{
    record_header(out, FCGI_END_REQUEST, id, 8);
    memset(out + RECORD_HEADER, 0, 8);
    out[RECORD_HEADER + 4] = status;
}

void record_complete(unsigned char out[RECORD_END], uint16_t id)
{
    record_end(out, id, FCGI_REQUEST_COMPLETE);
}

void record_dismissal(unsigned char out[RECORD_HEADER], uint16_t id)
{
    record_header(out, FCGI_STDERR, id, 0);
}

#define CONTENT_MOST 65528 /* content of one record; a multiple of 8 needs no padding */
#define END_ALL (RECORD_HEADER + RECORD_END)

static size_t content_len(const struct content *content)
{
    return content->head.len + content->body.len;
}

size_t record_len(const struct content *content)
{
    size_t len = content_len(content);
    size_t end = content->ends ? END_ALL : 0;
    return len + RECORD_HEADER * ((len + CONTENT_MOST - 1) / CONTENT_MOST) + end;
}

struct pieces {
    struct iovec *at;
    int count;
    size_t skip; /* bytes that were sent before */
};

static void add_piece(struct pieces *pieces, const void *bytes, size_t len)
{
    size_t skip = pieces->skip < len ? pieces->skip : len;
    pieces->skip -= skip;
    if (len > skip)
        pieces->at[pieces->count++] = (struct iovec){(char *)bytes + skip, len - skip};
}

/* The content from `start` on, `len` bytes of it: a piece of the head, a piece of the
 * body. */
static void add_content(struct pieces *pieces, const struct content *content,
                        size_t start, size_t len)
{
    const struct text *head = &content->head;
    if (start < head->len) {
        size_t here = head->len - start < len ? head->len - start : len;
        add_piece(pieces, head->at + start, here);
        start += here;
        len -= here;
    }
    if (len > 0)
        add_piece(pieces, content->body.at + (start - head->len), len);
}

int record_pieces(const struct content *content, uint16_t id, size_t sent,
                  struct record_work *work, struct iovec out[RECORD_PIECES])
{
    size_t total = content_len(content);
    size_t record = sent / (RECORD_HEADER + CONTENT_MOST);
    struct pieces pieces = {out, 0, 0};
    int headers = 0;
    if (record > total / CONTENT_MOST) /* only the end is left */
        record = total / CONTENT_MOST;
    size_t start = record * CONTENT_MOST;
    pieces.skip = sent - record * RECORD_HEADER - start;
    while (start < total && headers < RECORD_PIECES / 4 - 1) {
        size_t len = total - start < CONTENT_MOST ? total - start : CONTENT_MOST;
        record_header(work->headers[headers], FCGI_STDOUT, id, len);
        add_piece(&pieces, work->headers[headers++], RECORD_HEADER);
        add_content(&pieces, content, start, len);
        start += len;
    }
    if (start == total && content->ends) {
        record_header(work->end, FCGI_STDOUT, id, 0);
        record_complete(work->end + RECORD_HEADER, id);
        add_piece(&pieces, work->end, END_ALL);
    }
    return pieces.count;
}
