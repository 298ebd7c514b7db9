/* SPDX-License-Identifier: ISC */
#include "reader.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "must.h"

#define PATIENCE 60000 /* milliseconds; nobody is ever this late */

static void keep(struct reader *reader, const char *bytes, size_t len)
{
    if (reader->len + len + 1 > reader->capacity) {
        reader->capacity = 2 * reader->capacity + len + 1;
        reader->bytes = realloc(reader->bytes, reader->capacity);
        must(reader->bytes != NULL, "no memory");
    }
    memcpy(reader->bytes + reader->len, bytes, len);
    reader->len += len;
    reader->bytes[reader->len] = '\0';
}

/* One byte; false: closed. */
static bool read_byte(struct reader *reader, char *byte)
{
    struct pollfd fd = {.fd = reader->fd, .events = POLLIN};
    must(poll(&fd, 1, PATIENCE) == 1, "nothing comes");
    return recv(reader->fd, byte, 1, 0) == 1;
}

static void read_head(struct reader *reader)
{
    size_t len = 0;
    while (len < 4 || memcmp(reader->head + len - 4, "\r\n\r\n", 4) != 0) {
        must(len + 1 < sizeof reader->head, "a long head");
        must(read_byte(reader, reader->head + len), "closed within the head");
        len++;
    }
    must(sscanf(reader->head, "HTTP/1.1 %d", &reader->status) == 1, "no HTTP");
    char value[256];
    reader->is_chunked =
        strcasecmp(reader_header(reader, "Transfer-Encoding", value), "chunked") == 0;
}

void reader_open(struct reader *reader, int port, const char *method, const char *path,
                 const char *const *headers, int window)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[4096];
    *reader = (struct reader){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    if (window > 0)
        setsockopt(reader->fd, SOL_SOCKET, SO_RCVBUF, &window, sizeof window);
    must(connect(reader->fd, (struct sockaddr *)&address, sizeof address) == 0,
         "connect: %s", strerror(errno));
    int len = snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: localhost\r\n",
                       method != NULL ? method : "GET", path);
    for (; headers != NULL && *headers != NULL; headers++)
        len += snprintf(request + len, sizeof request - (size_t)len, "%s\r\n", *headers);
    len += snprintf(request + len, sizeof request - (size_t)len, "\r\n");
    must(send(reader->fd, request, (size_t)len, 0) == len, "send");
    keep(reader, "", 0);
    read_head(reader);
}

void reader_close(struct reader *reader)
{
    close(reader->fd);
    free(reader->bytes);
    *reader = (struct reader){.fd = -1};
}

const char *reader_header(const struct reader *reader, const char *name, char out[256])
{
    size_t len = strlen(name);
    out[0] = '\0';
    for (const char *line = strstr(reader->head, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':')
            snprintf(out, 256, "%.*s", (int)strcspn(line + 4 + len, "\r"),
                     line + 4 + len);
    return out;
}

/* --- the body --- */

static void begin_chunk(struct reader *reader)
{
    char line[32] = "";
    size_t len = 0;
    while (len < 2 || line[len - 1] != '\n') {
        must(len + 1 < sizeof line, "no chunk");
        must(read_byte(reader, line + len), "closed without the last chunk");
        len++;
    }
    reader->chunk_left = strtoul(line, NULL, 16);
    reader->ended = reader->chunk_left == 0;
}

/* Some more bytes, if the answer has not ended. */
static void read_more(struct reader *reader)
{
    char bytes[16384];
    size_t most = sizeof bytes;
    if (reader->is_chunked && reader->chunk_left == 0)
        begin_chunk(reader);
    if (reader->ended)
        return;
    if (reader->is_chunked && reader->chunk_left < most)
        most = reader->chunk_left;
    struct pollfd fd = {.fd = reader->fd, .events = POLLIN};
    must(poll(&fd, 1, PATIENCE) == 1, "nothing comes");
    ssize_t n = recv(reader->fd, bytes, most, 0);
    must(n > 0 || !reader->is_chunked, "closed within a chunk");
    reader->ended = n <= 0;
    if (n > 0) {
        keep(reader, bytes, (size_t)n);
        reader->chunk_left -= reader->is_chunked ? (size_t)n : 0;
        if (reader->is_chunked && reader->chunk_left == 0)
            must(read_byte(reader, bytes) && read_byte(reader, bytes),
                 "a chunk breaks off");
    }
}

static char *taken;

const char *reader_take(struct reader *reader, const char *mark)
{
    char *end;
    while ((end = strstr(reader->bytes, mark)) == NULL) {
        if (reader->ended)
            return NULL;
        read_more(reader);
    }
    size_t len = (size_t)(end - reader->bytes), whole = len + strlen(mark);
    free(taken);
    taken = strndup(reader->bytes, len);
    must(taken != NULL, "no memory");
    memmove(reader->bytes, reader->bytes + whole, reader->len - whole + 1);
    reader->len -= whole;
    return taken;
}

/* Nobody hears a comment, nor how long to wait before coming back. */
static bool is_heard(const char *block)
{
    for (; block != NULL && *block != '\0'; block = strchr(block, '\n')) {
        block += *block == '\n';
        if (*block != ':' && strncmp(block, "retry:", 6) != 0 && *block != '\0')
            return true;
    }
    return false;
}

const char *reader_event(struct reader *reader)
{
    const char *block;
    do
        block = reader_take(reader, "\n\n");
    while (block != NULL && !is_heard(block));
    return block;
}

/* %s stands for the index wherever it is. */
static void must_be(const char *said, const char *format, const char *index)
{
    char expected[4096] = "";
    must(said != NULL, "the stream ends");
    for (const char *at = format; *at != '\0'; at++) {
        size_t len = strlen(expected);
        if (at[0] == '%' && at[1] == 's') {
            strcat(expected, index);
            at++;
        } else {
            expected[len] = *at;
            expected[len + 1] = '\0';
        }
    }
    assert_string_equal(said, expected);
}

void reader_must_have(struct reader *reader, const char *format, const char *index)
{
    must_be(reader_event(reader), format, index);
}

void reader_must_have_line(struct reader *reader, const char *format, const char *index)
{
    const char *line;
    do
        line = reader_take(reader, "\n");
    while (line != NULL && *line == '\0');
    must_be(line, format, index);
}

bool reader_is_quiet(struct reader *reader, int milliseconds)
{
    struct pollfd fd = {.fd = reader->fd, .events = POLLIN};
    do {
        char *end;
        while ((end = strstr(reader->bytes, "\n\n")) != NULL) {
            *end = '\0';
            bool heard = is_heard(reader->bytes);
            *end = '\n';
            if (heard)
                return false;
            reader_take(reader, "\n\n");
        }
        if (poll(&fd, 1, milliseconds) != 1)
            return !reader->ended;
        read_more(reader);
    } while (!reader->ended);
    return false;
}

bool reader_ends(struct reader *reader)
{
    return reader_event(reader) == NULL && !is_heard(reader->bytes);
}
