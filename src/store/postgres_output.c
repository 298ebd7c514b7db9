/* SPDX-License-Identifier: ISC */
/*
 * Reads pgoutput. Every message is read to its end before anything of it is believed; a
 * reader that ran out of bytes stays at its end and gives zeros, so that one look at
 * `bad` at the end is enough.
 */
#include "postgres_output.h"

#include "fcgiwait/path.h"

/* PostgreSQL's time begins with the year 2000. */
#define EPOCH (INT64_C(946684800) * NANOS_PER_SECOND)
#define MICROSECONDS_MOST (INT64_MAX / 1000 - EPOCH / 1000)

struct reader {
    struct text rest;
    bool bad;
};

/* --- numbers and strings --- */

static uint64_t take_number(struct reader *reader, size_t size)
{
    uint64_t value = 0;
    if (reader->rest.len < size) {
        reader->bad = true;
        reader->rest.len = 0;
        return 0;
    }
    for (size_t i = 0; i < size; i++)
        value = value << 8 | (unsigned char)reader->rest.at[i];
    text_skip(&reader->rest, size);
    return value;
}

static char take_byte(struct reader *reader)
{
    return (char)take_number(reader, 1);
}

static uint32_t take_32(struct reader *reader)
{
    return (uint32_t)take_number(reader, 4);
}

static struct text take_bytes(struct reader *reader, size_t size)
{
    struct text bytes = {reader->rest.at, size};
    if (reader->rest.len < size) {
        reader->bad = true;
        reader->rest.len = 0;
        return TEXT("");
    }
    text_skip(&reader->rest, size);
    return bytes;
}

/* Up to a NUL. */
static struct text take_string(struct reader *reader)
{
    const char *end =
        reader->rest.len > 0 ? memchr(reader->rest.at, '\0', reader->rest.len) : NULL;
    if (end == NULL) {
        reader->bad = true;
        reader->rest.len = 0;
        return TEXT("");
    }
    struct text string = take_bytes(reader, (size_t)(end - reader->rest.at));
    text_skip(&reader->rest, 1);
    return string;
}

/* Of PostgreSQL's microseconds: what can't be told is as far away as can be. */
static nanos take_time(struct reader *reader)
{
    int64_t microseconds = (int64_t)take_number(reader, 8);
    if (microseconds > MICROSECONDS_MOST)
        microseconds = MICROSECONDS_MOST;
    if (microseconds < -EPOCH / 1000)
        return 0;
    return microseconds * 1000 + EPOCH;
}

/* --- lists --- */

static void take_column(struct reader *reader, struct postgres_column *column)
{
    column->key = (take_byte(reader) & 1) != 0;
    column->name = take_string(reader);
    column->type = take_32(reader);
    take_32(reader); /* the type's modifier */
}

static void take_value(struct reader *reader, struct postgres_value *value)
{
    char kind = take_byte(reader);
    *value = (struct postgres_value){POSTGRES_NULL, TEXT("")};
    switch (kind) {
    case 'n':
        break;
    case 'u':
        value->kind = POSTGRES_UNCHANGED;
        break;
    case 't':
        value->kind = POSTGRES_TEXT;
        value->text = take_bytes(reader, take_32(reader));
        break;
    default: /* 'b': nobody has asked for that */
        reader->bad = true;
    }
}

static struct postgres_list take_columns(struct reader *reader)
{
    struct postgres_list list = {(uint32_t)take_number(reader, 2), reader->rest};
    struct postgres_column column;
    for (uint32_t i = 0; i < list.count && !reader->bad; i++)
        take_column(reader, &column);
    list.bytes.len -= reader->rest.len;
    return list;
}

static struct postgres_list take_values(struct reader *reader)
{
    struct postgres_list list = {(uint32_t)take_number(reader, 2), reader->rest};
    struct postgres_value value;
    for (uint32_t i = 0; i < list.count && !reader->bad; i++)
        take_value(reader, &value);
    list.bytes.len -= reader->rest.len;
    return list;
}

/* What was read once can be read again. */
static bool next_of(struct postgres_list *list, struct reader *reader)
{
    if (list->count == 0)
        return false;
    list->count--;
    *reader = (struct reader){list->bytes, false};
    return true;
}

bool postgres_column_next(struct postgres_list *list, struct postgres_column *column)
{
    struct reader reader;
    if (!next_of(list, &reader))
        return false;
    take_column(&reader, column);
    list->bytes = reader.rest;
    return true;
}

bool postgres_value_next(struct postgres_list *list, struct postgres_value *value)
{
    struct reader reader;
    if (!next_of(list, &reader))
        return false;
    take_value(&reader, value);
    list->bytes = reader.rest;
    return true;
}

bool postgres_relation_next(struct postgres_list *list, uint32_t *relation)
{
    struct reader reader;
    if (!next_of(list, &reader))
        return false;
    *relation = take_32(&reader);
    list->bytes = reader.rest;
    return true;
}

/* --- messages --- */

static void read_relation(struct reader *reader, struct postgres_message *message)
{
    message->kind = POSTGRES_RELATION;
    message->relation = take_32(reader);
    message->schema = take_string(reader);
    message->name = take_string(reader);
    message->identity = take_byte(reader);
    message->list = take_columns(reader);
}

