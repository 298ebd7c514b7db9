/* SPDX-License-Identifier: ISC */
/*
 * The reader: a state machine over records, fed with whatever bytes have come. It never
 * asks for more, so that half a request holds up nobody.
 */
#include "fcgi.h"

#include <stdlib.h>
#include <string.h>

#include <fastcgi.h>

#include "params.h"
#include "record.h"

#define VALUES_MOST 512

enum stage {
    STAGE_IDLE, /* no request */
    STAGE_PARAMS,
    STAGE_BODY,
    STAGE_WHOLE,
    STAGE_BUSY /* the request is being answered */
};

struct fcgi_reader {
    /* the record that is being taken in */
    unsigned char header[RECORD_HEADER];
    size_t header_len;
    size_t content_left, padding_left;
    /* the request */
    enum stage stage;
    bool keeps;
    uint16_t id;
    struct params *params;
    char *body;
    size_t body_len, body_capacity, body_most;
    struct cgi cgi;
    /* a short record's content, and what we say to it */
    unsigned char content[VALUES_MOST];
    size_t content_len;
    unsigned char answer[VALUES_MOST];
    size_t answer_len;
    const char *wrong;
};

/* --- the reader's life --- */

struct fcgi_reader *fcgi_reader_new(void)
{
    struct fcgi_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->params = params_new();
    if (reader->params == NULL) {
        free(reader);
        return NULL;
    }
    return reader;
}

static void forget_request(struct fcgi_reader *reader)
{
    params_reset(reader->params);
    free(reader->body);
    reader->body = NULL;
    reader->body_len = reader->body_capacity = reader->body_most = 0;
    reader->cgi = (struct cgi){.too_long = false};
}

void fcgi_reader_reset(struct fcgi_reader *reader)
{
    if (reader->stage == STAGE_IDLE) /* there is nothing to forget */
        return;
    forget_request(reader);
    reader->stage = STAGE_IDLE;
    reader->id = 0;
}

void fcgi_reader_follow(struct fcgi_reader *reader, uint16_t answering)
{
    bool busy = reader->stage == STAGE_BUSY;
    if (answering != 0 && !busy) {
        forget_request(reader);
        reader->stage = STAGE_BUSY;
        reader->id = answering;
    } else if (answering == 0 && (busy || reader->stage == STAGE_WHOLE)) {
        fcgi_reader_reset(reader);
    }
}

bool fcgi_reader_is_busy(const struct fcgi_reader *reader)
{
    return reader->stage == STAGE_BUSY;
}

void fcgi_reader_free(struct fcgi_reader **pointer)
{
    struct fcgi_reader *reader = *pointer;
    *pointer = NULL;
    if (reader == NULL)
        return;
    forget_request(reader);
    params_free(&reader->params);
    free(reader);
}

bool fcgi_reader_rests(const struct fcgi_reader *reader)
{
    return (reader->stage == STAGE_IDLE || reader->stage == STAGE_BUSY) &&
           reader->header_len == 0 && reader->content_left == 0 &&
           reader->padding_left == 0;
}

const struct cgi *fcgi_reader_cgi(const struct fcgi_reader *reader)
{
    return &reader->cgi;
}

uint16_t fcgi_reader_id(const struct fcgi_reader *reader)
{
    return reader->id;
}

bool fcgi_reader_keeps(const struct fcgi_reader *reader)
{
    return reader->keeps;
}

struct text fcgi_reader_answer(const struct fcgi_reader *reader)
{
    return (struct text){(const char *)reader->answer, reader->answer_len};
}

const char *fcgi_reader_wrong(const struct fcgi_reader *reader)
{
    return reader->wrong;
}

void fcgi_keep_body(struct fcgi_reader *reader, size_t most)
{
    reader->body_most = most;
}

static enum fcgi_event broken(struct fcgi_reader *reader, const char *wrong)
{
    reader->wrong = wrong;
    return FCGI_BROKEN;
}

static enum fcgi_event params_end(struct fcgi_reader *reader)
{
    reader->stage = STAGE_BODY;
    if (!params_decode(reader->params, &reader->cgi))
        return broken(reader, "parameters that are not name-value pairs");
    return FCGI_HEAD;
}

