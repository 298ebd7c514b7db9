/* SPDX-License-Identifier: ISC */
#include "fcgi_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "must.h"

#define PATIENCE 60 /* seconds */
#define HEADER 8

/* --- saying --- */

void records_raw(struct records *records, const void *bytes, size_t len)
{
    if (records->capacity - records->len < len) {
        records->capacity = 2 * (records->len + len);
        records->at = realloc(records->at, records->capacity);
        must(records->at != NULL, "no room for a record");
    }
    if (len > 0)
        memcpy(records->at + records->len, bytes, len);
    records->len += len;
}

void records_add(struct records *records, int type, int id, const void *content,
                 size_t len)
{
    unsigned char header[HEADER] = {
        FCGI_VERSION_1,    (unsigned char)type,       (unsigned char)(id >> 8),
        (unsigned char)id, (unsigned char)(len >> 8), (unsigned char)len};
    records_raw(records, header, sizeof header);
    records_raw(records, content, len);
}

void records_begin(struct records *records, int id, bool keeps)
{
    unsigned char body[8] = {0, FCGI_RESPONDER, keeps ? FCGI_KEEP_CONN : 0};
    records_add(records, FCGI_BEGIN_REQUEST, id, body, sizeof body);
}

static void add_length(struct records *pairs, size_t len)
{
    unsigned char bytes[4] = {(unsigned char)(0x80 | len >> 24),
                              (unsigned char)(len >> 16), (unsigned char)(len >> 8),
                              (unsigned char)len};
    if (len < 0x80)
        records_raw(pairs, &bytes[3], 1);
    else
        records_raw(pairs, bytes, 4);
}

void records_params(struct records *records, int id, const char *const *pairs)
{
    struct records content = {0};
    for (; pairs[0] != NULL; pairs += 2) {
        add_length(&content, strlen(pairs[0]));
        add_length(&content, strlen(pairs[1]));
        records_raw(&content, pairs[0], strlen(pairs[0]));
        records_raw(&content, pairs[1], strlen(pairs[1]));
    }
    records_add(records, FCGI_PARAMS, id, content.at, content.len);
    records_add(records, FCGI_PARAMS, id, NULL, 0);
    records_free(&content);
}

void records_get(struct records *records, int id, bool keeps, const char *path)
{
    char name[1024];
    const char *query = strchr(path, '?');
    snprintf(name, sizeof name, "%.*s", (int)strcspn(path, "?"), path);
    const char *pairs[] = {"REQUEST_METHOD",
                           "GET",
                           "SCRIPT_NAME",
                           name,
                           "QUERY_STRING",
                           query != NULL ? query + 1 : "",
                           NULL};
    records_begin(records, id, keeps);
    records_params(records, id, pairs);
    records_add(records, FCGI_STDIN, id, NULL, 0);
}

void records_put(struct records *records, int id, bool keeps, const char *path,
                 const char *body)
{
    char length[24];
    snprintf(length, sizeof length, "%zu", strlen(body));
    const char *pairs[] = {"REQUEST_METHOD",
                           "PUT",
                           "SCRIPT_NAME",
                           path,
                           "FCGIWAIT_ACCESS",
                           "publish",
                           "CONTENT_TYPE",
                           "text/plain",
                           "CONTENT_LENGTH",
                           length,
                           NULL};
    records_begin(records, id, keeps);
    records_params(records, id, pairs);
    if (body[0] != '\0')
        records_add(records, FCGI_STDIN, id, body, strlen(body));
    records_add(records, FCGI_STDIN, id, NULL, 0);
}

void records_free(struct records *records)
{
    free(records->at);
    *records = (struct records){0};
}

int fcgi_socket(int family)
{
    struct timeval patience = {.tv_sec = PATIENCE};
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(fd >= 0, "socket: %s", strerror(errno));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    return fd;
}

int fcgi_connect_from(const struct stack *stack, const char *address)
{
    struct sockaddr_in ours = {.sin_family = AF_INET};
    struct sockaddr_in theirs = {.sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)stack->tcp_port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = fcgi_socket(AF_INET);
    inet_pton(AF_INET, address, &ours.sin_addr);
    must(bind(fd, (struct sockaddr *)&ours, sizeof ours) == 0, "bind to %s", address);
    must(connect(fd, (struct sockaddr *)&theirs, sizeof theirs) == 0, "connect: %s",
         strerror(errno));
    return fd;
}