/* The new row of an insert or an update; or, where `kind` says so, the old one before it.
 */
static void read_rows(struct reader *reader, struct postgres_message *message, bool new)
{
    char kind = take_byte(reader);
    if (kind == 'K' || kind == 'O') {
        message->old_kind = kind == 'K' ? POSTGRES_OLD_KEY : POSTGRES_OLD_ROW;
        message->old = take_values(reader);
        if (!new)
            return;
        kind = take_byte(reader);
    }
    if (kind != 'N' || !new)
        reader->bad = true;
    message->new = take_values(reader);
}

static void read_row(struct reader *reader, struct postgres_message *message, char kind)
{
    message->kind = kind == 'I'   ? POSTGRES_INSERT
                    : kind == 'U' ? POSTGRES_UPDATE
                                  : POSTGRES_DELETE;
    message->relation = take_32(reader);
    read_rows(reader, message, kind != 'D');
    if (kind == 'I' && message->old_kind != POSTGRES_OLD_NONE)
        reader->bad = true;
}

static void read_truncate(struct reader *reader, struct postgres_message *message)
{
    message->kind = POSTGRES_TRUNCATE;
    message->list.count = take_32(reader);
    take_byte(reader); /* CASCADE, RESTART IDENTITY */
    message->list.bytes = take_bytes(reader, (size_t)message->list.count * 4);
}

static void read_emitted(struct reader *reader, struct postgres_message *message)
{
    message->kind = POSTGRES_MESSAGE;
    message->transactional = (take_byte(reader) & 1) != 0;
    message->lsn = take_number(reader, 8);
    message->prefix = take_string(reader);
    message->content = take_bytes(reader, take_32(reader));
}

static void read_end(struct reader *reader, struct postgres_message *message)
{
    message->kind = POSTGRES_COMMIT;
    take_byte(reader); /* flags, none so far */
    message->lsn = take_number(reader, 8);
    message->end = take_number(reader, 8);
    message->at = take_time(reader);
}

static void read_message(struct reader *reader, struct postgres_message *message)
{
    char kind = take_byte(reader);
    switch (kind) {
    case 'B':
        message->kind = POSTGRES_BEGIN;
        message->lsn = take_number(reader, 8);
        message->at = take_time(reader);
        message->transaction = take_32(reader);
        break;
    case 'C':
        read_end(reader, message);
        break;
    case 'R':
        read_relation(reader, message);
        break;
    case 'I':
    case 'U':
    case 'D':
        read_row(reader, message, kind);
        break;
    case 'T':
        read_truncate(reader, message);
        break;
    case 'M':
        read_emitted(reader, message);
        break;
    case 'Y':
        message->kind = POSTGRES_TYPE;
        message->relation = take_32(reader);
        message->schema = take_string(reader);
        message->name = take_string(reader);
        break;
    case 'O':
        message->kind = POSTGRES_ORIGIN;
        message->lsn = take_number(reader, 8);
        message->name = take_string(reader);
        break;
    default:
        reader->bad = true;
    }
}

/* Bytes behind what we know belong to a message of a version that we did not ask for. */
bool postgres_message_read(struct text payload, struct postgres_message *message)
{
    struct reader reader = {payload, false};
    *message = (struct postgres_message){.schema = TEXT("")};
    read_message(&reader, message);
    return !reader.bad && reader.rest.len == 0;
}

/* --- frames --- */

bool postgres_frame_read(struct text data, struct postgres_frame *frame)
{
    struct reader reader = {data, false};
    char kind = take_byte(&reader);
    *frame = (struct postgres_frame){.payload = TEXT("")};
    if (kind == 'w') {
        frame->kind = POSTGRES_DATA;
        frame->start = take_number(&reader, 8);
        frame->end = take_number(&reader, 8);
        frame->at = take_time(&reader);
        frame->payload = reader.rest;
        return !reader.bad;
    }
    frame->kind = POSTGRES_KEEPALIVE;
    frame->end = take_number(&reader, 8);
    frame->at = take_time(&reader);
    frame->reply = take_byte(&reader) != 0;
    return kind == 'k' && !reader.bad && reader.rest.len == 0;
}

static char *put_number(char *out, uint64_t value)
{
    for (int shift = 56; shift >= 0; shift -= 8)
        *out++ = (char)(value >> shift);
    return out;
}

void postgres_status_write(char out[POSTGRES_STATUS], uint64_t lsn, nanos at, bool reply)
{
    *out++ = 'r';
    for (int i = 0; i < 3; i++) /* written, flushed, applied */
        out = put_number(out, lsn);
    out = put_number(out, (uint64_t)((at - EPOCH) / 1000));
    *out = (char)reply;
}

/* --- messages of ours --- */

bool postgres_message_path(struct text content, struct text *path, bool *below)
{
    *below = content.len >= 2 && memcmp(content.at + content.len - 2, "/*", 2) == 0;
    *path = content;
    if (*below)
        path->len -= content.len > 2 ? 2 : 1;
    if (*below)
        *path = path_without_slash(*path);
    return path_check(*path, PATH_LENGTH_MAX) == NULL;
}
