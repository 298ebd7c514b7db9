#include "fcgi.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <fcgiapp.h>
/* fastcgi.h and fcgiapp.h call a macro alike. */
#include <fastcgi.h>

/*
 * libfcgi reads through OS_Read(), a function of its own operating system layer
 * (fcgios.h). The dynamic linker gives it ours, since the program's symbols come before a
 * library's: configure checks that it does. It hands out the bytes of a request that has
 * arrived whole, and so never waits. The descriptor that libfcgi believes in is one that
 * no process has.
 */
#define NO_DESCRIPTOR INT_MAX

static _Thread_local struct text feed;

int OS_Read(int fd, char *out, size_t room);

int OS_Read(int fd, char *out, size_t room)
{
    (void)fd;
    size_t len = feed.len < room ? feed.len : room;
    if (len > INT_MAX)
        len = INT_MAX;
    memcpy(out, feed.at, len);
    text_skip(&feed, len);
    return (int)len;
}

#define HEADER 8
#define BEGIN (HEADER + 8)
#define PREFIX (BEGIN + HEADER) /* what stands before the parameters for libfcgi */
#define HEAD_MOST 65535         /* one record of parameters is as much as it is given */
#define HEAD_FIRST 4096
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
    unsigned char header[HEADER];
    size_t header_len;
    size_t content_left, padding_left;
    /* the request */
    enum stage stage;
    bool keeps, aborted;
    uint16_t id;
    char *head; /* PREFIX, the parameters, and room for a last header */
    size_t head_len, head_room;
    FCGX_Request decoded;
    bool is_decoded;
    char *body;
    size_t body_len, body_room, body_most;
    struct cgi cgi;
    /* a short record's content, and what we say to it */
    unsigned char content[VALUES_MOST];
    size_t content_len;
    unsigned char answer[VALUES_MOST];
    size_t answer_len;
    const char *wrong;
};

/* --- writing records --- */