/* --- body --- */

static bool body_grow(struct fcgi_reader *reader, size_t need)
{
    size_t capacity = reader->body_capacity < 4096 ? 4096 : 2 * reader->body_capacity;
    if (capacity < need)
        capacity = need;
    char *body = realloc(reader->body, capacity);
    if (body == NULL)
        return false;
    reader->body = body;
    reader->body_capacity = capacity;
    return true;
}

/* One that is too long is dropped from there on: it will be refused for its length. */
static bool body_add(struct fcgi_reader *reader, struct text bytes)
{
    reader->cgi.body_length += bytes.len;
    if (reader->cgi.body_length > reader->body_most) {
        free(reader->body);
        reader->body = NULL;
        reader->body_len = reader->body_capacity = reader->body_most = 0;
        return true;
    }
    if (bytes.len > reader->body_capacity - reader->body_len &&
        !body_grow(reader, reader->body_len + bytes.len))
        return false;
    memcpy(reader->body + reader->body_len, bytes.at, bytes.len);
    reader->body_len += bytes.len;
    return true;
}

static enum fcgi_event body_end(struct fcgi_reader *reader)
{
    reader->stage = STAGE_WHOLE;
    reader->cgi.body = (struct text){reader->body, reader->body_len};
    return FCGI_WHOLE;
}

/* --- records --- */

static enum fcgi_event say_end(struct fcgi_reader *reader, uint16_t id,
                               unsigned char status)
{
    record_end(reader->answer, id, status);
    reader->answer_len = RECORD_END;
    return FCGI_REPLY;
}

/* The web server alone may keep a connection (section 3.5). */
static enum fcgi_event refuse_role(struct fcgi_reader *reader, uint16_t id, bool keeps)
{
    say_end(reader, id, FCGI_UNKNOWN_ROLE);
    return keeps ? FCGI_REPLY : FCGI_LAST;
}

static enum fcgi_event begin_end(struct fcgi_reader *reader, uint16_t id)
{
    const unsigned char *body = reader->content;
    if (reader->content_len != 8)
        return broken(reader, "a BEGIN_REQUEST record of the wrong length");
    if (reader->stage != STAGE_IDLE)
        return id == reader->id ? broken(reader, "a request begun twice")
                                : say_end(reader, id, FCGI_CANT_MPX_CONN);
    if (body[0] != 0 || body[1] != FCGI_RESPONDER)
        return refuse_role(reader, id, (body[2] & FCGI_KEEP_CONN) != 0);
    reader->stage = STAGE_PARAMS;
    reader->id = id;
    reader->keeps = (body[2] & FCGI_KEEP_CONN) != 0;
    return FCGI_MORE;
}

/* What we say to a name of GET_VALUES; NULL: nothing. Connections have a limit only in
 * descriptors, and requests in connections, so only one of the three has an answer of
 * ours. */
static const char *value_for(struct text name)
{
    return text_is(name, TEXT(FCGI_MPXS_CONNS)) ? "0" : NULL;
}

static enum fcgi_event values_end(struct fcgi_reader *reader)
{
    struct text rest = {(const char *)reader->content, reader->content_len};
    struct text name, value;
    size_t len = RECORD_HEADER;
    while (rest.len > 0 && params_take_pair(&rest, &name, &value)) {
        const char *ours = value_for(name);
        if (ours != NULL && len + 3 + name.len <= VALUES_MOST) {
            reader->answer[len++] = (unsigned char)name.len;
            reader->answer[len++] = 1;
            memcpy(reader->answer + len, name.at, name.len);
            reader->answer[len + name.len] = (unsigned char)ours[0];
            len += name.len + 1;
        }
    }
    record_header(reader->answer, FCGI_GET_VALUES_RESULT, 0, len - RECORD_HEADER);
    reader->answer_len = len;
    return FCGI_REPLY;
}

static enum fcgi_event unknown_end(struct fcgi_reader *reader, unsigned char type)
{
    record_header(reader->answer, FCGI_UNKNOWN_TYPE, 0, 8);
    memset(reader->answer + RECORD_HEADER, 0, 8);
    reader->answer[RECORD_HEADER] = type;
    reader->answer_len = RECORD_HEADER + 8;
    return FCGI_REPLY;
}