int fcgi_connect(const struct stack *stack)
{
    struct sockaddr_un theirs = {.sun_family = AF_UNIX};
    if (stack->tcp_port != 0)
        return fcgi_connect_from(stack, "127.0.0.1");
    int fd = fcgi_socket(AF_UNIX);
    snprintf(theirs.sun_path, sizeof theirs.sun_path, "%s", stack->socket);
    must(connect(fd, (struct sockaddr *)&theirs, sizeof theirs) == 0, "connect: %s",
         strerror(errno));
    return fd;
}

bool records_send(struct records *records, int fd)
{
    size_t sent = 0;
    while (sent < records->len) {
        ssize_t n = send(fd, records->at + sent, records->len - sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        must(n >= 0 || errno == EPIPE || errno == ECONNRESET, "send: %s",
             strerror(errno));
        if (n < 0)
            break;
        sent += (size_t)n;
    }
    bool all = sent == records->len;
    records->len = 0;
    return all;
}

void fcgi_say(int fd, struct records *records)
{
    assert_true(records_send(records, fd));
    records_free(records);
}

/* --- hearing --- */

static bool read_all(int fd, void *out, size_t len)
{
    for (size_t got = 0; got < len;) {
        ssize_t n = recv(fd, (char *)out + got, len - got, 0);
        if (n < 0 && errno == EINTR)
            continue;
        must(n >= 0 || errno == ECONNRESET, "recv: %s", strerror(errno));
        if (n <= 0)
            return false;
        got += (size_t)n;
    }
    return true;
}

/* The CGI header block becomes status and headers, the rest the body. */
static void take_apart(const struct records *out, struct answer *answer)
{
    char status[256];
    const char *end = out->at != NULL ? memmem(out->at, out->len, "\r\n\r\n", 4) : NULL;
    if (end == NULL)
        return;
    size_t head = (size_t)(end + 2 - out->at);
    answer->headers = strndup(out->at, head);
    answer->body_len = out->len - head - 2;
    answer->body = calloc(1, answer->body_len + 1);
    memcpy(answer->body, end + 4, answer->body_len);
    answer->status = atol(answer_header(answer, "Status", status));
}

static bool read_records(int fd, int id, struct records *out)
{
    unsigned char header[HEADER];
    char content[65536 + 256];
    while (read_all(fd, header, sizeof header)) {
        size_t len = (size_t)header[4] << 8 | header[5];
        must(header[0] == FCGI_VERSION_1, "not a FastCGI record");
        if (!read_all(fd, content, len + header[6]))
            return false;
        if ((header[2] << 8 | header[3]) != id)
            continue;
        if (header[1] == FCGI_END_REQUEST)
            return true;
        if (header[1] == FCGI_STDERR && len == 0) /* as nginx does */
            continue;
        must(header[1] == FCGI_STDOUT, "a record of type %d", header[1]);
        records_raw(out, content, len);
    }
    return false;
}

bool fcgi_read_answer(int fd, int id, struct answer *answer)
{
    struct records out = {0};
    *answer = (struct answer){0};
    bool whole = read_records(fd, id, &out);
    take_apart(&out, answer);
    records_free(&out);
    return whole;
}

void fcgi_must_hear(int fd, int id, long status)
{
    struct answer answer;
    must(fcgi_read_answer(fd, id, &answer), "closed without an answer");
    must(answer.status == status, "status %ld, not %ld", answer.status, status);
    answer_free(&answer);
}

struct answer fcgi_ask(const struct stack *stack, const char *const *pairs)
{
    struct records records = {0};
    struct answer answer;
    int fd = fcgi_connect(stack);
    records_begin(&records, 1, false);
    records_params(&records, 1, pairs);
    records_add(&records, FCGI_STDIN, 1, NULL, 0);
    records_send(&records, fd);
    must(fcgi_read_answer(fd, 1, &answer), "closed without an answer");
    records_free(&records);
    close(fd);
    return answer;
}

bool fcgi_is_quiet(int fd, int milliseconds)
{
    struct pollfd poll_of = {.fd = fd, .events = POLLIN};
    return poll(&poll_of, 1, milliseconds) == 0;
}

bool fcgi_is_closed(int fd)
{
    char byte;
    return !read_all(fd, &byte, 1);
}

bool fcgi_is_dismissed(int fd)
{
    unsigned char header[HEADER];
    return read_all(fd, header, sizeof header) && header[1] == FCGI_STDERR &&
           header[4] == 0 && header[5] == 0 && header[6] == 0;
}