static void put_header(unsigned char out[HEADER], unsigned char type, uint16_t id,
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

static void put_end(unsigned char out[FCGI_END_LEN], uint16_t id, unsigned char status)
{
    put_header(out, FCGI_END_REQUEST, id, 8);
    memset(out + HEADER, 0, 8);
    out[HEADER + 4] = status;
}

void fcgi_end(uint16_t id, unsigned char out[FCGI_END_LEN])
{
    put_end(out, id, FCGI_REQUEST_COMPLETE);
}

#define RECORD_MOST 65528 /* content of one record; a multiple of 8 needs no padding */
#define END_ALL (HEADER + FCGI_END_LEN)

static size_t content_len(const struct reply *reply)
{
    return reply->head_len + reply->body.len;
}

size_t fcgi_reply_len(const struct reply *reply)
{
    size_t len = content_len(reply);
    return len + HEADER * ((len + RECORD_MOST - 1) / RECORD_MOST) + END_ALL;
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
static void add_content(struct pieces *pieces, const struct reply *reply, size_t start,
                        size_t len)
{
    if (start < reply->head_len) {
        size_t here = reply->head_len - start < len ? reply->head_len - start : len;
        add_piece(pieces, reply->head + start, here);
        start += here;
        len -= here;
    }
    if (len > 0)
        add_piece(pieces, reply->body.at + (start - reply->head_len), len);
}

int fcgi_reply_pieces(const struct reply *reply, uint16_t id, size_t sent,
                      struct fcgi_work *work, struct iovec out[FCGI_PIECES])
{
    size_t total = content_len(reply);
    size_t record = sent / (HEADER + RECORD_MOST);
    struct pieces pieces = {out, 0, 0};
    int headers = 0;
    if (record > total / RECORD_MOST) /* only the end is left */
        record = total / RECORD_MOST;
    size_t start = record * RECORD_MOST;
    pieces.skip = sent - record * HEADER - start;
    while (start < total && headers < FCGI_PIECES / 4 - 1) {
        size_t len = total - start < RECORD_MOST ? total - start : RECORD_MOST;
        put_header(work->headers[headers], FCGI_STDOUT, id, len);
        add_piece(&pieces, work->headers[headers++], HEADER);
        add_content(&pieces, reply, start, len);
        start += len;
    }
    if (start == total) {
        put_header(work->end, FCGI_STDOUT, id, 0);
        put_end(work->end + HEADER, id, FCGI_REQUEST_COMPLETE);
        add_piece(&pieces, work->end, END_ALL);
    }
    return pieces.count;
}

/* --- the reader's life --- */

bool fcgi_open(void)
{
    return FCGX_Init() == 0;
}

struct fcgi_reader *fcgi_reader_new(void)
{
    struct fcgi_reader *reader = calloc(1, sizeof *reader);
    if (reader == NULL)
        return NULL;
    reader->head = malloc(PREFIX + HEAD_FIRST + HEADER);
    if (reader->head == NULL) {
        free(reader);
        return NULL;
    }
    reader->head_room = HEAD_FIRST;
    return reader;
}

static void forget_request(struct fcgi_reader *reader)
{
    if (reader->is_decoded)
        FCGX_Free(&reader->decoded, 0);
    free(reader->body);
    reader->is_decoded = false;
    reader->body = NULL;
    reader->head_len = reader->body_len = reader->body_room = reader->body_most = 0;
    reader->aborted = false;
    reader->cgi = (struct cgi){.too_long = false};
}

void fcgi_reader_reset(struct fcgi_reader *reader)
{
    forget_request(reader);
    reader->stage = STAGE_IDLE;
    reader->id = 0;
}

void fcgi_reader_busy(struct fcgi_reader *reader, uint16_t id)
{
    forget_request(reader);
    reader->stage = STAGE_BUSY;
    reader->id = id;
}

void fcgi_reader_ready(struct fcgi_reader *reader)
{
    if (reader->stage == STAGE_BUSY)
        fcgi_reader_reset(reader);
}

void fcgi_reader_free(struct fcgi_reader **pointer)
{
    struct fcgi_reader *reader = *pointer;
    *pointer = NULL;
    if (reader == NULL)
        return;
    forget_request(reader);
    free(reader->head);
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

/* --- parameters --- */

static enum fcgi_event broken(struct fcgi_reader *reader, const char *wrong)
{
    reader->wrong = wrong;
    return FCGI_BROKEN;
}

/* A length of a name or a value: one byte, or four with the top bit set. */
static bool take_length(struct text *rest, size_t *len)
{
    const unsigned char *at = (const unsigned char *)rest->at;
    size_t size = rest->len > 0 && (at[0] & 0x80) != 0 ? 4 : 1;
    if (rest->len < size)
        return false;
    *len = at[0];
    if (size == 4)
        *len = (size_t)(at[0] & 0x7f) << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 |
               at[3];
    text_skip(rest, size);
    return true;
}

/* libfcgi allocates what a length says before it looks whether so much is there, and
 * takes a NUL for the end of a value: neither gets as far as that. */
static bool params_are_sound(struct text rest)
{
    while (rest.len > 0) {
        size_t name, value;
        if (!take_length(&rest, &name) || !take_length(&rest, &value))
            return false;
        if (name > rest.len || value > rest.len - name)
            return false;
        if (memchr(rest.at, '\0', name + value) != NULL)
            return false;
        text_skip(&rest, name + value);
    }
    return true;
}

static bool decode(struct fcgi_reader *reader)
{
    unsigned char *head = (unsigned char *)reader->head;
    put_header(head, FCGI_BEGIN_REQUEST, reader->id, 8);
    memset(head + HEADER, 0, 8);
    head[HEADER + 1] = FCGI_RESPONDER;
    head[HEADER + 2] = FCGI_KEEP_CONN;
    size_t len = BEGIN;
    if (reader->head_len > 0) {
        put_header(head + BEGIN, FCGI_PARAMS, reader->id, reader->head_len);
        len = PREFIX + reader->head_len;
    }
    put_header(head + len, FCGI_PARAMS, reader->id, 0);
    feed = (struct text){reader->head, len + HEADER};
    FCGX_InitRequest(&reader->decoded, -1, 0);
    reader->decoded.ipcFd = NO_DESCRIPTOR;
    reader->decoded.keepConnection = 1; /* else it would close its descriptor first */
    reader->is_decoded = FCGX_Accept_r(&reader->decoded) == 0;
    return reader->is_decoded;
}

static enum fcgi_event params_end(struct fcgi_reader *reader)
{
    reader->stage = STAGE_BODY;
    if (reader->cgi.too_long)
        return FCGI_HEAD;
    if (!params_are_sound((struct text){reader->head + PREFIX, reader->head_len}))
        return broken(reader, "parameters that are not name-value pairs");
    if (!decode(reader))
        return broken(reader, "parameters that libfcgi refuses");
    for (char **env = reader->decoded.envp; *env != NULL; env++) {
        struct text value = text_of(*env), name;
        text_cut(&value, '=', &name);
        cgi_add(&reader->cgi, name, value.at != NULL ? value : TEXT(""));
    }
    return FCGI_HEAD;
}

static bool params_add(struct fcgi_reader *reader, struct text bytes)
{
    if (reader->cgi.too_long || bytes.len > HEAD_MOST - reader->head_len) {
        reader->cgi.too_long = true;
        return true;
    }
    if (bytes.len > reader->head_room - reader->head_len) {
        char *head = realloc(reader->head, PREFIX + HEAD_MOST + HEADER);
        if (head == NULL)
            return false;
        reader->head = head;
        reader->head_room = HEAD_MOST;
    }
    memcpy(reader->head + PREFIX + reader->head_len, bytes.at, bytes.len);
    reader->head_len += bytes.len;
    return true;
}

/* --- body --- */

static bool body_grow(struct fcgi_reader *reader, size_t need)
{
    size_t room = reader->body_room < 4096 ? 4096 : 2 * reader->body_room;
    if (room < need)
        room = need;
    char *body = realloc(reader->body, room);
    if (body == NULL)
        return false;
    reader->body = body;
    reader->body_room = room;
    return true;
}

/* One that is too long is dropped from there on: it will be refused for its length. */
static bool body_add(struct fcgi_reader *reader, struct text bytes)
{
    reader->cgi.body_length += bytes.len;
    if (reader->cgi.body_length > reader->body_most) {
        free(reader->body);
        reader->body = NULL;
        reader->body_len = reader->body_room = reader->body_most = 0;
        return true;
    }
    if (bytes.len > reader->body_room - reader->body_len &&
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
    put_end(reader->answer, id, status);
    reader->answer_len = FCGI_END_LEN;
    return FCGI_REPLY;
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
        return say_end(reader, id, FCGI_UNKNOWN_ROLE);
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
    size_t name, value, len = HEADER;
    while (rest.len > 0 && take_length(&rest, &name) && take_length(&rest, &value) &&
           name <= rest.len && value <= rest.len - name) {
        const char *ours = value_for((struct text){rest.at, name});
        if (ours != NULL && len + 3 + name <= VALUES_MOST) {
            reader->answer[len++] = (unsigned char)name;
            reader->answer[len++] = 1;
            memcpy(reader->answer + len, rest.at, name);
            reader->answer[len + name] = (unsigned char)ours[0];
            len += name + 1;
        }
        text_skip(&rest, name + value);
    }
    put_header(reader->answer, FCGI_GET_VALUES_RESULT, 0, len - HEADER);
    reader->answer_len = len;
    return FCGI_REPLY;
}

static enum fcgi_event unknown_end(struct fcgi_reader *reader, unsigned char type)
{
    put_header(reader->answer, FCGI_UNKNOWN_TYPE, 0, 8);
    memset(reader->answer + HEADER, 0, 8);
    reader->answer[HEADER] = type;
    reader->answer_len = HEADER + 8;
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
static enum fcgi_event record_end(struct fcgi_reader *reader, bool empty)
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

static bool record_add(struct fcgi_reader *reader, struct text bytes)
{
    unsigned char type = reader->header[1];
    if (type == FCGI_BEGIN_REQUEST || record_id(reader) == FCGI_NULL_REQUEST_ID) {
        size_t room = VALUES_MOST - reader->content_len;
        size_t len = bytes.len < room ? bytes.len : room;
        memcpy(reader->content + reader->content_len, bytes.at, len);
        reader->content_len += len;
    } else if (is_ours(reader) && type == FCGI_PARAMS && reader->stage == STAGE_PARAMS) {
        return params_add(reader, bytes);
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
    struct text piece = take(bytes, HEADER - reader->header_len);
    memcpy(reader->header + reader->header_len, piece.at, piece.len);
    reader->header_len += piece.len;
    if (reader->header_len < HEADER)
        return false;
    reader->content_left = (size_t)reader->header[4] << 8 | reader->header[5];
    reader->padding_left = reader->header[6];
    reader->content_len = 0;
    return true;
}

enum fcgi_event fcgi_feed(struct fcgi_reader *reader, struct text *bytes)
{
    while (bytes->len > 0) {
        bool fresh = reader->header_len < HEADER;
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
            if (piece.len > 0 && !record_add(reader, piece))
                return broken(reader, "out of memory");
        }
        enum fcgi_event event = ends ? record_end(reader, empty) : FCGI_MORE;
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