static uint16_t record_id(const struct fcgi_reader *reader)
{
    return (uint16_t)(reader->header[2] << 8 | reader->header[3]);
}

static bool is_ours(const struct fcgi_reader *reader)
{
    return reader->stage != STAGE_IDLE && record_id(reader) == reader->id;
}

/* The content of a record came to its end. */
static enum fcgi_event content_end(struct fcgi_reader *reader, bool empty)
{
    unsigned char type = reader->header[1];
    if (record_id(reader) == FCGI_NULL_REQUEST_ID)
        return type == FCGI_GET_VALUES ? values_end(reader) : unknown_end(reader, type);
    if (type == FCGI_BEGIN_REQUEST)
        return begin_end(reader, record_id(reader));
    if (!is_ours(reader))
        return FCGI_MORE;
    if (type == FCGI_ABORT_REQUEST)
        return FCGI_ABORTED;
    if (type == FCGI_PARAMS && reader->stage == STAGE_PARAMS)
        return empty ? params_end(reader) : FCGI_MORE;
    if (type == FCGI_STDIN && reader->stage == STAGE_BODY)
        return empty ? body_end(reader) : FCGI_MORE;
    return reader->stage == STAGE_BUSY ? FCGI_MORE
                                       : broken(reader, "a record out of its order");
}

static bool content_add(struct fcgi_reader *reader, struct text bytes)
{
    unsigned char type = reader->header[1];
    if (type == FCGI_BEGIN_REQUEST || record_id(reader) == FCGI_NULL_REQUEST_ID) {
        size_t capacity = VALUES_MOST - reader->content_len;
        size_t len = bytes.len < capacity ? bytes.len : capacity;
        memcpy(reader->content + reader->content_len, bytes.at, len);
        reader->content_len += len;
    } else if (is_ours(reader) && type == FCGI_PARAMS && reader->stage == STAGE_PARAMS) {
        return params_add(reader->params, bytes);
    } else if (is_ours(reader) && type == FCGI_STDIN && reader->stage == STAGE_BODY) {
        return body_add(reader, bytes);
    }
    return true;
}

static struct text take(struct text *bytes, size_t most)
{
    struct text taken = {bytes->at, bytes->len < most ? bytes->len : most};
    text_skip(bytes, taken.len);
    return taken;
}

/* True once the eight bytes are there. */
static bool take_header(struct fcgi_reader *reader, struct text *bytes)
{
    struct text piece = take(bytes, RECORD_HEADER - reader->header_len);
    memcpy(reader->header + reader->header_len, piece.at, piece.len);
    reader->header_len += piece.len;
    if (reader->header_len < RECORD_HEADER)
        return false;
    reader->content_left = (size_t)reader->header[4] << 8 | reader->header[5];
    reader->padding_left = reader->header[6];
    reader->content_len = 0;
    return true;
}

enum fcgi_event fcgi_feed(struct fcgi_reader *reader, struct text *bytes)
{
    while (bytes->len > 0) {
        bool fresh = reader->header_len < RECORD_HEADER;
        if (fresh) {
            if (!take_header(reader, bytes))
                return FCGI_MORE;
            if (reader->header[0] != FCGI_VERSION_1)
                return broken(reader, "a record that is not FastCGI version 1");
        }
        bool empty = fresh && reader->content_left == 0;
        bool ends = empty;
        if (reader->content_left > 0) {
            struct text piece = take(bytes, reader->content_left);
            reader->content_left -= piece.len;
            ends = piece.len > 0 && reader->content_left == 0;
            if (piece.len > 0 && !content_add(reader, piece))
                return broken(reader, "out of memory");
        }
        enum fcgi_event event = ends ? content_end(reader, empty) : FCGI_MORE;
        if (event == FCGI_BROKEN)
            return event;
        if (reader->content_left == 0) {
            reader->padding_left -= take(bytes, reader->padding_left).len;
            if (reader->padding_left == 0)
                reader->header_len = 0;
        }
        if (event != FCGI_MORE)
            return event;
    }
    return FCGI_MORE;
}
