/* SPDX-License-Identifier: ISC */
#include "answer.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void answer_next_line(struct answer *answer)
{
    answer->has_line = false;
    answer->body_len = 0;
}

void answer_reset(struct answer *answer)
{
    answer->stage = ANSWER_STATUS;
    answer->status = 0;
    answer->closes = answer->chunked = answer->has_length = false;
    answer->streams = answer->has_line = false;
    answer->index[0] = answer->body[0] = '\0';
    answer->body_len = answer->line_len = 0;
    answer->left = 0;
}

/* The value, where the line is the header NAME (which ends with its colon). */
static const char *value_of(const char *line, const char *name)
{
    size_t len = strlen(name);
    if (strncasecmp(line, name, len) != 0)
        return NULL;
    return line + len + strspn(line + len, " \t");
}

static void status_line(struct answer *answer)
{
    if (strncmp(answer->line, "HTTP/1.1 ", 9) != 0) {
        answer->stage = ANSWER_BROKEN;
        return;
    }
    answer->status = atoi(answer->line + 9);
    answer->stage = ANSWER_HEADER;
}

static void header_end(struct answer *answer)
{
    if (answer->status == 204 || answer->status == 304) {
        answer->stage = ANSWER_COMPLETE;
    } else if (answer->chunked) {
        answer->stage = ANSWER_CHUNK_SIZE;
    } else if (answer->has_length) {
        answer->stage = answer->left > 0 ? ANSWER_BODY : ANSWER_COMPLETE;
    } else if (answer->streams) { /* until it is closed */
        answer->left = ULONG_MAX;
        answer->stage = ANSWER_BODY;
    } else {
        answer->stage = ANSWER_BROKEN;
    }
}

static void header_line(struct answer *answer)
{
    const char *line = answer->line, *value;
    if (line[0] == '\0') {
        header_end(answer);
    } else if ((value = value_of(line, "X-Polling-Index:")) != NULL) {
        strncpy(answer->index, value, ANSWER_INDEX - 1);
        answer->index[ANSWER_INDEX - 1] = '\0';
    } else if ((value = value_of(line, "Content-Type:")) != NULL) {
        answer->streams = strncasecmp(value, "text/event-stream", 17) == 0;
    } else if ((value = value_of(line, "Content-Length:")) != NULL) {
        answer->left = strtoul(value, NULL, 10);
        answer->has_length = true;
    } else if ((value = value_of(line, "Transfer-Encoding:")) != NULL) {
        answer->chunked = true;
    } else if ((value = value_of(line, "Connection:")) != NULL) {
        answer->closes = strcasecmp(value, "close") == 0;
    }
}

static void chunk_line(struct answer *answer)
{
    answer->left = strtoul(answer->line, NULL, 16);
    answer->stage = answer->left > 0 ? ANSWER_CHUNK : ANSWER_TRAILER;
}

static void whole_line(struct answer *answer)
{
    switch (answer->stage) {
    case ANSWER_STATUS:
        status_line(answer);
        break;
    case ANSWER_HEADER:
        header_line(answer);
        break;
    case ANSWER_CHUNK_SIZE:
        chunk_line(answer);
        break;
    case ANSWER_CHUNK_END:
        answer->stage = ANSWER_CHUNK_SIZE;
        break;
    default: /* the trailer */
        if (answer->line[0] == '\0')
            answer->stage = ANSWER_COMPLETE;
    }
}

/* What a line has beyond the room for it is left out. */
static size_t take_line(struct answer *answer, const char *bytes, size_t len)
{
    const char *end = memchr(bytes, '\n', len);
    size_t used = end != NULL ? (size_t)(end - bytes) + 1 : len;
    size_t text = end != NULL ? used - 1 : used;
    size_t room = ANSWER_LINE - 1 - answer->line_len;
    size_t keep = text < room ? text : room;
    memcpy(answer->line + answer->line_len, bytes, keep);
    answer->line_len += keep;
    if (end == NULL)
        return used;
    if (answer->line_len > 0 && answer->line[answer->line_len - 1] == '\r')
        answer->line_len--;
    answer->line[answer->line_len] = '\0';
    answer->line_len = 0;
    whole_line(answer);
    return used;
}

/* A line of a stream ends what is taken. */
static size_t line_within(struct answer *answer, const char *bytes, size_t len)
{
    const char *end = memchr(bytes, '\n', len);
    answer->has_line = end != NULL;
    return end != NULL ? (size_t)(end - bytes) + 1 : len;
}

static size_t take_body(struct answer *answer, const char *bytes, size_t len)
{
    size_t used = len < answer->left ? len : answer->left;
    if (answer->streams)
        used = line_within(answer, bytes, used);
    size_t room = answer->body_room - 1 - answer->body_len;
    size_t keep = used < room ? used : room;
    memcpy(answer->body + answer->body_len, bytes, keep);
    answer->body_len += keep;
    answer->body[answer->body_len] = '\0';
    answer->left -= used;
    if (answer->left == 0)
        answer->stage =
            answer->stage == ANSWER_CHUNK ? ANSWER_CHUNK_END : ANSWER_COMPLETE;
    return used;
}

size_t answer_feed(struct answer *answer, const char *bytes, size_t len)
{
    size_t used = 0;
    bool line = false;
    while (used < len && answer->stage < ANSWER_COMPLETE && !line) {
        bool body = answer->stage == ANSWER_BODY || answer->stage == ANSWER_CHUNK;
        if (body)
            used += take_body(answer, bytes + used, len - used);
        else
            used += take_line(answer, bytes + used, len - used);
        line = body && answer->has_line;
    }
    return used;
}
